"""The passes over the seeds, as a generator: it yields whom to ask and how long to wait, and is sent the replies.

One pass tries each seed once, in the order of their addresses, and then the members that dialed this node. A member
that does not lead answers with a redirect, which is followed at once: at most HOPS_MAX times in a pass, and to no
address that was tried in it. After a pass without success comes a wait, which grows from pass to pass.

A refusal that no retry can mend ends the join at once. A refusal by the handshake counts only from a seed: the address
in a redirect, or of a member that dialed this node, is a hint, and another program may listen there by now.
"""

import random
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field

from elect.clock import NS_PER_S
from elect.config.rules import normal, parse_dialable
from elect.core.configuration import ADDRESS_LENGTH_MAX, ClusterState, Configuration, Member
from elect.errors import (
    Amnesia,
    ConfigError,
    IdInUse,
    JoinGaveUp,
    JoinRejected,
    NotAuthorized,
    OtherCluster,
    OtherVersion,
)
from elect.joining.join_messages import Changed, Join, Joined, NotNow, Redirect, Rejected, Unformed
from elect.joining.start_choice import Reply, StartChoice, choose_start
from wire.protocol.address import Address
from wire.protocol.identity import printable
from wire.protocol.wire_errors import CertificateError, Refusal, RejectCode, WireError

HOPS_MAX = 3
"""Redirects in one pass: two members that each take the other one for the leader are soon left."""

WAIT_MIN_NS = NS_PER_S // 4
WAIT_MAX_NS = 32 * NS_PER_S

JITTER_MIN = 0.5
"""The smallest part of a wait that is left: nodes that start together do not ask together for ever."""

REJECTIONS: Mapping[str, type[JoinRejected]] = {
    each.code: each for each in (IdInUse, OtherCluster, OtherVersion, NotAuthorized, Amnesia)
}

