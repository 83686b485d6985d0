"""The addresses of one peer, in the order in which they are dialed."""

import pytest

from elect.runtime.dialers import PATIENCE, PeerAddress
from wire.protocol.address import Address


def at(host: str) -> Address:
    return Address(host, 1)


def hosts(address: PeerAddress, count: int, *, is_lost: bool = False) -> str:
    """The hosts of the next dials, all of which fail."""
    return "".join(address.resolve(is_lost=is_lost).host for _ in range(count))


def test_addresses_are_tried_in_turn_while_dials_fail():
    address = PeerAddress(at("f"))
    assert hosts(address, 2) == "ff"
    address.set_configured("c:1")
    assert hosts(address, 4) == "fcfc"


def test_the_address_that_led_to_the_peer_is_dialed_again():
    address = PeerAddress(at("f"))
    address.set_configured("c:1")
    assert hosts(address, 2) == "fc"
    address.note_reached()
    assert hosts(address, 2) == "cf"


def test_the_address_of_the_file_comes_first():
    address = PeerAddress(at("f"))
    address.resolve()
    address.set_shown("s:1", is_reached=False)
    assert hosts(address, 3) == "fsf"
    address.set_shown("s:1", is_reached=False)
    assert hosts(address, 1) == "s"
    address.set_shown("t:1", is_reached=False)
    assert hosts(address, 3) == "ftf"


def test_a_shown_address_comes_before_a_configured_one():
    address = PeerAddress()
    address.set_configured("c:1")
    address.resolve()
    address.set_shown("s:1", is_reached=False)
    assert hosts(address, 3) == "scs"


def test_the_address_in_use_stays_first_while_it_works():
    address = PeerAddress(at("f"))
    address.resolve()
    address.note_reached()
    address.set_shown("s:1", is_reached=True)
    assert hosts(address, 3) == "fsf"


@pytest.mark.parametrize("text", ["", "no port", "0.0.0.0:1", "h:0", "x" * 5000])
def test_an_address_that_cannot_be_dialed_is_left_out(text):
    address = PeerAddress(at("f"))
    address.set_shown(text, is_reached=False)
    address.set_configured(text)
    assert hosts(address, 2) == "ff"


def test_a_peer_without_an_address_cannot_be_dialed():
    address = PeerAddress()
    with pytest.raises(ValueError, match="no address"):
        address.resolve()
    address.set_shown("s:1", is_reached=False)
    assert hosts(address, 1) == "s"


def test_seeds_come_last_for_a_node_that_is_lost():
    address = PeerAddress(seeds=(at("x"), at("y"), at("c")))
    address.set_configured("c:1")
    assert hosts(address, PATIENCE, is_lost=True) == "c" * PATIENCE
    assert set(hosts(address, 6, is_lost=True)) == set("cxy")
    assert hosts(address, 6) == "c" * 6


def test_a_peer_that_is_there_is_dialed_at_its_own_address():
    address = PeerAddress(seeds=(at("x"), at("y")))
    address.set_configured("c:1")
    hosts(address, PATIENCE + 1, is_lost=True)
    address.note_accepted()
    assert hosts(address, PATIENCE, is_lost=True) == "c" * PATIENCE


def test_a_seed_is_dialed_where_no_address_is_known():
    address = PeerAddress(seeds=(at("x"),))
    for _ in range(PATIENCE):
        with pytest.raises(ValueError, match="no address"):
            address.resolve(is_lost=True)
    assert hosts(address, 2, is_lost=True) == "xx"
