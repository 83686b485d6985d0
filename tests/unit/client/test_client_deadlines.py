"""A wait has one deadline, whatever its own work takes: time passes only in that work."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from elect import Client, LeaderUnavailable
from elect.client import client as client_module
from elect.client import survey as survey_module
from elect.client.endpoints import ProbeTarget
from elect.client.survey import Survey
from tests.fault.test_client_endpoints import TestClock
from tests.unit.client.test_leader_finder import SEEDS, RefusedDialing, finder_of
from wire import Address

MS = 1_000_000


class ManualClock:
    """Nanoseconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 10**12

    def __call__(self) -> int:
        return self.now


def test_no_more_is_dialed_after_the_deadline(monkeypatch):
    dialed: list[Address] = []

    def dialing(target: ProbeTarget) -> RefusedDialing:
        dialed.append(target.address)
        clock.now += 10 * MS  # a thread that starts late on a busy machine
        return RefusedDialing()

    with finder_of(SEEDS, dialing) as finder:
        clock = TestClock(monkeypatch, finder)
        begun = clock.now
        with pytest.raises(LeaderUnavailable):
            finder.wait_for("default", lambda _: None, begun + 15 * MS)
        assert clock.now == begun + 20 * MS
        assert dialed == SEEDS[:2]
        finder.stop()
        monkeypatch.undo()


def test_a_survey_dials_no_more_after_the_deadline(monkeypatch):
    dialed: list[ProbeTarget] = []

    class DialsDeadline:
        """It has passed once two endpoints were dialed."""

        remaining_s = 0.0

        def __init__(self, _: float) -> None: ...

        @property
        def is_over(self) -> bool:
            return len(dialed) >= 2

    def dialing(target: ProbeTarget) -> RefusedDialing:
        dialed.append(target)
        return RefusedDialing()

    monkeypatch.setattr(survey_module, "Deadline", DialsDeadline)
    survey = Survey(dialing, id, ManualClock())
    found = survey.ask([ProbeTarget(address=each) for each in SEEDS], "default", 1.0)
    assert [target.address for target in dialed] == SEEDS[:2]
    assert found[2].error == "not asked in time"


class StubFinder:
    """A finder that finds no leader, and notes the deadlines."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.deadlines: list[int] = []

    def wait_for(self, election: str, _: object, deadline_ns: int) -> object:
        self.deadlines.append(deadline_ns)
        raise LeaderUnavailable(election, "a leader", 0.0)

    def find_leader(self, election: str, deadline_ns: int) -> object:
        return self.wait_for(election, None, deadline_ns)


@contextmanager
def loading_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Client, StubFinder]]:
    """A client whose first use takes a second: it loads TLS and reads files."""
    clock = ManualClock()
    finder = StubFinder(clock)
    monkeypatch.setattr(client_module, "now_ns", clock)

    def find() -> StubFinder:
        clock.now += 1_000 * MS
        return finder

    with Client(["127.0.0.1:1"], cluster="c") as client:
        monkeypatch.setattr(client, "_find", find)
        yield client, finder


@pytest.mark.parametrize(
    "use",
    [
        lambda client: client.leader(timeout=5),
        lambda client: client.members(timeout=5),
        lambda client: client.followers(timeout=5),
        lambda client: client.call(id, timeout=5),
    ],
)
def test_the_first_use_is_a_part_of_the_wait(monkeypatch, use: Callable[[Client], object]):
    with loading_client(monkeypatch) as (client, finder), pytest.raises(LeaderUnavailable) as caught:
        use(client)
    assert finder.deadlines == [10**12 + 5_000 * MS]
    assert caught.value.timeout == 5
