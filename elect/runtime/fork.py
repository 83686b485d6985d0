"""The at-fork hook of nodes: in a forked child a node leads nothing, and its methods raise Forked.

A child has the memory of its parent and none of its threads. So the hook waits for no thread and takes no lock. The
sockets are closed by `wire.io.sockets`, and the data directory's lock by `elect.storage.data_lock`.

Source: PROTOCOL.md, section 5, "Forks".
"""

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """The part of a Node that is used here: this package cannot import it."""

    def become_forked(self) -> None:
        """Lead nothing and refuse every call."""


_running: "weakref.WeakSet[Forkable]" = weakref.WeakSet()
_kept: list[Forkable] = []


def register(node: Forkable) -> None:
    """Tell the node of each fork, in the child, from now on."""
    _running.add(node)


def unregister(node: Forkable) -> None:
    """Remove a node that has ended: it is not told of forks any more."""
    _running.discard(node)


def _notify_nodes() -> None:
    for node in list(_running):
        _kept.append(node)  # a child must not run finalizers of things that are still in use in its parent
        node.become_forked()


os.register_at_fork(after_in_child=_notify_nodes)
