"""Log: a logger for threads that must not wait. Filters and handlers, which may block or raise, run on another thread.

The calling thread compares levels and notes time, thread and place. One thread of the process, `wire-log`, makes the
record and passes it to its logger, as if it had been logged there. Levels, filters, handlers and record factories are
the application's; nothing here configures any. When 10,000 records wait, further ones are dropped and counted, and a
warning gives their number after the others were handled.

Of lines at INFO and above, one of a cause passes in ten seconds; see `wire.common.line_limit`. The cause is the text
with the values that are texts, or the texts in `extra`: numbers and other values are no part of it.

LogThrottle limits the lines that strangers can cause.
"""

import atexit
import contextlib
import contextvars
import logging
import math
import os
import sys
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial, wraps
from typing import ParamSpec

from wire.common.call_queue import Call, CallQueue
from wire.common.deadline import now_s
from wire.common.line_limit import LineLimit

Parameters = ParamSpec("Parameters")

FLUSH_S = 0.2
"""The longest that the end of a node, or of the process, waits for records and for handlers that block."""

INTERVAL_S = 3_600.0
"""Between two throttled lines about one subject: a scanner that comes back all day causes 24."""

SUBJECTS_MAX = 64
"""Throttled lines in an interval, about all subjects together: strangers may choose the subjects."""

_STAMPS = ("created", "msecs", "relativeCreated", "thread", "threadName", "taskName")
"""The attributes of a record that tell when and on which thread it was logged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _LoggedLine:
    """A line before its record is made: `stamp` tells when, where and on which thread it was logged."""

    logger: logging.Logger
    stamp: logging.LogRecord
    text: str
    values: tuple[object, ...]
    extra: Mapping[str, object]
    context: contextvars.Context


class Log:
    """The methods of the logger of a name; none of them waits for a handler.

    `extra` are the attributes of the record that the logging module calls so.

    Args:
        name: the name of the logger.
    """

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)  # noqa: TID251 - the one place that logs

    def debug(self, text: str, *values: object) -> None:
        """See logging.Logger."""
        self._note(logging.DEBUG, text, values)

    def info(self, text: str, *values: object, extra: Mapping[str, object] | None = None) -> None:
        """See logging.Logger."""
        self._note(logging.INFO, text, values, extra=extra)

    def warning(self, text: str, *values: object, extra: Mapping[str, object] | None = None) -> None:
        """See logging.Logger."""
        self._note(logging.WARNING, text, values, extra=extra)

    def exception(self, text: str, *values: object) -> None:
        """See logging.Logger."""
        self._note(logging.ERROR, text, values, sys.exception())

    def critical(self, text: str, *values: object, error: BaseException | None = None) -> None:
        """See logging.Logger; with the traceback of the error."""
        self._note(logging.CRITICAL, text, values, error)

    def log(
        self,
        level: int,
        text: str,
        *values: object,
        error: BaseException | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        """See logging.Logger; with the traceback of the error."""
        self._note(level, text, values, error, extra)

    def _note(
        self,
        level: int,
        text: str,
        values: tuple[object, ...],
        error: BaseException | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        logger = self._logger
        with contextlib.suppress(Exception):  # an application may have put a class of its own in the logger's place
            # As isEnabledFor, without its lock: logging holds that while it closes the handlers of before.
            if logger.disabled or level <= logger.manager.disable or level < logger.getEffectiveLevel():
                return
            path, number, function, _ = logger.findCaller(stacklevel=3)
            raised = None if error is None else (type(error), error, error.__traceback__)
            stamp = logging.LogRecord(logger.name, level, path, number, text, (), raised, function)
            # In the caller's context, for filters and factories that look up whose request it is.
            context = contextvars.copy_context()
            line = _LoggedLine(logger=logger, stamp=stamp, text=text, values=values, extra=extra or {}, context=context)
            release_held()
            if level < logging.INFO or _limit.admit((logger.name, text), _cause(line), line, now_s()):
                _queue_line(line)


class LogThrottle:
    """Admits one line about a subject in each interval, and counts the others. Any thread may call it.

    Time is given, in seconds of any clock that only rises.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Hashable, tuple[float, int]] = {}

    def admit_line(self, subject: Hashable, now_s: float) -> int | None:
        """Return None if a line about `subject` passed in the last hour, else the number suppressed since then."""
        with self._lock:
            known = self._known.get(subject)
            if known is None and not self._has_room(now_s):
                return None
            admitted_s, suppressed = known or (-math.inf, 0)
            if now_s - admitted_s < INTERVAL_S:
                self._known[subject] = admitted_s, suppressed + 1
                return None
            self._known[subject] = now_s, 0
            return suppressed

    def _has_room(self, now_s: float) -> bool:
        if len(self._known) >= SUBJECTS_MAX:
            self._known = {each: known for each, known in self._known.items() if now_s - known[0] < INTERVAL_S}
        return len(self._known) < SUBJECTS_MAX