HANDSHAKE_REJECTIONS: Mapping[RejectCode, type[JoinRejected]] = {
    RejectCode.SELF: IdInUse,
    RejectCode.CLUSTER: OtherCluster,
    RejectCode.VERSION: OtherVersion,
    RejectCode.KIND: OtherVersion,  # a version from before there were joins
    RejectCode.KEY: NotAuthorized,
    RejectCode.CERTIFICATE: NotAuthorized,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinPlan:
    """The settings of a join.

    Attributes:
        request: what is asked of each seed.
        own: the address at which others dial this node.
        seeds: the addresses in the settings, in one spelling, sorted, each once.
        is_bootstrap: the operator says that there is no cluster.
        cluster_id: random; the id of the cluster that this node forms, if it forms one.
        is_standby: that is a standby cluster.
        attempts_max: passes; None: no limit. There are more while this node waits until silent seeds count as absent.
        wait_max_ns: the longest wait between two passes, before jitter.
        listen_ns: the waits before this node forms a cluster: members that count it as one dial it meanwhile.
    """

    request: Join
    own: Address
    seeds: tuple[Address, ...]
    cluster_id: bytes
    is_standby: bool = False
    is_bootstrap: bool = False
    attempts_max: int | None = None
    wait_max_ns: int = WAIT_MAX_NS
    listen_ns: int = 0

    def __post_init__(self) -> None:
        if not self.seeds or list(self.seeds) != sorted(set(self.seeds)):
            raise ValueError(f"seeds is {self.seeds!r}; one or more are needed, sorted, each once")

    @property
    def new_cluster(self) -> Configuration:
        """The configuration of the cluster that this node forms."""
        asked = self.request
        member = Member(node_id=asked.node_id, store_id=asked.store_id, address=asked.address)
        state = ClusterState.STANDBY if self.is_standby else ClusterState.ACTIVE
        return Configuration(members=(member,), version=1, cluster_id=self.cluster_id, state=state)


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinProgress:
    """How far a join has come.

    Attributes:
        attempt: the number of the pass that runs, or that comes after the wait; from 1.
        address: of the node that is asked now; None during a wait.
        wait_ns: the wait before the next pass; 0 during a pass.
        replies: the reply of each address that was asked in this pass, or in the one before the wait, in words.
        choice: why this node forms no cluster, as of the end of the latest pass; empty during the first one.
        is_forming: this node forms a new cluster.
    """

    attempt: int = 1
    address: Address | None = None
    wait_ns: int = 0
    replies: Mapping[Address, str] = field(default_factory=dict)
    choice: str = ""
    is_forming: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinTry:
    """Send the request to this address, and send the generator the reply.

    Attributes:
        address: the address to dial.
        node_id: the id of the node that has to answer there; empty: any.
        progress: how far the join has come.
    """

    address: Address
    node_id: str
    progress: JoinProgress


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinWait:
    """Wait for `wait_ns`, and send the generator None."""

    wait_ns: int
    progress: JoinProgress


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinEnd:
    """Install this configuration, and the join is over; send the generator nothing more."""

    configuration: Configuration
    progress: JoinProgress


JoinStep = JoinTry | JoinWait | JoinEnd


def wait_before_ns(attempt: int, wait_max_ns: int = WAIT_MAX_NS) -> int:
    """Return the wait before a pass, without jitter: 0, 0.25, 0.5, 1, 2 ... seconds, up to the longest one."""
    doublings = min(attempt - 2, 64)  # beyond any bound; without this the number would grow for ever
    return 0 if attempt == 1 else min(WAIT_MIN_NS << doublings, wait_max_ns)


class JoinPasses:
    """One join, from its first pass to its end.

    Args:
        plan: the settings.
        rng: for the jitter.
        find_callers: returns the nodes that dialed this one as a member of their cluster, and their addresses.
    """

    def __init__(
        self, plan: JoinPlan, rng: random.Random, find_callers: Callable[[], Mapping[str, Address]] = dict
    ) -> None:
        self._plan = plan
        self._rng = rng
        self._find_callers = find_callers
        self._callers: dict[Address, str] = {}
        self._waited_ns = 0
        self._attempt = 1
        self._hops = 0
        self._replies: dict[Address, Reply] = {}
        self._choice = ""
        self._silence_ns = 0

    def steps(self) -> Generator[JoinStep, Reply | None, None]:
        """Yield the steps; the last one is a JoinEnd.

        Raises:
            JoinRejected: a refusal that no retry can mend.
            JoinGaveUp: all passes are over.
        """
        plan = self._plan
        while True:
            configuration = yield from self._pass()
            if configuration is not None:
                yield JoinEnd(configuration=configuration, progress=self._progress())
                return
            choice = self._choose()
            self._choice = choice.reason
            if choice.is_forming:
                yield JoinEnd(configuration=plan.new_cluster, progress=self._progress(is_forming=True))
                return
            is_last = plan.attempts_max is not None and self._attempt >= plan.attempts_max
            if is_last and not choice.is_silent:  # a silence ends: this node forms, or a seed answers
                replies = {str(address): in_words(reply) for address, reply in self._replies.items()}
                raise JoinGaveUp(plan.request.node_id, self._attempt, replies, choice.reason)
            self._attempt += 1
            slot_ns = wait_before_ns(self._attempt, plan.wait_max_ns)
            wait_ns = choice.listen_ns or round(slot_ns * self._rng.uniform(JITTER_MIN, 1))
            self._waited_ns += wait_ns
            self._silence_ns = self._silence_ns + wait_ns if choice.is_silent else 0
            yield JoinWait(wait_ns=wait_ns, progress=self._progress(wait_ns=wait_ns))

    def _choose(self) -> StartChoice:
        """Return whether this node forms a cluster now; one that would waits until it has listened."""
        plan = self._plan
        choice = choose_start(
            own=plan.own,
            seeds=plan.seeds,
            kind=plan.request.kind,
            is_bootstrap=plan.is_bootstrap,
            replies=self._replies,
            silence_ns=self._silence_ns,
            callers=self._callers,
        )
        return choice.after_listening(plan.listen_ns - self._waited_ns)

    def _pass(self) -> Generator[JoinStep, Reply | None, Configuration | None]:
        """Try each seed, and the leaders that they name; return the configuration that this node is a member of."""
        self._hops = 0
        self._replies = {}
        for place, node_id in self._places():
            address, leader_id = place, node_id
            while address != self._plan.own and address not in self._replies:
                reply = yield JoinTry(address=address, node_id=leader_id, progress=self._progress(address=address))
                assert reply is not None
                self._replies[address] = reply
                self._check_permanent(address, reply, is_seed=not leader_id)
                if isinstance(reply, Joined) and self._is_member(reply.configuration):
                    return reply.configuration
                if not isinstance(reply, Redirect) or self._hops == HOPS_MAX:
                    break
                self._hops += 1
                address, leader_id = dialable(reply.address) or address, reply.leader_id
        return None

    def _places(self) -> Iterator[tuple[Address, str]]:
        """Yield each seed, and then each caller and its id: a seed that hangs takes a second, in which one may dial."""
        yield from dict.fromkeys(self._plan.seeds, "").items()
        self._callers = {address: node_id for node_id, address in self._find_callers().items()}
        yield from self._callers.items()

    def _check_permanent(self, address: Address, reply: Reply, *, is_seed: bool) -> None:
        """Raise JoinRejected if a later try would get the same reply."""
        rejection: type[JoinRejected] | None = None
        text = ""
        if isinstance(reply, Rejected):
            rejection, text = REJECTIONS.get(reply.code, JoinRejected), reply.text
        elif is_seed and isinstance(reply, Refusal):
            rejection, text = HANDSHAKE_REJECTIONS.get(reply.code), reply.text
        elif is_seed and isinstance(reply, CertificateError):
            rejection, text = NotAuthorized, str(reply)
        if rejection is not None:
            raise rejection(self._plan.request.node_id, str(address), printable(text))

    def _is_member(self, configuration: Configuration) -> bool:
        asked = self._plan.request
        member = configuration.member(asked.node_id)
        return member is not None and member.store_id in (None, asked.store_id)

    def _progress(self, *, address: Address | None = None, wait_ns: int = 0, is_forming: bool = False) -> JoinProgress:
        return JoinProgress(
            attempt=self._attempt,
            address=address,
            wait_ns=wait_ns,
            replies={each: in_words(reply) for each, reply in self._replies.items()},
            choice=self._choice,
            is_forming=is_forming,
        )


def dialable(text: str) -> Address | None:
    """Return the address in a text from another node in its one spelling, or None if it is none that can be dialed.

    One that is too long for a configuration is none.
    """
    try:
        return normal(parse_dialable("address", text)) if len(text) <= ADDRESS_LENGTH_MAX else None
    except ConfigError:
        return None


def in_words(reply: Reply) -> str:  # noqa: PLR0911 - a text each
    """Return a reply as a part of a log line."""
    match reply:
        case Joined() | Changed():
            return "made the change"
        case Redirect():
            return printable(f"names {reply.leader_id} at {reply.address} as leader in term {reply.term}")
        case NotNow():
            return printable(f"not now: {reply.reason}")
        case Unformed():
            return "knows of no cluster"
        case Rejected():
            return printable(f"refuses ({reply.code}): {reply.text}")
        case Refusal(code=RejectCode.OWN_STORE):
            return "is this node itself"
        case WireError():
            return f"does not answer: {reply}"
