"""The lifecycle of a node as a member of its cluster: one published value, and the rules by which it changes.

A node begins as starting, or as restarting if its store is not new. It is ready once it takes its part: as a voter, a
witness or an observer. A node that joins is joining, or bootstrapping, until then. While a voter objects to it, it
takes part in no election, and is refused.

One with other voters is ready when one of them has accepted it, or when dials to all of them have failed: else a node
that lost its votes would be ready until the others have said that they refuse it.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from elect.core.configuration import Configuration
from elect.core.events import Objection
from elect.monitoring.event_fields import lifecycle_fields
from elect.monitoring.member_phase import REMOVED_REMEDY, MemberLifecycle, MemberPhase
from wire.common import arguments
from wire.common.log import Log

logger = Log(__name__)

UNTOLD_MAX = 64
"""Values that wait for a slow watcher, above which the oldest are dropped: a join makes one at each attempt."""

REFUSALS: Mapping[Objection, str] = {
    Objection.UNKNOWN_NODE: "{peer} does not have it in its list of voters",
    Objection.OTHER_VOTERS: "{peer} has another list of voters, or only one of the two has [mirror]",
    Objection.OTHER_STORE: "{peer} knows another data directory under its id",
    Objection.STRANGER: "{peer} counts it as a voter, and is no member",
}


def refusal(objections: Mapping[str, Objection | None], configuration: Configuration) -> str:
    """Return the first objection that keeps a node from every election, as a short sentence; empty: none does."""
    for peer, objection in objections.items():
        member = configuration.member(peer)
        if objection is not None and (member is None or member.is_voter):
            return REFUSALS[objection].format(peer=peer)
    return ""


class LifecycleCell:
    """Holds the present value. Any thread changes it, under a lock; a reader takes none.

    Args:
        node_id: of the node.
    """

    def __init__(self, node_id: str) -> None:
        self._node_id = node_id
        self._lock = threading.Lock()
        self._watchers: tuple[Callable[[MemberLifecycle], object], ...] = ()
        self._untold: deque[MemberLifecycle] = deque(maxlen=UNTOLD_MAX)
        self._teller: object = None
        self.reset()

    def reset(self) -> None:
        """Begin again, after a start that failed."""
        self.value = MemberLifecycle(phase=MemberPhase.STARTING)
        self._has_part = self._is_accepted = False
        self._refusal = ""

    def watch(self, watcher: Callable[[MemberLifecycle], object]) -> None:
        """Call `watcher` with each later value, in order.

        It is called without a lock, on the thread that changes the value, or on one that calls watchers already.

        Args:
            watcher: must be quick. An exception that it raises is logged.
        """
        self._watchers = (*self._watchers, watcher)

    def enter(self, phase: MemberPhase, *, attempt: int = 0, reason: str = "") -> bool:
        """Enter a phase, unless the present one excludes it; return whether the value changed."""
        with self._changing():
            return self._enter(MemberLifecycle(phase=phase, attempt=attempt, reason=reason))

    def stay(self, configuration: Configuration, store_id: bytes) -> None:
        """Take the phase that follows from the configuration, after a leave that was not done."""
        with self._lock:
            if self.value.phase is MemberPhase.LEAVING:
                self.value = MemberLifecycle(phase=MemberPhase.RESTARTING)
        self.install(configuration, store_id)

    def accept(self) -> None:
        """Note that a voter has accepted this node, or that dials to all of them have failed."""
        if not self._is_accepted:
            with self._changing():
                self._is_accepted = True
                self._review()

    def refuse(self, reason: str) -> None:
        """Note why the voters keep this node from every election; empty: they do not."""
        with self._changing():
            self._refusal = reason
            self._review()

    def install(self, configuration: Configuration, store_id: bytes) -> None:
        """Enter the phase that follows from the installed configuration.

        Args:
            configuration: the one that is installed.
            store_id: of this node's store.
        """
        member = configuration.member(self._node_id)
        if not configuration.members:
            return  # it is in no cluster yet
        with self._changing():
            self._has_part = False
            if member is None or member.store_id not in (None, store_id):
                self._enter(MemberLifecycle(phase=MemberPhase.REMOVED))
            elif not member.is_learner:
                self._has_part = True
                self._is_accepted |= not set(configuration.voters) - {self._node_id}
                self._take_part()
            elif self.value.phase is not MemberPhase.JOINING:  # else it keeps the number of the attempt
                self._enter(MemberLifecycle(phase=MemberPhase.JOINING))

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._lock:
            yield
        self._call_watchers()

    def _call_watchers(self) -> None:
        """Call the watchers with each value that they have not had, unless another call of this does that already."""
        teller = object()
        try:
            while True:
                with self._lock:
                    if self._teller not in (None, teller):
                        return
                    self._teller = teller if self._untold else None
                    if self._teller is None:
                        return
                    after = self._untold.popleft()
                for watcher in self._watchers:
                    self._call_watcher(watcher, after)
        finally:  # of an exception: Ctrl-C
            if self._teller is teller:
                self._teller = None

    def _call_watcher(self, watcher: Callable[[MemberLifecycle], object], value: MemberLifecycle) -> None:
        """Call a watcher. The threads of the node call it, which must not end by an error of the application."""
        try:
            arguments.check_returned("a watcher of the lifecycle", watcher(value))
        except KeyboardInterrupt:  # it interrupts a call of the application's main thread, `leave`
            raise
        except BaseException:
            logger.exception("a watcher of the lifecycle of node %s raised", self._node_id)

    def _review(self) -> None:
        if self._has_part and self.value.phase is not MemberPhase.REMOVED:
            self._take_part()

    def _take_part(self) -> None:
        if self._refusal:
            self._enter(MemberLifecycle(phase=MemberPhase.REFUSED, reason=self._refusal))
        elif self._is_accepted:
            self._enter(MemberLifecycle(phase=MemberPhase.READY))

    def _enter(self, after: MemberLifecycle) -> bool:
        if after == self.value or not _may_follow(self.value.phase, after.phase):
            return False
        extra = {**lifecycle_fields(after), "node": self._node_id}
        if after.phase is MemberPhase.FAILED:
            logger.warning("! node %s has failed: %s", self._node_id, after.reason, extra=extra)
        elif after.phase is MemberPhase.REMOVED and self.value.phase is not MemberPhase.LEAVING:
            logger.info("* node %s is removed: %s", self._node_id, REMOVED_REMEDY, extra=extra)
        else:
            logger.info("* node %s is %s", self._node_id, after, extra=extra)
        self.value = after
        self._untold.append(after)
        return True


def _may_follow(before: MemberPhase, after: MemberPhase) -> bool:
    """Return whether a phase may follow another one: a failure is final, and a node that leaves stays away."""
    match before:
        case MemberPhase.FAILED:
            return False
        case MemberPhase.LEAVING:
            return after in (MemberPhase.REMOVED, MemberPhase.FAILED)
        case MemberPhase.READY | MemberPhase.REFUSED | MemberPhase.REMOVED:
            return after not in (MemberPhase.STARTING, MemberPhase.RESTARTING, MemberPhase.BOOTSTRAPPING)
        case _:
            return True
