"""The admission of peers: the members of the configuration installed here, each under one store.

That is the store that the configuration names, or else the one that the member had when it was met first.

Source: PROTOCOL.md, section 7.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from elect.clock import Clock
from elect.core.configuration import Configuration
from elect.core.events import Objection
from elect.core.ready import Meeting
from elect.core.rules.agreement import is_store_kept
from wire.common.log import Log
from wire.protocol.identity import PeerIdentity, printable
from wire.protocol.wire_errors import Refusal, RejectCode, WireError

logger = Log(__name__)

STRANGERS_MAX = 64
"""Strangers that are remembered, and former members; a configuration has no more members."""

CALLERS_MAX = 3
"""Members of a cluster that are remembered while this node is in none: each of them names the leader. With more,
programs that prove nothing could name many addresses that do not answer, and each is asked for a second."""

CALLER_INTERVALS = 5
"""Support durations for which they are remembered, as strangers are. A member dials in each."""

REFUSED_NS = 60_000_000_000
"""The time after a refusal for which status and metrics show a second process with a peer's id."""

REMEDY = (
    "either two processes use this id, or its data directory was replaced and its votes are lost. Stop one of the two,"
    " or give it another id; or run `elect members replace` with the address of the leader and its id, %s"
)

ADVERTISE = "advertise"
"""The attribute of a handshake that holds the address at which a node is dialed."""

CLUSTER_ID = "cluster_id"
"""The attribute of a handshake that holds the random id of the cluster, in hex."""

OBJECTIONS = {RejectCode.UNKNOWN_PEER: Objection.UNKNOWN_NODE, RejectCode.STORE: Objection.OTHER_STORE}


@dataclass(frozen=True, slots=True, kw_only=True)
class StrangerRefused:
    """Reports that a node of this cluster, which is no member here, dialed this one."""

    node_id: str


