"""Mirror: follows a source cluster from another site, without a vote."""

import math
import os
import random
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Self

from elect.clock import NS_PER_S, now_ns
from elect.config import rules
from elect.core.configuration import Configuration
from elect.core.messages import TERM_MAX, check_name
from elect.errors import ElectError, ThreadError
from elect.leader import Leader
from elect.mirror.change_callbacks import ChangeCallbacks, OnChange
from elect.mirror.mirror_content import leader_of
from elect.mirror.mirror_errors import (
    MirrorForked,
    MirrorStale,
    MirrorStopped,
    MirrorTimeout,
    SourceRefused,
    StrongReadRefused,
)
from elect.mirror.mirror_follower import MirrorFollower, is_following
from elect.mirror.mirror_machine import MirrorMachine, age_at
from elect.mirror.mirror_settings import SourceSecurity, settings_of
from elect.mirror.mirror_store import MirrorStore
from elect.mirror.mirror_values import (
    EVENTUAL,
    STRONG,
    Consistency,
    MirrorState,
    MirrorStatus,
    Promotion,
    Reading,
    Value,
    cluster_id_of,
    consistency_of,
)
from elect.mirror.seal_call import ask_to_seal
from elect.observing.mirror_messages import SealAnswer
from wire.common import arguments
from wire.common.deadline import Deadline
from wire.common.native import check_native
from wire.common.turns import Turns
from wire.security.security import Security

STOP_S = 5.0
"""The default: enough for a write of a slow disk."""

SEAL_S = 10.0


