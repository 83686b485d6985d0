from collections.abc import Callable
from typing import cast

import pytest

from tests.unit.wire.test_failure_log import Clock
from wire.links.accepted_link import AcceptedLink
from wire.links.registry import ENDING_MAX, NUMBERS_MAX, Registry
from wire.protocol.duplicate_ids import CONFLICTS_WITHIN_S
from wire.protocol.handshake import Hello, hello
from wire.protocol.identity import Identity, LinkNumber
from wire.protocol.limits import Limits
from wire.protocol.wire_errors import Refusal, RejectCode, SupersededError, WireError


class Link:
    """A link as a registry sees it."""

    def __init__(self, host: str = "h", *, is_silent: bool = True) -> None:
        self.host = host
        self.remote = f"{host}:5"
        self.is_silent = is_silent
        self.why: WireError | None = None

    @property
    def is_cut(self) -> bool:
        return self.why is not None

    def cut(self, why: WireError) -> None:
        self.why = why


def link(host: str = "h", *, is_silent: bool = True) -> AcceptedLink:
    return cast(AcceptedLink, Link(host, is_silent=is_silent))


def said(node: str, counter: int, kind: str = "peer", *, incarnation: int = 1, store: bytes = bytes(16)) -> Hello:
    identity = Identity(cluster="c", node=node, incarnation=incarnation, store=store)
    return hello(identity, to="", number=LinkNumber(incarnation, counter), kind=kind, local="", remote="")


def refused(step: Callable[[], object]) -> RejectCode:
    with pytest.raises(Refusal) as refusal:
        step()
    return refusal.value.code


def test_a_node_with_another_store_counts_from_the_start() -> None:
    registry = Registry(Limits())
    old, new, stale = link(), link(), link()
    registry.claim(said("a", 7, incarnation=3), old)
    registry.claim(said("a", 2, store=bytes([1]) * 16), new)
    assert isinstance(cast(Link, old).why, SupersededError)
    assert registry.live("a", LinkNumber(1, 2)) is new
    assert refused(lambda: registry.claim(said("a", 1, store=bytes([1]) * 16), stale)) is RejectCode.STALE_LINK


def test_higher_link_replaces_the_older_one_of_its_kind() -> None:
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


@pytest.mark.parametrize(("kind", "is_kept"), [(None, False), ("peer", True)])
def test_the_links_of_one_kind_are_forgotten_or_those_of_all(kind: str | None, is_kept: bool) -> None:
    registry = Registry(Limits())
    peer, client, other = link(), link(), link()
    registry.claim(said("a", 5), peer)
    registry.claim(said("a", 6, "client"), client)
    registry.claim(said("b", 5), other)
    registry.forget("a", kind)
    assert (peer.is_cut, client.is_cut, other.is_cut) == (True, not is_kept, False)
    registry.check(said("a", 4), link())
    if is_kept:
        assert refused(lambda: registry.check(said("a", 4, "client"), link())) is RejectCode.STALE_LINK
    else:
        registry.check(said("a", 4, "client"), link())


def test_links_are_bounded_but_a_takeover_needs_no_room() -> None:
    registry = Registry(Limits(links_max=3, links_per_host_max=2))
    registry.claim(said("a", 1), link("x"))
    registry.claim(said("b", 1), link("x"))
    assert refused(lambda: registry.check(said("c", 1), link("x"))) is RejectCode.FULL
    registry.claim(said("c", 1), link("y"))
    assert refused(lambda: registry.claim(said("d", 1), link("z"))) is RejectCode.FULL
    registry.claim(said("a", 2), link("x"))


def test_a_place_is_kept_for_one_that_is_being_welcomed() -> None:
    """It may know that it is welcome before its link is claimed: another that is faster must not take its place."""
    registry = Registry(Limits(links_max=2, links_per_host_max=1))
    first, second = link("x"), link("y")
    registry.check(said("a", 1), first)
    assert refused(lambda: registry.check(said("b", 1), link("x"))) is RejectCode.FULL
    registry.check(said("b", 1), second)
    assert refused(lambda: registry.claim(said("c", 1), link("z"))) is RejectCode.FULL
    registry.claim(said("a", 1), first)
    registry.release(second)
    registry.claim(said("c", 1), link("z"))


def test_no_place_is_kept_for_one_that_proved_nothing() -> None:
    registry = Registry(Limits(links_max=1))
    registry.check(said("a", 1), link(), is_proven=False)
    registry.claim(said("b", 1), link())


def test_oldest_silent_connection_is_given_up_first() -> None:
    registry = Registry(Limits())
    speaking, first, second = link(is_silent=False), link(), link()
    for each in (speaking, first, second):
        registry.add(each)
    assert registry.oldest_pending() is first
    first.cut(SupersededError("a test's"))
    assert registry.oldest_pending() is second
    registry.finish_handshake(second)
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


def test_overtaken_links_of_a_peer_are_bounded() -> None:
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


def test_overtaken_links_count_until_they_have_ended() -> None:
    registry = Registry(Limits(links_max=2))
    overtaken = link()
    registry.claim(said("a", 1), overtaken)
    registry.claim(said("a", 2), link())
    assert refused(lambda: registry.claim(said("b", 1), link())) is RejectCode.FULL
    registry.remove(said("a", 1), overtaken)
    registry.claim(said("b", 1), link())


