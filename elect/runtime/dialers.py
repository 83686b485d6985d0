"""The dialers of a node: one for each other member, made when it becomes a member and ended when it is dismissed.

A member may have several addresses: that of the file, the one that it showed itself in its latest handshake, and that
of the configuration. The dialer tries one after the other until one leads to the member. That of the file comes first:
it may be the only one that leads there from here.

Seeds take every second dial while this node has links to fewer than a quorum, and other addresses have failed for a
while: all members may have moved at once, and the operator has corrected the seeds. A seed that is the address of
another member is left out, unless somebody else has answered there: so nothing more is dialed where nobody has moved.

Source: PROTOCOL.md, section 2 (each node dials each peer) and section 7.
"""

import itertools
from collections.abc import Callable, Collection, Mapping

from elect.bridge.admission import ADVERTISE
from elect.clock import NS_PER_S
from elect.config.config import Config
from elect.config.rules import normal, parse_dialable
from elect.core.configuration import Configuration
from elect.errors import ConfigError, ThreadError
from elect.runtime.threads import starting
from wire.common.deadline import Deadline
from wire.common.log import Log
from wire.links.dialer import Dialer
from wire.links.endpoint import Endpoint
from wire.protocol.address import Address
from wire.protocol.handshake import Judge
from wire.protocol.identity import COUNTER_MAX, PeerIdentity
from wire.protocol.limits import DEFAULT_LIMITS, Limits
from wire.protocol.wire_errors import Refusal, RejectCode, WireError

logger = Log(__name__)

OUTBOX_MESSAGES_MAX = 1024
"""The leaders of 100,000 elections need 400 messages; this is twice that, and heartbeats."""

BACKOFF_MAX_S = 2.0

PATIENCE = 10
"""Dials that lead nowhere before the seeds are tried: some seconds, in which the nodes of a cluster start."""

STRANGERS = (RejectCode.WRONG_NODE, RejectCode.OWN_STORE, RejectCode.SELF)
"""Another node, perhaps this one, answers with one of these at the address of a peer: the peer is elsewhere."""


class PeerAddress:
    """The addresses of one peer, and the one to dial next. The orchestrator thread changes it, its dialer reads it.

    Args:
        given: the address of the file, or None.
    """

    def __init__(self, given: Address | None = None) -> None:
        self._given = given
        self._configured: Address | None = None
        self._shown: Address | None = None
        self._known: tuple[Address, ...] = () if given is None else (given,)
        self._current = given
        self._wrong: frozenset[Address] = frozenset()
        self._tried = 0
        self._is_pending = False

    @property
    def places(self) -> frozenset[Address]:
        """The known addresses, each in its one spelling, but for those at which another node has answered."""
        return frozenset(normal(each) for each in self._known if each not in self._wrong)

    def resolve(self, seeds: Collection[Address] = ()) -> Address:
        """Return the address for the next dial: after a dial that led nowhere, another one than before.

        Args:
            seeds: addresses to try as well, once others have failed for a while.

        Raises:
            ValueError: none is known.
        """
        known = self._known
        self._tried += self._is_pending
        self._is_pending = True
        turn, choice = self._tried, known
        if turn >= PATIENCE and (spare := sorted(set(seeds) - set(map(normal, known)))):
            turn, is_known = divmod(turn - PATIENCE, 2)
            choice = known if is_known and known else tuple(spare)
        if not choice:
            raise ValueError("no address of this node is known")
        self._current = choice[turn % len(choice)]
        return self._current

    def note_accepted(self) -> None:
        """Note that the peer itself is there, and has no link from here: begin with the first address again."""
        self._begin()

    def note_reached(self) -> None:
        """Note that the latest dial led to the peer: the next one goes to the same address."""
        self._is_pending = False
        self._wrong -= {self._current}

    def note_stranger(self) -> None:
        """Note that the latest dial led to another node."""
        if self._current in self._known:
            self._wrong |= {self._current}

    def set_configured(self, text: str | None) -> None:
        """Set the address that the configuration names."""
        configured = _dialable(text)
        if configured != self._configured:
            self._configured = configured
            self._arrange(first=self._current)

    def set_shown(self, text: str | None, *, is_reached: bool) -> None:
        """Set the address that the peer itself shows, after it has proved its identity.

        Args:
            text: the address.
            is_reached: a link to the peer is open now, so the address in use is good.
        """
        shown = _dialable(text)
        if shown is not None and shown != self._shown:
            self._shown = shown
            self._arrange(first=self._current if is_reached else None)

    def _arrange(self, *, first: Address | None) -> None:
        """Put the known addresses into order; `first` is dropped if nobody names it any more."""
        named = [each for each in (self._given, self._shown, self._configured) if each is not None]
        # The place first: with the list before it means at worst another address of that list.
        self._known = tuple(dict.fromkeys([first, *named] if first in named and first is not None else named))
        self._wrong &= set(self._known)
        self._begin()

    def _begin(self) -> None:
        self._tried = 0
        self._is_pending = False
        self._current = self._known[0] if self._known else None


