import errno
import logging
import queue
import threading

import pytest

from elect.core.configuration import Configuration
from elect.core.ready import Ballot, Meeting, Write
from elect.errors import StoreError, StoreGone
from elect.storage.journal import Journal, JournalDied, JournalEvent, StoreRecovered, WriteFailed, Written
from elect.storage.store import MemoryStore

DEADLINE_S = 5.0
FULL = StoreError(errno.ENOSPC, "No space left on device", "/data")


class SlowStore(MemoryStore):
    """Waits to be let through, then fails or not as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: queue.Queue[BaseException | None] = queue.Queue()
        self.entered = threading.Semaphore(0)
        self.calls: list[dict[str, Ballot]] = []
        self.configurations: list[Configuration | None] = []
        self.closed = 0

    def write(self, ballots, promise_ns=None, meetings=None, configuration=None) -> None:
        self.calls.append({**ballots, **(meetings or {})})
        self.configurations.append(configuration)
        self.entered.release()
        error = self.errors.get(timeout=DEADLINE_S)
        if error is not None:
            raise error
        super().write(ballots, promise_ns, configuration=configuration)

    def close(self) -> None:
        self.closed += 1


def write(number: int, election: str = "default", term: int | None = None) -> Write:
    return Write(number=number, ballots={election: Ballot(term=term or number, voted_for="b")})


class Bench:
    """A journal on a slow store, with its events in a queue."""

    def __init__(self, **options: object) -> None:
        self.store = SlowStore()
        self.events: queue.Queue[JournalEvent] = queue.Queue()
        self.journal = Journal(self.store, self.events.put, **{"probe_interval_s": 0.01, **options})  # type: ignore[arg-type]
        self.journal.start()

    def put(self, *writes: Write) -> None:
        for each in writes:
            assert self.journal.put(each)

    def wait_until_writing(self) -> None:
        assert self.store.entered.acquire(timeout=DEADLINE_S)

    def answer(self, *errors: BaseException | None) -> None:
        for error in errors:
            self.store.errors.put(error)

    def next(self) -> JournalEvent:
        return self.events.get(timeout=DEADLINE_S)


@pytest.fixture
def bench():
    made = Bench()
    yield made
    made.answer(*[None] * 8)
    assert made.journal.stop(DEADLINE_S)


def test_write_is_reported_when_it_is_on_disk(bench):
    bench.put(write(1))
    bench.wait_until_writing()
    assert bench.events.empty()
    bench.answer(None)
    event = bench.next()
    assert isinstance(event, Written)
    assert event.numbers == (1,)
    assert event.took_ns > 0
    assert bench.store.ballots == {"default": Ballot(term=1, voted_for="b")}


def test_what_waits_becomes_one_transaction(bench):
    bench.put(write(1))
    bench.wait_until_writing()
    bench.put(write(2), write(3), write(4, "other"))
    bench.answer(None, None)
    assert isinstance(first := bench.next(), Written) and first.numbers == (1,)
    assert isinstance(second := bench.next(), Written) and second.numbers == (2, 3, 4)
    assert bench.store.calls[1] == {"default": Ballot(term=3, voted_for="b"), "other": Ballot(term=4, voted_for="b")}


def test_longest_promise_of_a_batch_is_kept(bench):
    bench.put(write(1))
    bench.wait_until_writing()
    bench.put(Write(number=2, ballots={}, promise_ns=9), Write(number=3, ballots={}, promise_ns=7), write(4))
    bench.answer(None, None)
    assert [type(bench.next()), type(bench.next())] == [Written, Written]
    assert bench.store.promise_ns == 9


def test_put_never_waits_and_refuses_what_does_not_fit():
    bench = Bench(queue_max=2)
    bench.put(write(1))
    bench.wait_until_writing()
    assert [bench.journal.put(write(number)) for number in (2, 3, 4)] == [True, True, False]
    assert bench.journal.backlog == 2
    bench.answer(None, None)
    assert bench.journal.stop(DEADLINE_S)


def test_a_failed_write_is_reported_and_the_disk_is_tried_again(bench, caplog):
    with caplog.at_level(logging.WARNING):
        bench.put(write(1))
        bench.answer(FULL, FULL, FULL, None)
        failed = bench.next()
        assert isinstance(failed, WriteFailed)
        assert failed.numbers == (1,)
        assert failed.error is FULL
        assert bench.next() == StoreRecovered(failures=3)
    assert bench.events.empty()  # write 1 failed once and for all: its number never comes back
    assert [record.getMessage() for record in caplog.records] == [
        "the store fails: /data: No space left on device",
        "the store works again after 3 failures",
    ]


def test_ballots_of_a_failed_write_are_in_the_next_good_one(bench):
    bench.put(write(1, "first"))
    bench.answer(FULL)
    assert isinstance(bench.next(), WriteFailed)
    bench.put(write(2, "second"))
    bench.answer(*[None] * 3)
    assert isinstance(bench.next(), StoreRecovered)
    while bench.store.ballots.keys() != {"first", "second"}:
        assert isinstance(bench.next(), Written)
    assert bench.store.ballots["first"] == Ballot(term=1, voted_for="b")


def test_meetings_of_a_failed_write_are_in_the_next_good_one(bench):
    bench.answer(FULL, None)
    bench.put(Write(number=1, ballots={}, meetings={"b": Meeting(store_id=bytes(16))}))
    assert isinstance(bench.next(), WriteFailed)
    assert isinstance(bench.next(), StoreRecovered)
    assert bench.store.calls == [{"b": Meeting(store_id=bytes(16))}] * 2


def installing(number: int, version: int | None = None) -> Write:
    configuration = None if version is None else Configuration(version=version)
    return Write(number=number, ballots={}, configuration=configuration)


def test_newest_configuration_of_a_batch_is_written_once(bench):
    bench.put(write(1))
    bench.wait_until_writing()
    bench.put(installing(2, version=1), installing(3, version=2), installing(4), installing(5, version=1))
    bench.answer(None, None)
    assert [type(bench.next()), type(bench.next())] == [Written, Written]
    bench.put(write(6))
    bench.answer(None)
    assert isinstance(bench.next(), Written)
    assert bench.store.configurations == [None, Configuration(version=2), None]


def test_configuration_of_a_failed_write_is_in_the_next_good_one(bench):
    bench.answer(FULL, None)
    bench.put(installing(1, version=1))
    assert isinstance(bench.next(), WriteFailed)
    assert isinstance(bench.next(), StoreRecovered)
    assert bench.store.configuration == Configuration(version=1)


def test_write_during_an_outage_fails_under_its_own_number(bench):
    bench.put(write(1))
    bench.answer(FULL)
    assert isinstance(bench.next(), WriteFailed)
    bench.put(write(2))
    bench.answer(FULL, FULL)
    assert isinstance(failed := bench.next(), WriteFailed)
    assert failed.numbers == (2,)


def test_each_cause_is_logged_once(bench, caplog):
    other = StoreError(errno.EIO, "Input/output error", "/data")
    with caplog.at_level(logging.WARNING):
        bench.put(write(1))
        bench.answer(FULL, FULL, other, other, None)
        assert isinstance(bench.next(), WriteFailed)
        assert bench.next() == StoreRecovered(failures=4)
    assert [record.getMessage() for record in caplog.records] == [
        "the store fails: /data: No space left on device",
        "the store fails: /data: Input/output error",
        "the store works again after 4 failures",
    ]


@pytest.mark.parametrize(
    "error", [RuntimeError("a term never falls"), ZeroDivisionError(), StoreGone(2, "it was removed", "elect.sqlite3")]
)
def test_an_unexpected_error_ends_the_thread(bench, error, caplog):
    bench.put(write(1))
    bench.answer(error)
    assert bench.next() == JournalDied(error=error)
    assert bench.journal.stop(DEADLINE_S)
    assert not bench.journal.is_alive
    assert bench.store.closed == 1
    assert "the journal thread died" in caplog.text


def test_an_error_in_the_work_on_an_event_ends_the_thread():
    error = ZeroDivisionError()
    events: queue.Queue[JournalEvent] = queue.Queue()

    def deliver(event: JournalEvent) -> None:
        if isinstance(event, Written):
            raise error
        events.put(event)

    journal = Journal(MemoryStore(), deliver)
    journal.start()
    assert journal.put(write(1))
    assert events.get(timeout=DEADLINE_S) == JournalDied(error=error)
    assert journal.stop(DEADLINE_S)


def test_stop_writes_what_was_taken_and_closes_the_store():
    bench = Bench()
    bench.put(write(1))
    bench.wait_until_writing()
    bench.put(write(2))
    bench.answer(None, None)
    assert bench.journal.stop(DEADLINE_S)
    assert bench.journal.stop(DEADLINE_S)
    assert bench.store.ballots["default"].term == 2
    assert bench.store.closed == 1


def test_stop_gives_up_on_a_disk_that_hangs():
    bench = Bench()
    bench.put(write(1))
    bench.wait_until_writing()
    assert bench.journal.stop(0.01) is False
    bench.answer(None)
    assert bench.journal.stop(DEADLINE_S) is True


def test_stop_ends_during_an_outage():
    bench = Bench(probe_interval_s=3600.0)
    bench.put(write(1))
    bench.answer(FULL, FULL)
    assert isinstance(bench.next(), WriteFailed)
    assert bench.journal.stop(DEADLINE_S)


def test_stop_before_start_closes_the_store():
    store = SlowStore()
    assert Journal(store, lambda event: None).stop(0)
    assert store.closed == 1