class Process:
    """One that dials in as `b` again and again, as a dialer does: each time with the next number."""

    def __init__(self, registry: Registry, store: bytes, host: str, *, incarnation: int = 1, place: str = "") -> None:
        self.registry = registry
        self.identity = Identity(
            cluster="c", node="b", incarnation=incarnation, store=store.ljust(16), attributes={"place": place}
        )
        self.host = host
        self.counter = 0
        self.link: AcceptedLink | None = None

    def dial(self) -> RejectCode | None:
        """Get a link, or the reason why not."""
        self.counter += 1
        number = LinkNumber(self.identity.incarnation, self.counter)
        said = hello(self.identity, to="", number=number, kind="peer", local="", remote="")
        self.link, new = None, link(self.host)
        try:
            self.registry.claim(said, new)
        except Refusal as refusal:
            return refusal.code
        self.link = new
        return None

    def has_link(self) -> bool:
        return self.link is not None and not self.link.is_cut


def fight(first: Process, second: Process, dials: int = 20) -> list[RejectCode | None]:
    """Return the answers to two processes that dial without a link in turns; the first has the link first."""
    first.dial()
    heard = [second.dial()]
    for _ in range(dials):
        heard += [each.dial() for each in (first, second) if not each.has_link()]
    return heard


@pytest.mark.parametrize(
    ("store", "host", "place"), [(b"2", "x", "x"), (b"1", "y", ""), (b"1", "x", "y"), (b"2", "y", "y")]
)
def test_two_processes_of_one_id_do_not_fight_for_long(store: bytes, host: str, place: str) -> None:
    """With another store, or a copy of it elsewhere: one keeps the link, and it is known who they are."""
    registry = Registry(Limits(), Clock())
    first, second = Process(registry, b"1", "x"), Process(registry, store, host, place=place)
    heard = fight(first, second)
    assert heard[-10:] == [RejectCode.ID_IN_USE] * 10
    assert first.has_link() is not second.has_link()
    text = registry.doubled()["b"]
    assert text.startswith("two processes use the id 'b': ")
    for each in (first, second):
        assert f"{each.host}:5 (store {each.identity.store.hex()}, start 1" in text
    assert ("place y" in text) is bool(place == "y")


def test_an_earlier_start_that_still_dials_is_a_second_process() -> None:
    """A copy that was started once less gets no link, and is no less another process."""
    registry = Registry(Limits(), Clock())
    assert fight(Process(registry, b"1", "x", incarnation=2), Process(registry, b"1", "y"))[-1] is RejectCode.ID_IN_USE
    assert "start 1" in registry.doubled()["b"]


def test_copies_that_nothing_tells_apart_are_noticed() -> None:
    """Two copies on one machine with one configuration still use each other's numbers."""
    registry = Registry(Limits(), Clock())
    fight(Process(registry, b"1", "x"), Process(registry, b"1", "x"))
    assert "b" in registry.doubled()


def test_one_process_after_the_other_is_none_too_many() -> None:
    """Starts, new links, and a Hello that was late are the life of one node, however many they are."""
    clock = Clock()
    registry = Registry(Limits(), clock)
    for incarnation in range(1, 20):
        process = Process(registry, b"1", "xy"[incarnation % 2], incarnation=incarnation)
        for _ in range(3):
            assert process.dial() is None
        for each in registry.all():
            if each is not process.link:
                registry.remove(said("b", 0), each)
        process.counter -= 1
        assert process.dial() is RejectCode.STALE_LINK
        clock.now_s += CONFLICTS_WITHIN_S / 2
    assert registry.doubled() == {}


def test_the_other_process_gets_the_link_when_it_is_free() -> None:
    """The second process waits for the first link to end, and after a minute it counts as the only one."""
    clock = Clock()
    registry = Registry(Limits(), clock)
    first, second = Process(registry, b"1", "x"), Process(registry, b"2", "y")
    fight(first, second)
    winner, loser = (first, second) if first.has_link() else (second, first)
    number = LinkNumber(1, winner.counter)
    assert winner.link is not None
    registry.remove(hello(winner.identity, to="", number=number, kind="peer", local="", remote=""), winner.link)
    loser.counter = winner.counter
    assert loser.dial() is None
    assert "b" in registry.doubled()
    clock.now_s += CONFLICTS_WITHIN_S
    assert registry.doubled() == {}


def test_a_stranger_without_a_key_makes_nobody_doubled() -> None:
    """A process without a proof is refused as before, and is no sign of a second process."""
    registry = Registry(Limits(), Clock())
    process = Process(registry, b"1", "x")
    process.dial()
    for _ in range(10):
        with pytest.raises(Refusal, match="stale_link"):
            registry.check(said("b", 1), link("y"), is_proven=False)
    assert registry.doubled() == {}


def test_two_processes_with_keys_are_noticed_by_their_links() -> None:
    """There a number is refused before it is proven; that each takes the link again and again is enough."""
    registry = Registry(Limits(), Clock())
    first, second = Process(registry, b"1", "x"), Process(registry, b"1", "y")
    for counter in range(1, 10):
        for process in (first, second):
            process.counter = 2 * counter + (process is second)
            process.dial()
    assert "b" in registry.doubled()