class Dialers:
    """Makes and ends the dialers. Only the orchestrator thread calls it once the node runs; `send` any thread.

    Args:
        endpoint: of this node.
        given: the addresses in the file, by node id.
        judge: judges the node that answers.
        seeds: the addresses in the file without ids, but for this node's own.
    """

    def __init__(
        self, endpoint: Endpoint, *, given: Mapping[str, Address], judge: Judge, seeds: tuple[Address, ...] = ()
    ) -> None:
        self._endpoint = endpoint
        self._given = given
        self._seeds = seeds
        self._linked: frozenset[str] = frozenset()
        self._configuration = Configuration()
        self._judge = judge
        self._own_id = endpoint.identity.node
        self.next_counter: Callable[[], int] = itertools.count(1).__next__
        self._addresses: dict[str, PeerAddress] = {}
        self._dialers: dict[str, Dialer] = {}
        self._ending: dict[str, Dialer] = {}
        self._is_started = self._is_stopped = False

    def __contains__(self, peer: str) -> bool:
        return peer in self._addresses

    @property
    def threads(self) -> dict[str, bool]:
        """The threads of the dialers in use, and whether each is alive."""
        return {f"elect-dialer-{peer}": dialer.is_alive for peer, dialer in self._dialers.copy().items()}

    def set_members(self, configuration: Configuration) -> None:
        """Dial each member of a configuration; those that are no member any more go on until they are dismissed."""
        self._configuration = configuration
        for member in configuration.members:
            if member.node_id != self._own_id:
                given = self._given.get(member.node_id)
                address = self._addresses.setdefault(member.node_id, PeerAddress(given))
                address.set_configured(member.address)
        self.reap()

    def dismiss(self, peer: str) -> None:
        """End the dialer of a peer, whose link the elector counts no longer. Does not wait.

        `done` of a last LinkClosing is set already: nothing that the elector counts rests on the link.
        """
        self._linked -= {peer}
        self._addresses.pop(peer, None)
        dialer = self._dialers.pop(peer, None)
        if dialer is not None:
            dialer.ask_stop()
            self._ending[peer] = dialer
        self.reap()

    def redial(self, peer: str) -> None:
        """End the open link to a peer, in the usual order, and dial again."""
        if (dialer := self._dialers.get(peer)) is not None:
            dialer.nudge(COUNTER_MAX)

    def reap(self) -> None:
        """Forget dialers that have ended, and make those that are missing.

        A peer that was dismissed and is a member again gets its dialer once the former one has ended: so the events of
        the two stay apart. One for which there is no thread gets its dialer at a later call.
        """
        for peer in [peer for peer, dialer in self._ending.items() if not dialer.is_alive]:
            del self._ending[peer]
        missing = self._addresses.keys() - self._dialers.keys() - self._ending.keys()
        for peer in sorted(missing if not self._is_stopped else ()):
            self._dial(peer)

    def start(self) -> None:
        """Begin to dial.

        Raises:
            ThreadError: the system cannot start a thread.
        """
        self._is_started = True
        for peer, dialer in self._dialers.items():
            self._start(peer, dialer)

    def stop(self, timeout: float) -> bool:
        """Send Bye and close every link; return whether all dialers have ended in time (seconds)."""
        deadline = Deadline(timeout)
        self._is_stopped = True
        dialers = [*self._dialers.copy().values(), *self._ending.copy().values()]
        for dialer in dialers:  # ask all of them before waiting for one
            dialer.ask_stop()
        is_done = [dialer.stop(deadline.remaining_s) for dialer in dialers]
        return all(is_done)

    def send(self, peer: str, number: tuple[int, int], message: object, *, replaces: str | None) -> None:
        """Send on the link with that number; without it the message is dropped."""
        dialer = self._dialers.get(peer)
        if dialer is not None:
            dialer.send(number, message, replaces=replaces)

    def note_opened(self, identity: PeerIdentity) -> None:
        """Note that a dial led to the peer of this identity, which shows its address."""
        self._linked |= {identity.node}
        if (address := self._addresses.get(identity.node)) is not None:
            address.note_reached()
            address.set_shown(identity.attributes.get(ADVERTISE), is_reached=True)

    def note_failed(self, peer: str, error: WireError) -> None:
        """Note that a dial led to no link with the peer."""
        address = self._addresses.get(peer)
        if address is not None and isinstance(error, Refusal) and error.code in STRANGERS:
            address.note_stranger()

    def note_closing(self, peer: str) -> None:
        """Note that the link to the peer closes."""
        self._linked -= {peer}

    def note_accepted(self, identity: PeerIdentity) -> None:
        """Note that a peer dialed this node and proved its identity: it is there, at the address that it shows."""
        peer = identity.node
        if (address := self._addresses.get(peer)) is not None:
            is_reached = peer in self._linked
            address.set_shown(identity.attributes.get(ADVERTISE), is_reached=is_reached)
            if not is_reached:
                address.note_accepted()
        if (dialer := self._dialers.get(peer)) is not None:
            dialer.note_bye(is_away=False)
            dialer.nudge(identity.incarnation)  # dial it now, or see that the link to it has ended

    def note_bye(self, peer: str) -> None:
        """Note that the peer said Bye on a link that it dialed: it stops."""
        if (dialer := self._dialers.get(peer)) is not None:
            dialer.note_bye(is_away=True)

    def _is_lost(self) -> bool:
        """Return whether this node has links to fewer than a quorum; on any thread."""
        voters = frozenset(self._configuration.voters)
        return len(voters & (self._linked | {self._own_id})) < self._configuration.quorum

    def _free_seeds(self, peer: str) -> frozenset[Address]:
        """Return the seeds at which the peer may be, as far as is known; on any thread."""
        others = [address for each, address in self._addresses.copy().items() if each != peer]
        return frozenset(self._seeds).difference(*(address.places for address in others))

    def _dial(self, peer: str) -> None:
        address = self._addresses[peer]

        def resolve() -> Address:
            return address.resolve(self._free_seeds(peer) if self._is_lost() else ())

        dialer = Dialer(peer, resolve, self._endpoint, next_counter=self.next_counter, judge=self._judge)
        if self._is_started:  # before others see it: else it seems to have died
            try:
                self._start(peer, dialer)
            except ThreadError as error:  # a node that leads must not end because another one joins
                logger.warning("! %s is not dialed yet: %s", peer, error)
                return
        self._dialers[peer] = dialer
        if self._is_stopped:  # meanwhile, on another thread, which may not have seen this dialer
            dialer.ask_stop()

    @staticmethod
    def _start(peer: str, dialer: Dialer) -> None:
        with starting(f"elect-dialer-{peer}"):
            dialer.start()


def limits(config: Config) -> Limits:
    """Return the limits of a node's links: each peer is dialed at least twice in a support duration.

    One whose host answers nothing is dialed once. So a new store learns within its fence which peers count its votes.
    """
    half_s = config.support_duration_ns / NS_PER_S / 2
    return Limits(
        outbox_messages_max=OUTBOX_MESSAGES_MAX,
        connect_timeout_s=min(DEFAULT_LIMITS.connect_timeout_s, half_s),
        backoff_max_s=min(BACKOFF_MAX_S, half_s),
    )


def _dialable(text: str | None) -> Address | None:
    """Return the address in a text, or None: what another node shows may be anything."""
    try:
        return None if text is None else parse_dialable("advertise", text)
    except ConfigError as error:
        logger.debug("an address that a peer shows is not used: %s", error)
        return None
