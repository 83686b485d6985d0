"""ReportedThread: a thread whose end does not wait for `threading.excepthook`."""

import threading
from collections.abc import Callable
from functools import partial

from wire.common import log


class ReportedThread(threading.Thread):
    """A daemon thread; the error that ends it is passed to `threading.excepthook` on the thread of the log.

    The hook writes to stderr or is the application's, so it may block. A thread that waits for it counts as alive.

    Args:
        target: the function that it runs.
        name: its name.
    """

    def __init__(self, target: Callable[[], object], *, name: str) -> None:
        super().__init__(target=target, name=name, daemon=True)

    def check_new(self, *, is_over: bool = False) -> None:
        """Raise RuntimeError if it was started before, or its owner is over, before the owner changes anything."""
        if is_over or self.ident is not None:
            raise RuntimeError(f"{self.name} was started or stopped before; make a new one")

    def run(self) -> None:
        """Run the target, and report what it raises."""
        try:
            super().run()
        except BaseException as error:  # noqa: BLE001 - the hook reports it
            report = threading.ExceptHookArgs((type(error), error, error.__traceback__, self))
            log.call_later(partial(threading.excepthook, report))
