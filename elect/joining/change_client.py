"""ChangeClient: makes a change of the members from any member; one that does not lead asks the leader."""

from collections.abc import Callable

from elect.core.changes import Change, ChangeRefusal, ChangeRefused
from elect.core.configuration import Configuration
from elect.errors import JoinRejected, LeadershipTimeout, Stopped
from elect.joining.join_exchange import JoinExchange
from elect.joining.join_messages import Changed, ChangeRequest, NotNow, Redirect, Rejected
from elect.joining.join_passes import HOPS_MAX, dialable, in_words
from elect.joining.start_choice import Reply
from wire.common.arguments import bounded_seconds
from wire.common.deadline import Deadline
from wire.common.turns import Turns
from wire.protocol.address import Address

RETRY_S = 0.1
"""Between two tries: an election takes some of these, and an earlier change some more."""

OCCUPIED = "the turn of the change (this node asks for another one)"


class _Tries:
    """The replies to one change, none of which was the last word."""

    def __init__(self) -> None:
        self._last: tuple[Address | None, Reply] | None = None
        self._may_be_made = False

    def note(self, address: Address | None, reply: Reply | None) -> None:
        """Note the reply of one try; None: there was nobody to ask."""
        if reply is not None:
            self._last = address, reply
            self._may_be_made |= _refusal_of(reply) is None

    def error(self, timeout: float) -> ChangeRefused | LeadershipTimeout | None:
        """Return how the change ends when its time (seconds) is over; None: nobody has replied."""
        if self._last is None:
            return None
        address, reply = self._last
        refusal = _refusal_of(reply)
        # One that does not lead knows nothing of a change that a leader before it may have made.
        if isinstance(reply, NotNow) and refusal and not (refusal is ChangeRefusal.NOT_LEADER and self._may_be_made):
            return ChangeRefused(refusal, reply.reason)
        return LeadershipTimeout("", f"the change ({address} {in_words(reply)})", timeout)


def _refusal_of(reply: Reply) -> ChangeRefusal | None:
    """Return the refusal that a NotNow names, if this version knows it."""
    known = {each.value: each for each in ChangeRefusal}
    return known.get(reply.code) if isinstance(reply, NotNow) else None


class ChangeClient:
    """Makes changes. Any thread calls `change`, which blocks.

    Args:
        node_id: the id of this node.
        exchange: asks other nodes.
        change_here: makes a change as the leader, as `MemberChanger.change` does.
        find_leader: returns the id and the address of another node, the leader of the root election, or None.
    """

    def __init__(
        self,
        node_id: str,
        exchange: JoinExchange,
        *,
        change_here: Callable[[Change, float | None], Configuration],
        find_leader: Callable[[], tuple[str, Address] | None],
    ) -> None:
        self._node_id = node_id
        self._exchange = exchange
        self._change_here = change_here
        self._find_leader = find_leader
        self._turns = Turns()  # a second link of this node would end the first one

    def change(self, change: Change, timeout: float | None) -> Configuration:
        """Return the configuration with the change, which a quorum has installed.

        Args:
            change: the change. It is asked for again when an answer is lost. A removal that was made then succeeds,
                unless the leader does not know of it; then it is refused with `not_member`.
            timeout: seconds; None for no limit. A request that is under way is waited for, 3 s at most: its answer says
                why the leader has not made the change. None begins after the time, but for the first one.

        Raises:
            ChangeRefused: the leader refuses it, for good or until the time is over; or this node does not lead, and
                no leader has replied.
            JoinRejected: the leader refuses it, for a reason that only a later version knows.
            LeadershipTimeout: the leader had not made it in time. It may still be made.
            Stopped: this node stops.
        """
        deadline, remaining_s = Deadline(bounded_seconds("timeout", timeout)), timeout
        tries = _Tries()
        while not self._exchange.is_cancelled:
            try:
                return self._change_here(change, remaining_s)
            except ChangeRefused as error:
                refused = error
            if refused.refusal is not ChangeRefusal.NOT_LEADER:
                raise refused
            with self._turns.take(deadline.remaining_s) as is_free:
                if not is_free:
                    raise tries.error(timeout or 0.0) or LeadershipTimeout("", OCCUPIED, timeout or 0.0)
                address, reply = self._ask_leader(change, deadline)
            match reply:
                case Changed():
                    return reply.configuration
                case Rejected():
                    raise self._refused(address, reply)
            tries.note(address, reply)
            self._exchange.wait(RETRY_S)
            remaining_s = deadline.remaining_s
            if remaining_s < RETRY_S:  # another try would be cut short
                raise tries.error(timeout or 0.0) or refused
        raise Stopped(self._node_id, "stopping")

    def cancel(self) -> None:
        """End the waits of all calls soon."""
        self._exchange.cancel()

    def _ask_leader(self, change: Change, deadline: Deadline) -> tuple[Address | None, Reply | None]:
        """Ask the leader, and those that members name instead; return the last address and its reply."""
        found, asked = self._find_leader(), list[Address]()
        reply: Reply | None = None
        while found is not None and found[1] not in asked and len(asked) <= HOPS_MAX:
            if asked and deadline.is_over:
                break
            leader_id, address = found
            asked.append(address)
            reply = self._exchange.ask(address, leader_id, ChangeRequest(change=change))
            named = dialable(reply.address) if isinstance(reply, Redirect) else None
            found = (reply.leader_id, named) if isinstance(reply, Redirect) and named is not None else None
        return (asked[-1] if asked else None), reply

    def _refused(self, address: Address | None, reply: Rejected) -> ChangeRefused | JoinRejected:
        try:
            return ChangeRefused(ChangeRefusal(reply.code), reply.text)
        except ValueError:
            return JoinRejected(self._node_id, str(address), reply.text)
