"""The at-fork hook: in the child a node does not lead, listen, or wait for a thread that does not exist there.

A child has the memory of its parent and none of its threads. Its copies of the sockets are closed, never shut down:
that would end the parent's links, and an end of stream is a proof (PROTOCOL.md, section 5).
"""

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """A part that has to be undone in a child: a Node, or a test double."""

    def abandon(self) -> None:
        """In a forked child: lead nothing, close copies, wait for nothing."""


_living: "weakref.WeakSet[Forkable]" = weakref.WeakSet()
_kept: list[Forkable] = []


def register(part: Forkable) -> None:
    """Call `abandon` of this part in every forked child, while the part is alive."""
    _living.add(part)


def unregister(part: Forkable) -> None:
    """End that: the part has ended."""
    _living.discard(part)


def _abandon_all() -> None:
    for part in list(_living):
        _kept.append(part)  # a child must not run finalizers of what is still in use in its parent
        part.abandon()


os.register_at_fork(after_in_child=_abandon_all)
