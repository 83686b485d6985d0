"""What a fork leaves of a node in the child: nothing that leads, listens or waits for a thread that is not there.

A child has the memory of its parent and none of its threads. Its copies of the sockets are closed, never shut down:
shutting down would end the parent's links, and an end of stream is a proof (PROTOCOL.md, section 5).
"""

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """What has to be undone in a child."""

    def abandon(self) -> None:
        """In a forked child: lead nothing, close copies, wait for nothing."""


_living: "weakref.WeakSet[Forkable]" = weakref.WeakSet()
_kept: list[Forkable] = []


def guard(part: Forkable) -> None:
    """From now on, `abandon` this in every forked child while it lives."""
    _living.add(part)


def release(part: Forkable) -> None:
    """It has ended: there is nothing left to abandon."""
    _living.discard(part)


def _abandon_all() -> None:
    for part in list(_living):
        _kept.append(part)  # a child must not run finalizers of what is still in use in its parent
        part.abandon()


os.register_at_fork(after_in_child=_abandon_all)
