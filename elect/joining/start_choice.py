"""The choice of a node without data: does it form a new cluster, or does it wait for one?

One node at most may form: the one with the smallest seed address. It forms only when no other seed can know of a
cluster. Every other seed has said so, or `bootstrap` is set and those that have not said so cannot be reached.

The first rule keeps nodes that start together from forming two clusters. The second one keeps a node with an empty
store from forming another cluster beside a living one. With `bootstrap` a time guards that: the network of a machine
can come up some seconds after its node, and until then all other seeds are silent.

The members of a living cluster may be none of the seeds: a node may be its own only seed. But they dial a member that
lost its store, at its former address, in each support duration. So a node listens for half as long again before it
forms a cluster. One that was dialed forms none, and asks the callers.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from elect.clock import NS_PER_S
from elect.core.configuration import MemberKind
from elect.joining.join_messages import Answer, Unformed
from wire.protocol.address import Address
from wire.protocol.wire_errors import Refusal, RejectCode, WireError

Reply = Answer | WireError
"""An answer, or why there is none."""


SILENCE_NS = 3 * NS_PER_S
"""The waits between the passes, without the dials, in which the silent seeds have to be silent before they count as
absent. A first start alone takes 3 to 7 s, as the passes end then; a network takes 2 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartChoice:
    """Whether to form a new cluster.

    Attributes:
        is_forming: the node forms one.
        reason: a sentence that says why.
        is_silent: it forms one when the other seeds stay silent, or when no member dials it.
        listen_ns: the time for which it listens before that; 0: it need not.
    """

    is_forming: bool
    reason: str
    is_silent: bool = False
    listen_ns: int = 0

    def after_listening(self, listen_ns: int) -> "StartChoice":
        """Return this choice, but one to listen first if it is to form a cluster and there is time left (ns)."""
        if not self.is_forming or listen_ns <= 0:
            return self
        reason = f"{self.reason}; this node forms one if no member dials it within {listen_ns / NS_PER_S:.1f} s"
        return StartChoice(is_forming=False, reason=reason, is_silent=True, listen_ns=listen_ns)


def choose_start(
    *,
    own: Address,
    seeds: Collection[Address],
    kind: MemberKind,
    is_bootstrap: bool,
    replies: Mapping[Address, Reply],
    silence_ns: int,
    callers: Collection[Address] = (),
) -> StartChoice:
    """Return whether this node forms a cluster after a pass in which nobody let it join.

    Args:
        own: the address at which others dial this node.
        seeds: the addresses in the settings, the same ones on each node.
        kind: the part that this node is to take.
        is_bootstrap: the operator says that there is no cluster.
        replies: the reply of each address that was asked in this pass; all other seeds and callers are among them.
        silence_ns: the waits since the first of the latest passes after all of which `is_silent` was true.
        callers: the addresses of the nodes that dialed this one as a member of their cluster.
    """
    smallest, itself = min(seeds), [address for address, reply in replies.items() if leads_here(reply)]
    if own not in seeds and itself:  # it forms nothing: a name of several nodes leads each of them to itself
        text = f"seed {_listed(itself)} leads to this node, whose address is {own}"
        return _wait(f"{text}; write it in advertise and in seeds in one spelling")
    if own not in seeds:
        return _wait(f"this node's address, {own}, is not among the seeds; seed {smallest} forms the cluster")
    if own != smallest:
        return _wait(f"seed {smallest} forms the cluster, as its address is the smallest")
    if kind is not MemberKind.VOTER:
        return _wait(f"this node has the smallest address and is no voter but a {kind}; make a voter the smallest seed")
    if calling := [each for each in callers if not isinstance(replies.get(each), Unformed)]:
        text = f"{_listed(calling)} counts this node as a member of its cluster"
        return _wait(f"{text}; if that is lost for good, stop that node, or run `elect members recover` there")
    others = {each: replies[each] for each in replies if each not in itself}
    return _choose_by_replies(others, is_bootstrap=is_bootstrap, is_absent=silence_ns >= SILENCE_NS)


def leads_here(reply: Reply) -> bool:
    """Return whether the node that asked has reached itself."""
    return isinstance(reply, Refusal) and reply.code is RejectCode.OWN_STORE


def _choose_by_replies(replies: Mapping[Address, Reply], *, is_bootstrap: bool, is_absent: bool) -> StartChoice:
    knowing = [address for address, reply in replies.items() if not isinstance(reply, Unformed | WireError)]
    if knowing:
        return _wait(f"{_listed(knowing)} knows of a cluster")
    silent = [address for address, reply in replies.items() if not isinstance(reply, Unformed)]
    # A seed that refuses to talk is alive, and could know of a cluster.
    unsure = [address for address in silent if not is_bootstrap or isinstance(replies[address], Refusal)]
    if unsure:
        hint = "" if is_bootstrap else "; start it, or set bootstrap = true if there is no cluster"
        return _wait(f"seed {_listed(unsure)} has not said whether it knows of a cluster{hint}")
    if silent and not is_absent:
        text = f"after {SILENCE_NS // NS_PER_S} s without it this node forms a cluster"
        reason = f"seed {_listed(silent)} does not answer; bootstrap is true: {text}"
        return StartChoice(is_forming=False, reason=reason, is_silent=True)
    asked = "no other seed" if not replies else f"none of {len(replies)} other seeds"
    return StartChoice(is_forming=True, reason=f"{asked} knows of a cluster")


def _wait(reason: str) -> StartChoice:
    return StartChoice(is_forming=False, reason=reason)


def _listed(addresses: Collection[Address]) -> str:
    return ", ".join(map(str, addresses))