class Admission:
    """Judges the other end of every connection, and logs one WARNING for each cause.

    Args:
        configuration: the one to begin with.
        meetings: from the store.
        clock: of the node.
        deliver: called with each StrangerRefused.
        report_interval_ns: between two reports of one stranger.
    """

    def __init__(
        self,
        configuration: Configuration,
        meetings: Mapping[str, Meeting],
        clock: Clock,
        deliver: Callable[[StrangerRefused], None],
        report_interval_ns: int,
    ) -> None:
        self._configuration = configuration
        self._report_interval_ns = report_interval_ns
        self._clock = clock
        self._deliver = deliver
        self._stores = {peer: each.store_id for peer, each in meetings.items() if each.store_id is not None}
        self._reported: dict[str, int] = {}
        self._callers: dict[str, tuple[str, int]] = {}
        self._warned: dict[str, tuple[bytes, int]] = {}
        self._addresses: dict[str, str] = {}
        self._refused: dict[str, tuple[int, str]] = {}

    def install(self, configuration: Configuration) -> None:
        """Judge by this configuration from now on. On the orchestrator thread."""
        self._configuration = configuration
        former = [peer for peer in self._stores if configuration.member(peer) is None]
        for peer in former[:-STRANGERS_MAX]:  # the others are told that they were removed
            self._stores.pop(peer, None)
        for by_peer in (self._addresses, self._warned, self._refused):
            for peer in [peer for peer in list(by_peer) if configuration.member(peer) is None]:  # handshakes add some
                by_peer.pop(peer, None)

    def judge(self, identity: PeerIdentity, *, is_proven: bool = True) -> Refusal | None:
        """Return why this node refuses the other end, or None. Called on wire's threads.

        Args:
            identity: the names that the other end gave.
            is_proven: the other end has proved them. If it has not, it gets no details; only the log has them.
        """
        configuration, peer = self._configuration, identity.node
        refusal = _of_another_cluster(configuration, identity)
        if refusal is not None:
            return refusal
        member = configuration.member(peer)
        if member is None:
            return self._refuse_stranger(configuration, identity)
        met = self._stores.get(peer)
        if is_store_kept(member, identity.store, met):
            return None
        return self._refuse_store(identity, member.store_id or met or b"", is_proven=is_proven)

    def judge_joining(self, identity: PeerIdentity) -> Refusal | None:
        """Return why this node does not talk to a node that asks to join, or None. Called on wire's threads."""
        return _of_another_cluster(self._configuration, identity)

    def _refuse_stranger(self, configuration: Configuration, identity: PeerIdentity) -> Refusal:
        peer, digest = identity.node, configuration.id.digest.hex()
        if not configuration.members:
            self._note_caller(identity)
            # Not as an unknown peer: that objects to the other node's list, and this node knows of none.
            return Refusal(RejectCode.UNFORMED, "this node belongs to no cluster yet", is_retryable=True)
        if self._stores.get(peer) == identity.store:
            text = f"node {peer!r} was removed from this cluster, configuration {digest}"
            return Refusal(RejectCode.REMOVED, text, is_retryable=True)
        # Later configurations come from a leader that all members follow. Only a file's list can be another one.
        if configuration.version == 0:
            self._report(peer)
        text = f"node {peer!r} is no member here, configuration {digest}"
        return Refusal(RejectCode.UNKNOWN_PEER, text, is_retryable=True)

    def _refuse_store(self, identity: PeerIdentity, met: bytes, *, is_proven: bool) -> Refusal:
        peer, store = identity.node, identity.store
        text = (
            f"node {peer!r} comes from {identity.attributes.get(ADVERTISE)} with store {store.hex()}, and was met here"
            f" at {self._addresses.get(peer, 'an address before this start')} under store {met.hex()}"
        )
        self._warn(peer, store, text if is_proven else f"{text} (it has not proved its id)")
        if not is_proven:
            return Refusal(RejectCode.STORE, f"node {peer!r} was met here under another store", is_retryable=False)
        self._refused[peer] = (self._clock(), text)
        return Refusal(RejectCode.STORE, text, is_retryable=False)

    def callers(self) -> dict[str, str]:
        """Return the nodes that dialed this one as a member of their cluster while it is in none, and their addresses.

        They may not have proved their ids: this node asks them.
        """
        earliest = self._clock() - CALLER_INTERVALS * self._report_interval_ns
        for peer in [peer for peer, (_, at) in list(self._callers.items()) if at < earliest]:
            self._callers.pop(peer, None)
        return {peer: address for peer, (address, _) in list(self._callers.items())}

    def _note_caller(self, identity: PeerIdentity) -> None:
        if identity.node in (callers := self.callers()) or len(callers) < CALLERS_MAX:
            self._callers[identity.node] = (identity.attributes.get(ADVERTISE, ""), self._clock())

    def refused(self) -> dict[str, str]:
        """Return the ids with which another store was refused in the last minute, and a sentence for each."""
        now = self._clock()
        return {peer: text for peer, (at, text) in list(self._refused.items()) if now - at < REFUSED_NS}

    def meet(self, identity: PeerIdentity) -> bool:
        """Remember the store of a peer; return whether it has another one than before. On the orchestrator thread.

        A member without a vote may come with another store: it has no votes to lose.
        """
        peer, store = identity.node, identity.store
        member, met = self._configuration.member(peer), self._stores.get(peer)
        if member is None or not is_store_kept(member, store, met):  # since then a configuration was installed
            return False
        self._stores[peer] = store
        self._addresses[peer] = identity.attributes.get(ADVERTISE, "an unknown address")
        return met not in (None, store)

    def store_of(self, peer: str) -> bytes | None:
        """Return the store under which a peer was met, or None. On the orchestrator thread."""
        return self._stores.get(peer)

    def forget(self, peer: str) -> None:
        """Accept the next store of a peer. On the orchestrator thread."""
        self._stores.pop(peer, None)
        self._warned.pop(peer, None)
        self._refused.pop(peer, None)

    def _warn(self, peer: str, store: bytes, text: str) -> None:
        """Warn once for a store, and at most once a minute for a peer whose stores change."""
        now = self._clock()
        warned_of, warned_at = self._warned.get(peer, (b"", now - REFUSED_NS))
        if warned_of != store and now - warned_at >= REFUSED_NS:
            self._warned[peer] = (store, now)
            logger.warning("! %s: %s", text, REMEDY % peer)

    def _report(self, node_id: str) -> None:
        now = self._clock()
        reported_at = self._reported.get(node_id)
        if reported_at is None and len(self._reported) >= STRANGERS_MAX:
            return
        if reported_at is None or now - reported_at >= self._report_interval_ns:
            self._reported[node_id] = now
            self._deliver(StrangerRefused(node_id=node_id))


def objection_of(error: WireError) -> Objection | None:
    """Return the objection to this node as a voter that a failed dial shows, or None."""
    if not isinstance(error, Refusal):
        return None
    return Objection.UNKNOWN_NODE if error.code is RejectCode.REMOVED else OBJECTIONS.get(error.code)


def _of_another_cluster(configuration: Configuration, identity: PeerIdentity) -> Refusal | None:
    """Return the refusal of a node that belongs to another cluster of the same name, or None."""
    own, theirs = configuration.cluster_id, identity.attributes.get(CLUSTER_ID)
    if own is None or theirs is None or theirs == own.hex():
        return None
    text = f"this node belongs to the cluster with id {own.hex()}, node {identity.node!r} to that with id {theirs[:32]}"
    return Refusal(RejectCode.CLUSTER, printable(text), is_retryable=False)
