"""The admission of peers: the voters in this node's own list, each with the store that it had when it was met first.

Source: PROTOCOL.md, section 7.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from elect.clock import Clock
from elect.config.config import Config
from elect.core.events import Objection
from elect.core.options import Configuration
from elect.core.ready import Meeting
from elect.core.rules.agreement import objection_to
from wire.common.log import Log
from wire.protocol.identity import PeerIdentity
from wire.protocol.wire_errors import Refusal, RejectCode, WireError

logger = Log(__name__)

STRANGERS_MAX = 64
"""Strangers that are remembered; a list of voters has no more entries."""

REFUSED_NS = 60_000_000_000
"""The time after a refusal for which status and metrics show a second process with a peer's id."""

REMEDY = (
    "either two processes use this id, or its data directory was replaced and its votes are lost. Stop one of the two,"
    " or give it another id; or run `elect forget %s` on each of the other nodes, when no node that it voted for leads"
    " any longer"
)

ADVERTISE = "advertise"
"""The attribute of a handshake that holds the address at which a node is dialed."""

OBJECTIONS = {RejectCode.UNKNOWN_PEER: Objection.UNKNOWN_NODE, RejectCode.STORE: Objection.OTHER_STORE}


@dataclass(frozen=True, slots=True, kw_only=True)
class StrangerRefused:
    """Reports that a node of this cluster, which is no voter here, dialed this one."""

    node_id: str


class Admission:
    """Judges the other end of every connection, and logs one WARNING for each cause.

    Args:
        config: of the node.
        meetings: from the store.
        clock: of the node.
        deliver: called with each StrangerRefused, at most once in a `support_duration` for each stranger.
    """

    def __init__(
        self,
        config: Config,
        meetings: Mapping[str, Meeting],
        clock: Clock,
        deliver: Callable[[StrangerRefused], None],
    ) -> None:
        self._peers = config.peers
        self._digest = Configuration.initial(config.voters).id.digest.hex()
        self._report_interval_ns = config.support_duration_ns
        self._clock = clock
        self._deliver = deliver
        self._stores = {peer: each.store_id for peer, each in meetings.items() if each.store_id is not None}
        self._reported: dict[str, int] = {}
        self._warned: dict[str, tuple[bytes, int]] = {}
        self._addresses: dict[str, str] = {}
        self._refused: dict[str, tuple[int, str]] = {}

    def judge(self, identity: PeerIdentity, *, is_proven: bool = True) -> Refusal | None:
        """Return why this node refuses the other end, or None. Called on wire's threads.

        Args:
            identity: the names that the other end gave.
            is_proven: the other end has proved them. If it has not, it gets no details; only the log has them.
        """
        peer, store = identity.node, identity.store
        objection = objection_to(peer, store, voters=self._peers, stores=self._stores)
        if objection is None:
            return None
        if objection is Objection.UNKNOWN_NODE:
            self._report(peer)
            text = f"node {peer!r} is not in the list of voters here, configuration {self._digest}"
            return Refusal(RejectCode.UNKNOWN_PEER, text, is_retryable=True)
        met = self._stores[peer]
        text = (
            f"node {peer!r} comes from {identity.attributes.get(ADVERTISE)} with store {store.hex()}, and was met here"
            f" at {self._addresses.get(peer, 'an address before this start')} under store {met.hex()}"
        )
        self._warn(peer, store, text if is_proven else f"{text} (it has not proved its id)")
        if not is_proven:
            return Refusal(RejectCode.STORE, f"node {peer!r} was met here under another store", is_retryable=False)
        self._refused[peer] = (self._clock(), text)
        return Refusal(RejectCode.STORE, text, is_retryable=False)

    def refused(self) -> dict[str, str]:
        """Return the ids with which another store was refused in the last minute, and a sentence for each."""
        now = self._clock()
        return {peer: text for peer, (at, text) in list(self._refused.items()) if now - at < REFUSED_NS}

    def meet(self, identity: PeerIdentity) -> None:
        """Remember the store of a peer that is met for the first time. On the orchestrator thread."""
        if self._stores.setdefault(identity.node, identity.store) == identity.store:
            self._addresses[identity.node] = identity.attributes.get(ADVERTISE, "an unknown address")

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
    return OBJECTIONS.get(error.code) if isinstance(error, Refusal) else None
