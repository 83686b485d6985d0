"""Log: a logger for threads that must not wait. Filters and handlers, which may block or raise, run on another thread.

The caller's thread compares levels and notes time, thread and place. One thread of the process, `wire-log`, makes the
record and hands it to its logger, as if it had been logged there: levels, filters, handlers and record factories are
those of the application, and nothing here configures any. When 10,000 records wait, further ones are dropped and
counted, and a warning says how many once the others are through.
"""

import atexit
import contextlib
import contextvars
import logging
import sys
from collections.abc import Callable
from functools import partial, wraps
from typing import ParamSpec

from wire.common.call_queue import Call, CallQueue
from wire.common.deadline import now_s
from wire.common.log_throttle import LogThrottle

Parameters = ParamSpec("Parameters")

FLUSH_S = 0.2
"""How long the end of a node, or of the process, waits for records and for handlers that block."""

_STAMPS = ("created", "msecs", "relativeCreated", "thread", "threadName", "taskName")
"""The attributes of a record that tell when and on which thread it was logged."""


class Log:
    """Logs under a name, as the logger of that name would.

    Args:
        name: of the logger.
    """

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)  # noqa: TID251 - the one place that logs

    def debug(self, text: str, *values: object) -> None:
        """See logging.Logger."""
        self._note(logging.DEBUG, text, values)

    def info(self, text: str, *values: object) -> None:
        """See logging.Logger."""
        self._note(logging.INFO, text, values)

    def warning(self, text: str, *values: object) -> None:
        """See logging.Logger."""
        self._note(logging.WARNING, text, values)

    def exception(self, text: str, *values: object) -> None:
        """See logging.Logger."""
        self._note(logging.ERROR, text, values, sys.exception())

    def critical(self, text: str, *values: object, error: BaseException | None = None) -> None:
        """See logging.Logger; with the traceback of the error."""
        self._note(logging.CRITICAL, text, values, error)

    def log(self, level: int, text: str, *values: object, error: BaseException | None = None) -> None:
        """See logging.Logger; with the traceback of the error."""
        self._note(level, text, values, error)

    def _note(self, level: int, text: str, values: tuple[object, ...], error: BaseException | None = None) -> None:
        logger = self._logger
        with contextlib.suppress(Exception):  # an application may have put a class of its own in the logger's place
            # As isEnabledFor, without its lock: logging holds that while it closes the handlers of before.
            if logger.disabled or level <= logger.manager.disable or level < logger.getEffectiveLevel():
                return
            path, line, function, _ = logger.findCaller(stacklevel=3)
            raised = None if error is None else (type(error), error, error.__traceback__)
            stamp = logging.LogRecord(logger.name, level, path, line, text, (), raised, function)
            # In the caller's context, for filters and factories that look up whose request it is.
            call_later(partial(contextvars.copy_context().run, _handle, logger, stamp, text, values))


def flush(timeout: float) -> bool:
    """Wait until the records of before are with their handlers, `timeout` seconds at most; whether they are."""
    return _queue.flush(timeout)


def call_later(call: Call) -> bool:
    """Have the thread of the log make a call, in its turn; whether it will."""
    return _queue.put(call)


def text_of(error: BaseException) -> str:
    """How it shows itself; its own code may fail at that."""
    try:
        return repr(error)
    except BaseException:  # noqa: BLE001 - it is the application's
        return f"{type(error).__name__} (its repr raises)"


def harmless(function: Callable[Parameters, object]) -> Callable[Parameters, None]:
    """The function, but what it raises is logged, now and then, and goes no further."""
    log_throttle = LogThrottle()

    @wraps(function)
    def call(*values: Parameters.args, **named: Parameters.kwargs) -> None:
        try:
            function(*values, **named)
        except Exception as error:
            if log_throttle.take(type(error).__name__, now_s()) is not None:
                _logger.exception("%s failed", function.__qualname__)

    return call


def dropped() -> int:
    """Records that no handler got, in this process."""
    return _queue.dropped


def _handle(logger: logging.Logger, stamp: logging.LogRecord, text: str, values: tuple[object, ...]) -> None:
    try:
        _ = values and text % values
    except BaseException:  # noqa: BLE001 - the values may be the application's: their text can fail in any way
        text, values = f"{text} (a value of this has no text)", ()
    record = logger.makeRecord(
        stamp.name, stamp.levelno, stamp.pathname, stamp.lineno, text, values, stamp.exc_info, stamp.funcName
    )
    vars(record).update({name: value for name, value in vars(stamp).items() if name in _STAMPS})
    logger.handle(record)


def _tell_dropped(count: int) -> None:
    _logger.warning("%d log records were dropped: handlers were slow, or no thread could be started", count)


def _end() -> None:
    """Flush; a handler that blocks has a lock, for which `logging.shutdown` would keep the process waiting for ever."""
    if not flush(FLUSH_S):
        atexit.unregister(logging.shutdown)
        ending = CallQueue("wire-log-end", lambda _: None)
        ending.put(logging.shutdown)
        ending.flush(FLUSH_S)


_queue = CallQueue("wire-log", _tell_dropped)
_logger = Log(__name__)
atexit.register(_end)
