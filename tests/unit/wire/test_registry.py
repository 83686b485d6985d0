from collections.abc import Callable
from typing import cast

import pytest

from wire.errors import Refusal, RejectCode, SupersededError, WireError
from wire.handshake import Hello, hello
from wire.identity import Identity, LinkNumber
from wire.limits import Limits
from wire.link import AcceptedLink
from wire.registry import ENDING_MAX, NUMBERS_MAX, Registry


class Link:
    """What a registry knows of a link."""

    def __init__(self, host: str = "h", *, is_silent: bool = True) -> None:
        self.host = host
        self.is_silent = is_silent
        self.why: WireError | None = None

    @property
    def is_cut(self) -> bool:
        return self.why is not None

    def cut(self, why: WireError) -> None:
        self.why = why


def link(host: str = "h", *, is_silent: bool = True) -> AcceptedLink:
    return cast(AcceptedLink, Link(host, is_silent=is_silent))


def said(node: str, counter: int, kind: str = "peer") -> Hello:
    identity = Identity(cluster="c", node=node, incarnation=1, store=bytes(16))
    return hello(identity, to="", number=LinkNumber(1, counter), kind=kind, local="", remote="")


def refused(step: Callable[[], object]) -> RejectCode:
    with pytest.raises(Refusal) as refusal:
        step()
    return refusal.value.code


def test_a_higher_link_takes_the_place_of_the_peers_older_one_of_that_kind_only() -> None:
    registry = Registry(Limits())
    old, other, new = link(), link(), link()
    registry.claim(said("a", 1), old)
    registry.claim(said("a", 2, "client"), other)
    registry.claim(said("a", 3), new)
    assert isinstance(cast(Link, old).why, SupersededError)
    assert not other.is_cut
    assert registry.live("a", LinkNumber(1, 2)) is other
    assert registry.live("a", LinkNumber(1, 3)) is new
    registry.remove(said("a", 1), old)
    assert registry.live("a", LinkNumber(1, 1)) is None
    assert set(registry.all()) == {other, new}
    assert refused(lambda: registry.check(said("a", 3), link())) is RejectCode.STALE_LINK


def test_a_number_names_one_link_of_a_peer_whatever_their_kinds() -> None:
    """Messages are put by peer and number: of two that share it, one would get the other's."""
    registry = Registry(Limits())
    first = link()
    registry.claim(said("a", 1), first)
    assert refused(lambda: registry.check(said("a", 1, "client"), link())) is RejectCode.STALE_LINK
    assert registry.live("a", LinkNumber(1, 1)) is first
    registry.claim(said("a", 2, "client"), link())
    registry.remove(said("a", 1), first)
    registry.claim(said("a", 1, "mirror"), link())


def test_links_are_bounded_in_all_and_for_one_host_and_a_takeover_needs_no_room() -> None:
    registry = Registry(Limits(links_max=3, links_per_host_max=2))
    registry.claim(said("a", 1), link("x"))
    registry.claim(said("b", 1), link("x"))
    assert refused(lambda: registry.check(said("c", 1), link("x"))) is RejectCode.FULL
    registry.claim(said("c", 1), link("y"))
    assert refused(lambda: registry.claim(said("d", 1), link("z"))) is RejectCode.FULL
    registry.claim(said("a", 2), link("x"))


def test_the_oldest_silent_one_goes_first_and_one_that_is_going_is_not_chosen_again() -> None:
    registry = Registry(Limits())
    speaking, first, second = link(is_silent=False), link(), link()
    for each in (speaking, first, second):
        registry.add(each)
    assert registry.oldest_pending() is first
    first.cut(SupersededError("a test's"))
    assert registry.oldest_pending() is second
    registry.settle(second)
    assert registry.oldest_pending() is speaking


def test_a_host_makes_room_for_itself_once_it_has_too_many() -> None:
    registry = Registry(Limits(pending_per_host_max=2))
    links = [link("x"), link("y"), link("x")]
    registry.add(links[0])
    registry.add(links[1])
    assert registry.oldest_pending("x") is None
    registry.add(links[2])
    assert registry.oldest_pending("x") is links[0]
    assert registry.oldest_pending("y") is None


def test_the_highest_numbers_that_are_remembered_are_bounded() -> None:
    registry = Registry(Limits())
    live = link("live")
    registry.claim(said("live", 5), live)
    for count in range(NUMBERS_MAX + 10):
        registry.claim(said(f"n{count}", 1), gone := link(str(count)))
        registry.remove(said(f"n{count}", 1), gone)
    assert len(registry._highest) <= NUMBERS_MAX + 2, "those with a live link beside"
    assert refused(lambda: registry.check(said("live", 5), link())) is RejectCode.STALE_LINK
    assert refused(lambda: registry.check(said(f"n{count}", 1), link())) is RejectCode.STALE_LINK
    registry.check(said("n0", 1), link())


def test_who_comes_again_and_again_waits_until_some_of_the_overtaken_links_have_ended() -> None:
    registry = Registry(Limits())
    links = [link() for _ in range(ENDING_MAX + 1)]
    for counter, each in enumerate(links):
        registry.claim(said("a", counter), each)
    assert refused(lambda: registry.claim(said("a", 100), link())) is RejectCode.FULL
    registry.claim(said("b", 1), other := link())
    registry.claim(said("a", 101, "client"), another := link())
    assert set(registry.all()) == {*links, other, another}
    registry.remove(said("a", 0), links[0])
    registry.claim(said("a", 102), link())


def test_overtaken_links_count_for_the_others_until_they_have_ended() -> None:
    registry = Registry(Limits(links_max=2))
    overtaken = link()
    registry.claim(said("a", 1), overtaken)
    registry.claim(said("a", 2), link())
    assert refused(lambda: registry.claim(said("b", 1), link())) is RejectCode.FULL
    registry.remove(said("a", 1), overtaken)
    registry.claim(said("b", 1), link())