def suppressed_suffix(suppressed: int) -> str:
    """Return the end of a line that tells the number of lines suppressed before it."""
    return f" (and {suppressed} before it)" if suppressed else ""


def flush(timeout: float) -> bool:
    """Wait at most `timeout` seconds until all records logged by now are handled; return whether they are."""
    return _queue.flush(timeout)


def release_held(now: float | None = None) -> None:
    """Queue the lines that were held back and are due. A node and a listener call it about once a second.

    Args:
        now: at this time, in seconds; None: now. Infinity: all of them, as at the end of a process.
    """
    for line, held in _limit.take_due(now_s() if now is None else now):
        _queue_line(replace(line, text=line.text + suppressed_suffix(held), extra={**line.extra, "repeated": held}))


def forget_held() -> None:
    """Forget which lines were logged: the next one of each cause passes. For tests."""
    _limit.reset()


def call_later(call: Call) -> bool:
    """Queue a call for the thread of the log; return whether there was room for it."""
    return _queue.put(call)


def text_of(error: BaseException) -> str:
    """Return the repr of an error, or its type where the repr raises."""
    try:
        return repr(error)
    except BaseException:  # noqa: BLE001 - it is the application's
        return f"{type(error).__name__} (its repr raises)"


def harmless(function: Callable[Parameters, object]) -> Callable[Parameters, None]:
    """Return the function with its errors logged, throttled, instead of raised."""
    log_throttle = LogThrottle()

    @wraps(function)
    def call(*values: Parameters.args, **named: Parameters.kwargs) -> None:
        try:
            function(*values, **named)
        except Exception as error:
            if log_throttle.admit_line(type(error).__name__, now_s()) is not None:
                _logger.exception("%s failed", function.__qualname__)

    return call


def dropped() -> int:
    """Return the number of records of this process that no handler received, or that the output of one lost."""
    return _ended_drops + sum(queue.dropped for queue in (_queue, *_outputs))


@contextlib.contextmanager
def counting_drops(output: CallQueue) -> Iterator[None]:
    """Count what a queue behind a handler drops as dropped records; those of this block stay counted."""
    global _ended_drops  # noqa: PLW0603 - the number is the process's
    _outputs.append(output)
    try:
        yield
    finally:
        _outputs.remove(output)
        _ended_drops += output.dropped


def _cause(line: _LoggedLine) -> Hashable:
    values = line.extra.values() if line.extra else line.values
    return tuple(value for value in values if isinstance(value, str | bool))


def _queue_line(line: _LoggedLine) -> None:
    call_later(partial(line.context.run, _handle, line))


def _handle(line: _LoggedLine) -> None:
    logger, stamp, text, values = line.logger, line.stamp, line.text, line.values
    try:
        _ = values and text % values
    except BaseException:  # noqa: BLE001 - the values may be the application's: their text can fail in any way
        text, values = f"{text} (a value of this has no text)", ()
    record = logger.makeRecord(
        stamp.name,
        stamp.levelno,
        stamp.pathname,
        stamp.lineno,
        text,
        values,
        stamp.exc_info,
        stamp.funcName,
        dict(line.extra),
    )
    vars(record).update({name: value for name, value in vars(stamp).items() if name in _STAMPS})
    logger.handle(record)


def _warn_dropped(count: int) -> None:
    _logger.warning("dropped %d log records: handlers were too slow, or no thread could be started", count)


def _flush_at_exit() -> None:
    """Flush, and keep `logging.shutdown` from waiting without end for the lock of a handler that blocks."""
    release_held(math.inf)
    if not flush(FLUSH_S):
        atexit.unregister(logging.shutdown)
        ending = CallQueue("wire-log-end", lambda _: None)
        ending.put(logging.shutdown)
        ending.flush(FLUSH_S)


_queue = CallQueue("wire-log", _warn_dropped)
_limit: LineLimit[_LoggedLine] = LineLimit()
os.register_at_fork(after_in_child=_limit.reset)
_outputs: list[CallQueue] = []
_ended_drops = 0
_logger = Log(__name__)
atexit.register(_flush_at_exit)
