"""The waits of a client whose dials all fail, without sockets."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from elect import LeaderUnavailable
from elect.client import leader_finder
from elect.client.client_link import ClientLink
from elect.client.client_links import join_all
from elect.client.endpoints import Endpoints, ProbeTarget
from elect.client.leader_finder import LeaderFinder
from elect.clock import now_ns
from wire import Address
from wire.protocol.wire_errors import ConnectError

PATIENCE_S = 60.0
SEEDS = [Address("10.0.0.1", port) for port in (1, 2, 3)]


@dataclass(frozen=True)
class RefusedDialing:
    """A dial that is refused at once."""

    to: str = ""
    watch: Callable[[object], object] = id

    def dial(self, address: Address, _: object) -> None:
        raise ConnectError(f"{address}: refused")


@contextmanager
def finder_of(
    seeds: list[Address], dialing: Callable[[ProbeTarget], object] = lambda _: RefusedDialing()
) -> Iterator[LeaderFinder]:
    finder = LeaderFinder("client", Endpoints(seeds), dialing)
    try:
        yield finder
    finally:
        finder.stop()
        join_all(finder.threads, PATIENCE_S)


def test_a_rest_begins_only_with_the_loss_of_the_last_link(monkeypatch):
    with finder_of(SEEDS) as finder:
        rests: list[int] = []
        monkeypatch.setattr(finder._probing, "rest", rests.append)
        links = [ClientLink(ProbeTarget(address=each), RefusedDialing(), finder, ()) for each in SEEDS]
        for link in links:
            finder._links.add(link)
        finder._links.note_reported(links[0])
        for link in links:
            finder.note_ended(link, ConnectError("refused"))
        assert len(rests) == 1


@pytest.mark.parametrize("seeds", [SEEDS[:1], SEEDS])
def test_two_calls_that_wait_in_vain_do_not_wake_each_other(seeds):
    with finder_of(seeds) as finder:
        looks: list[int] = []

        def wait() -> None:
            with pytest.raises(LeaderUnavailable):
                finder.wait_for("default", looks.append, now_ns() + 300_000_000)

        threads = [threading.Thread(target=wait) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(looks) < 500


def test_a_watch_soon_tries_again_to_have_a_thread(monkeypatch):
    waits, start = [], leader_finder.ReportedThread.start

    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    def wait(timeout: float) -> None:
        waits.append(timeout)
        monkeypatch.setattr(leader_finder.ReportedThread, "start", start)
        if finder.threads:
            finder.stop()

    with finder_of(SEEDS) as finder, finder.using("default"):
        monkeypatch.setattr(leader_finder.ReportedThread, "start", refuse)
        monkeypatch.setattr(finder.changed, "wait", wait)
        assert finder.wait_for_change("default", 0) is None
        monkeypatch.undo()
    assert waits == [leader_finder.THREADLESS_WAIT_S, leader_finder.LONGEST_WAIT_S]
