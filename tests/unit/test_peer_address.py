"""The addresses of one peer, in the order in which they are dialed."""

import pytest

from elect.runtime.dialers import PATIENCE, PeerAddress
from wire.protocol.address import Address


def at(host: str) -> Address:
    return Address(host, 1)


def hosts(address: PeerAddress, count: int, seeds: str = "") -> str:
    """The hosts of the next dials, all of which fail."""
    return "".join(address.resolve([at(each) for each in seeds]).host for _ in range(count))


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


def test_seeds_take_every_second_dial_once_others_have_failed():
    address = PeerAddress()
    address.set_configured("c:1")
    assert hosts(address, PATIENCE, "xyc") == "c" * PATIENCE
    assert hosts(address, 6, "xyc") == "xcycxc"
    address.set_shown("s:1", is_reached=False)
    hosts(address, PATIENCE, "x")
    assert hosts(address, 4, "x") == "xsxc"
    assert hosts(address, 4) == "scsc"


def test_a_seed_in_another_spelling_is_no_other_address():
    address = PeerAddress(at("C"))
    assert hosts(address, PATIENCE + 4, "c") == "C" * (PATIENCE + 4)


def test_a_peer_that_is_there_is_dialed_at_its_own_address():
    address = PeerAddress()
    address.set_configured("c:1")
    hosts(address, PATIENCE + 1, "xy")
    address.note_accepted()
    assert hosts(address, PATIENCE, "xy") == "c" * PATIENCE


def test_a_seed_is_dialed_where_no_address_is_known():
    address = PeerAddress()
    for _ in range(PATIENCE):
        with pytest.raises(ValueError, match="no address"):
            address.resolve([at("x")])
    assert hosts(address, 2, "x") == "xx"


def test_the_seed_that_led_to_the_peer_is_its_address():
    address = PeerAddress(at("f"))
    address.set_configured("c:1")
    hosts(address, PATIENCE + 1, "x")
    address.note_reached()
    address.set_shown("x:1", is_reached=True)
    assert hosts(address, 4) == "xfcx"


def test_a_peer_has_no_place_where_another_node_answers():
    address = PeerAddress(at("F"))
    address.set_configured("c:1")
    assert address.places == {at("f"), at("c")}
    hosts(address, 1)
    address.note_stranger()
    assert address.places == {at("c")}
    hosts(address, 2)
    address.note_reached()
    assert address.places == {at("f"), at("c")}


def test_another_node_at_a_seed_says_nothing_about_the_peer():
    address = PeerAddress(at("f"))
    hosts(address, PATIENCE + 1, "x")
    address.note_stranger()
    assert address.places == {at("f")}