class Mirror:
    """Follows a source cluster from another site: who leads each election, and who is a member. Any thread may use it.

        keys = {"key_file": "orders.key"}
        with Mirror(["10.0.0.1:7101"], cluster="orders", data_dir="mirror", security=keys) as mirror:
            mirror.wait()
            leader = mirror.leader("default", within(5)).value

    It applies each change that a node of the source learns of, in order, and keeps all in `data_dir`. A restart goes on
    from there; a snapshot comes if the source no longer has the next change. Without a link it dials the addresses
    again and again, after waits of 0.5 to 30 s.

    `on_change` is called on one thread: first with all that was known at the start, then with each change. A change
    whose call was cut off by a kill is not called again, but the next start tells the latest state. A function that
    raises is logged; one that is slow makes this mirror late, and nothing at the source.

    Args:
        source: the addresses of some nodes of the source, 1 to 64, such as "10.0.0.1:7101".
        cluster: the name of the source cluster.
        data_dir: a directory for this mirror alone.
        source_cluster_id: the id of the source cluster, 16 bytes or their hex; None: that of the first one that is met,
            for good.
        on_change: called with each MirrorChange.
        name: of this mirror; 1 to 40 of A-Z a-z 0-9 . _ -. A certificate must name `mirror/NAME`.
        security: `key_file`, `tls`, `pins` and `insecure`, as of a `Client`.

    Attributes:
        cluster_id: the id of this site's own cluster, which must not be the source; empty: it has none. Set it before
            the start.

    Raises:
        ConfigError: a value breaks a rule.
        TypeError: `on_change` is no function.
    """

    def __init__(
        self,
        source: Sequence[str],
        *,
        cluster: str,
        data_dir: str | os.PathLike[str],
        source_cluster_id: bytes | str | None = None,
        on_change: OnChange | None = None,
        name: str = "mirror",
        security: SourceSecurity | None = None,
    ) -> None:
        self._settings = settings_of(source, cluster, name, security)
        if on_change is not None:
            arguments.check_callable("on_change", on_change)
        self.cluster_id = b""
        self._source_cluster_id = cluster_id_of("source_cluster_id", source_cluster_id)
        rules.check_path("data_dir", data_dir)
        self._store = MirrorStore(data_dir)
        self._on_change = on_change
        self._turns = Turns()
        self._follower: MirrorFollower | None = None
        self._security: Security | None = None
        self._is_stopped = False
        self._pid = os.getpid()
        _living.add(self)

    def start(self) -> Self:
        """Begin to follow. A mirror starts once.

        Raises:
            StoreError: `data_dir` is in use, damaged, lost, or cannot be used.
            IdentityError: it has the store of another source or program.
            ConfigError: a file of keys or certificates cannot be used, or `cluster_id` is none.
            ThreadError: there is no thread.
            MirrorStopped: it was started before, or is stopped meanwhile.
        """
        self._check_process()
        check_native()
        follower = None
        try:
            with self._turns.take(0) as is_free:
                self._check_new(is_free=is_free)
                self._follower = follower = self._opened()
            follower.start()
            self._running()
        except BaseException as error:  # Ctrl-C, too: nobody stops what was not started
            if follower is not None:
                self._is_stopped = True
                follower.stop(0)
            if isinstance(error, RuntimeError) and not isinstance(error, ElectError):
                raise ThreadError("elect-mirror", str(error)) from error
            raise
        return self

    def _check_new(self, *, is_free: bool) -> None:
        if not is_free or self._follower is not None or self._is_stopped:
            raise MirrorStopped(self._settings.name)

    def _opened(self) -> MirrorFollower:
        """Open the store for one run; after an error it is closed, and the start may be tried again."""
        cluster_id = b"" if self.cluster_id == b"" else cluster_id_of("cluster_id", self.cluster_id)
        self._security = security = self._settings.load_security()
        try:
            content = self._store.open(source_cluster=self._settings.cluster, source_cluster_id=self._source_cluster_id)
            return MirrorFollower(
                MirrorMachine(content, source_cluster_id=self._source_cluster_id, cluster_id=cluster_id),
                self._store,
                ChangeCallbacks(self._on_change),
                name=self._settings.name,
                addresses=self._settings.addresses,
                make_dialing=lambda: self._settings.dialing("", security),
                clock=now_ns,
                rng=random.Random(),  # noqa: S311 - it spreads dials in time and hides nothing
            )
        except BaseException:
            self._store.close()
            raise

    def stop(self, timeout: float = STOP_S) -> bool:
        """End the link and the threads, and close the store. Idempotent; from any thread, `on_change` too.

        Args:
            timeout: seconds, 0 or more.

        Returns:
            Whether everything has ended in time.
        """
        self._check_process()
        deadline = Deadline(arguments.bounded_seconds("timeout", timeout))
        self._is_stopped = True
        with self._turns.take(deadline.remaining_s) as is_free:  # a start that is on its way, on a disk that hangs
            follower = self._follower
        return is_free if follower is None else follower.stop(deadline.remaining_s)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Mirror {self._settings.name!r} of cluster {self._settings.cluster!r}>"

    @property
    def state(self) -> MirrorState:
        """The state now."""
        return self._running().state

    @property
    def error(self) -> SourceRefused | None:
        """The refusal of the source that ended this mirror, or None. Make a new one when its cause is removed."""
        return self._running().error

    @property
    def promotion(self) -> Promotion | None:
        """The durable record of the promotion, or None."""
        return self._running().content.promotion

    def status(self) -> MirrorStatus:
        """Return what this mirror does, for people and metrics."""
        follower = self._running()
        while True:
            state = follower.state
            found = self._status(follower, state)
            if follower.state.phase is state.phase:  # else a promotion, or the end of the link, came between
                return found

    def _status(self, follower: MirrorFollower, state: MirrorState) -> MirrorStatus:
        content, machine = follower.content, follower.machine
        return MirrorStatus(
            name=self._settings.name,
            state=state,
            source=follower.source,
            source_node=follower.source_node,
            source_cluster_id=content.source_cluster_id.hex(),
            stream=content.stream.hex(),
            revision=content.revision,
            source_revision=machine.source_revision,
            elections=len(content.leaders),
            highest_term=content.highest_term,
            attempts=follower.attempts,
            snapshots=machine.snapshots,
            links=follower.links,
            callbacks_waiting=len(follower.callbacks),
            last_error=follower.last_error,
            error="" if follower.error is None else str(follower.error),
            promotion=content.promotion,
        )

    def wait(self, timeout: float | None = None) -> MirrorState:
        """Wait until this mirror follows, or was promoted; return its state.

        Args:
            timeout: seconds, 0 or more; None waits without limit.

        Raises:
            SourceRefused: the source refuses this mirror.
            MirrorTimeout: the time is over.
            MirrorStopped: it is stopped.
        """
        follower, seconds = self._running(), arguments.bounded_seconds("timeout", timeout)

        def is_met() -> bool:
            return is_following(follower) or follower.content.promotion is not None

        if follower.wait(is_met, min(seconds, threading.TIMEOUT_MAX)):
            return follower.state
        if follower.error is not None:
            raise follower.error
        self._running()
        raise MirrorTimeout("a link to the source, with all changes", seconds, str(follower.state))

    def leader(self, election: str = "default", consistency: Consistency | str = EVENTUAL) -> Reading[Leader | None]:
        """Return the leader of an election at the source; its value is None where the source knows none.

        Args:
            election: its name.
            consistency: "eventual", `within(seconds)`, or "strong", which only the source has.

        Raises:
            MirrorStale: the answer may be older than it may.
            StrongReadRefused: it is "strong"; the error has the addresses of the source.
            TypeError, ValueError: an argument is none.
            MirrorStopped: it is not running.
        """
        name = arguments.text("election", election)
        check_name("election", name)

        def read(follower: MirrorFollower, as_of: float) -> Leader | None:
            entry = follower.content.leaders.get(name)
            return None if entry is None else leader_of(entry, as_of)

        return self._read(read, consistency)

    def elections(self, consistency: Consistency | str = EVENTUAL) -> Reading[dict[str, Leader | None]]:
        """Return the leader of each election that the source has had. Takes and raises the same as `leader`."""

        def read(follower: MirrorFollower, as_of: float) -> dict[str, Leader | None]:
            return {name: leader_of(entry, as_of) for name, entry in follower.content.leaders.copy().items()}

        return self._read(read, consistency)

    def members(self, consistency: Consistency | str = EVENTUAL) -> Reading[Configuration | None]:
        """Return the members of the source; None before the first snapshot. Takes and raises the same as `leader`."""
        return self._read(lambda follower, _: follower.content.configuration, consistency)

    def promote(self, *, force: bool = False, highest_term: int = 0) -> Promotion:
        """Record for good that this site takes over; from then on the mirror follows nothing.

        Its floor is far above all terms that were ever seen from the source. Again it returns the same record.

        Args:
            force: True permits it before a whole snapshot came: the source may have had higher terms.
            highest_term: a term of the source that the caller knows of, such as that of a SealAnswer.

        Raises:
            MirrorBootstrapping: no whole snapshot came, and `force` is False.
            StoreError: it may not be durable, or a write before it has not ended within 10 s; repeat it.
            TypeError, ValueError: an argument is none, or there is no room for a floor above `highest_term`.
            MirrorStopped: it is not running.
        """
        is_forced = arguments.flag("force", force)
        known = arguments.integer("highest_term", highest_term, 0, TERM_MAX)
        return self._running().promote(is_forced=is_forced, highest_term=known)

    def seal(self, successor: str, timeout: float = SEAL_S) -> SealAnswer:
        """Ask all nodes of the source at once to seal their cluster: it elects nobody any more.

        Args:
            successor: the addresses to which the source sends people from then on; at most 500 characters of printable
                ASCII.
            timeout: seconds for all of it.

        Returns:
            The answer of the node that has sealed it.

        Raises:
            SealFailed: no node is known to have done it; it may be repeated.
            TypeError, ValueError: an argument is none.
            MirrorStopped: it is not running.
        """
        follower, security = self._running(), self._security
        assert security is not None
        return ask_to_seal(
            self._settings.addresses,
            lambda: self._settings.dialing("", security),
            follower.machine.subscribe_message(),
            arguments.text("successor", successor),
            arguments.bounded_seconds("timeout", timeout),
        )

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise MirrorForked(self._settings.name)

    def _running(self) -> MirrorFollower:
        self._check_process()
        follower = self._follower
        if follower is None or self._is_stopped:
            raise MirrorStopped(self._settings.name)
        return follower

    def _read(self, read: Callable[[MirrorFollower, float], Value], consistency: Consistency | str) -> Reading[Value]:
        asked = consistency_of(consistency)
        follower = self._running()
        if asked == STRONG:
            raise StrongReadRefused([str(address) for address in self._settings.addresses])
        while True:
            # Before the value: what is applied meanwhile makes it newer, not older.
            as_of, state, revision = follower.machine.as_of, follower.state, follower.content.revision
            age_ns = age_at(as_of, now_ns())
            age = math.inf if age_ns is None else age_ns / NS_PER_S
            if age > asked.age_max:
                raise MirrorStale(age, asked.age_max, str(state))
            value = read(follower, 0.0 if as_of is None else as_of / NS_PER_S)
            after = follower.machine.as_of
            if as_of is None or (after is not None and after >= as_of):
                return Reading(value=value, age=age, revision=revision, phase=state.phase)
            # The snapshot of another node was applied meanwhile, which may have known less.


_living: "weakref.WeakSet[Mirror]" = weakref.WeakSet()
_kept: list[Mirror] = []


def _keep_mirrors() -> None:
    # A child must not run finalizers of things that are still in use in its parent.
    _kept.extend(_living)


os.register_at_fork(after_in_child=_keep_mirrors)
