"""Records are noted on the caller's thread and handled on another, as if they had been logged there."""

import contextvars
import logging
import math
import threading
from collections.abc import Iterator

import pytest

from wire.common import log
from wire.common.log import Log, harmless, text_of
from wire.common.reported_thread import ReportedThread

DEADLINE_S = 10.0
NAME = "tests.wire.log"


class Kept(logging.Handler):
    """Keeps records, and on which thread they came."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.threads: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.threads.add(threading.current_thread().name)


class Nameless(Exception):  # noqa: N818 - it has no name
    """An argument whose text raises."""

    def __repr__(self) -> str:
        raise SystemExit

    __str__ = __repr__


@pytest.fixture
def kept() -> Iterator[Kept]:
    handler, logger = Kept(), logging.getLogger(NAME)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    log.flush(DEADLINE_S)
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def test_a_record_tells_of_its_caller_and_is_handled_elsewhere(kept: Kept) -> None:
    def call() -> None:
        Log(NAME).info("%s of %d", "one", 2)

    thread = threading.Thread(target=call, name="a-caller")
    thread.start()
    thread.join(DEADLINE_S)
    assert log.flush(DEADLINE_S)
    [record] = kept.records
    assert (record.getMessage(), record.levelname, record.name) == ("one of 2", "INFO", NAME)
    assert (record.threadName, record.thread) == ("a-caller", thread.ident)
    assert (record.funcName, record.filename, record.args) == ("call", "test_log.py", ("one", 2))
    assert kept.threads == {"wire-log"}


def test_levels_are_those_of_the_application_at_the_call(kept: Kept) -> None:
    logger = Log(NAME)
    logger.debug("no")
    logging.disable(logging.INFO)
    logger.info("no")
    logging.disable(logging.NOTSET)
    logger.log(logging.INFO, "yes")
    logging.getLogger(NAME).setLevel(logging.ERROR)
    logger.warning("no")
    assert log.flush(DEADLINE_S)
    assert [record.getMessage() for record in kept.records] == ["yes"]


def test_an_exception_is_recorded_with_its_traceback(kept: Kept) -> None:
    error = ValueError("x")
    try:
        raise error
    except ValueError:
        Log(NAME).exception("it failed")
    Log(NAME).critical("it died", error=error)
    assert log.flush(DEADLINE_S)
    assert [record.exc_info for record in kept.records] == [(ValueError, error, error.__traceback__)] * 2


def test_values_without_a_text_are_no_reason_to_say_nothing(kept: Kept) -> None:
    Log(NAME).warning("it raised: %r", Nameless())
    assert log.flush(DEADLINE_S)
    assert [record.getMessage() for record in kept.records] == ["it raised: %r (a value of this has no text)"]
    assert text_of(Nameless()) == "Nameless (its repr raises)"
    assert text_of(ValueError(1)) == "ValueError(1)"


def test_a_factory_gets_the_context_of_the_caller(kept: Kept) -> None:
    request = contextvars.ContextVar("request", default="none")
    before = logging.getLogRecordFactory()

    def make(*values: object, **named: object) -> logging.LogRecord:
        record = before(*values, **named)
        record.request = request.get()
        return record

    request.set("seven")
    logging.setLogRecordFactory(make)
    try:
        Log(NAME).info("x")
        assert log.flush(DEADLINE_S)
    finally:
        logging.setLogRecordFactory(before)
    assert [vars(record)["request"] for record in kept.records] == ["seven"]


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_a_filter_that_raises_costs_the_record_alone(kept: Kept, error: type[BaseException]) -> None:
    def fail(record: logging.LogRecord) -> bool:
        if "bad" in record.getMessage():
            raise error
        return True

    kept.addFilter(fail)
    before = log.dropped()
    Log(NAME).info("bad")
    Log(NAME).info("good")
    assert log.flush(DEADLINE_S)
    assert [record.getMessage() for record in kept.records] == ["good"]
    assert log.dropped() == before + 1


def test_the_error_that_ends_a_thread_is_told_on_another(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[BaseException | None, threading.Thread | None, str]] = []
    monkeypatch.setattr(
        threading,
        "excepthook",
        lambda args: told.append((args.exc_value, args.thread, threading.current_thread().name)),
    )
    error = ValueError()

    def fail() -> None:
        raise error

    thread = ReportedThread(fail, name="failing")
    thread.start()
    thread.join(DEADLINE_S)
    assert log.flush(DEADLINE_S)
    assert told == [(error, thread, "wire-log")]


def test_what_a_metric_raises_goes_no_further(caplog: pytest.LogCaptureFixture) -> None:
    def fail(value: int) -> None:
        raise OSError(value)

    for value in range(3):
        harmless(fail)(value)
        log.forget_held()
    count = harmless(fail)
    count(3)
    log.forget_held()
    count(4)
    assert caplog.text.count("fail failed") == 4


def test_of_one_cause_a_line_passes_and_then_the_latest(kept: Kept) -> None:
    """Numbers are no part of the cause, other texts are."""
    for number in range(5):
        Log(NAME).info("%s leads in term %d", "a", number)
        Log(NAME).info("%s leads in term %d", "b", number)
    assert log.flush(DEADLINE_S)
    assert [record.getMessage() for record in kept.records] == ["a leads in term 0", "b leads in term 0"]
    kept.records.clear()
    log.release_held(math.inf)
    assert log.flush(DEADLINE_S)
    texts = [record.getMessage() for record in kept.records]
    assert texts == ["a leads in term 4 (and 3 before it)", "b leads in term 4 (and 3 before it)"]
    assert [vars(record)["repeated"] for record in kept.records] == [3, 3]


def test_the_cause_is_what_extra_says_and_a_record_has_it(kept: Kept) -> None:
    for number in range(3):
        Log(NAME).warning("%s", f"link {number}", extra={"event": "link", "peer": "b", "number": number})
    assert log.flush(DEADLINE_S)
    [record] = kept.records
    assert (record.getMessage(), vars(record)["peer"], vars(record)["number"]) == ("link 0", "b", 0)


def test_debug_lines_are_not_held(kept: Kept) -> None:
    logging.getLogger(NAME).setLevel(logging.DEBUG)
    for _ in range(3):
        Log(NAME).debug("again")
    assert log.flush(DEADLINE_S)
    assert len(kept.records) == 3
