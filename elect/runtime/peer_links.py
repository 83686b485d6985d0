"""This node's links: the listener, a dialer for each peer, and what their handshakes told.

Source: PROTOCOL.md, section 2 (each node dials each peer) and section 5 (whose closes prove something).
"""

import itertools
from collections.abc import Callable, Mapping
from functools import partial

from elect.bridge.admission import ADVERTISE, Admission
from elect.bridge.publisher import Profile
from elect.config.config import Config
from elect.config.rules import check_advertised, check_exposure
from elect.core.messages import Batch, Heartbeat, Knowledge, Number
from elect.core.options import Configuration
from elect.core.ready import Send
from elect.errors import BindError
from elect.runtime.threads import starting
from elect.storage.store import Opened
from wire.common.deadline import Deadline, now_s
from wire.common.log import Log
from wire.common.log_throttle import LogThrottle, more
from wire.io.link_events import DialFailed, Event, LinkAccepted, LinkOpened
from wire.io.meter import Meter
from wire.links.dialer import Dialer
from wire.links.listener import Listener
from wire.protocol.address import Address
from wire.protocol.codec import Codec
from wire.protocol.identity import Identity, LinkNumber
from wire.protocol.limits import Limits
from wire.protocol.wire_errors import Refusal, RejectCode
from wire.security.security import PLAIN, Security

logger = Log(__name__)

DISPUTES = (RejectCode.ID_IN_USE, RejectCode.STALE_LINK)
"""A peer that answers so has heard of another process of this node's id, or of a later start of it."""

OUTBOX_MESSAGES_MAX = 1024
"""Knowledge of 100,000 elections takes 400 messages; twice that, and heartbeats."""

BACKOFF_MAX_S = 2.0
NS_PER_S = 1_000_000_000

CONFIGURATION = "configuration"
METADATA_PREFIX = "m."


class PeerLinks:
    """Opens, starts, stops and names the links. `send`, `note_…` and `number` belong to the protocol's thread.

    Attributes:
        heard: when each peer was heard last (ns).

    Args:
        config: the node's.
        opened: what the store held.
        admission: who is taken for a peer.
        deliver: takes what wire tells.
        security: who is let in.
        meter: told what wire counts, or None.
    """

    def __init__(
        self,
        config: Config,
        *,
        opened: Opened,
        admission: Admission,
        deliver: Callable[[Event], None],
        security: Security = PLAIN,
        meter: Meter | None = None,
    ) -> None:
        self._config = config
        self._admission = admission
        self._attributes = attributes(config)
        identity = _identity(config, opened, self._attributes)
        codec, limits = Codec(Heartbeat, Batch, Knowledge), _limits(config)
        self._listener = Listener(
            config.listen_address,
            identity,
            codec,
            is_known_peer=lambda _: True,  # the admission sees more of it
            judge=partial(admission.judge, is_proven=config.key_file is None),  # a key is proved after the Hello
            deliver=deliver,
            limits=limits,
            security=security,
            metrics=meter,
            name="elect",
        )
        counter = itertools.count(1)
        self._dialers = {
            peer: Dialer(
                peer,
                _always(address),
                identity,
                codec,
                next_counter=counter.__next__,
                deliver=deliver,
                limits=limits,
                security=security,
                judge=admission.judge,
                metrics=meter,
                name="elect",
            )
            for peer, address in config.peer_addresses.items()
        }
        self._profiles: dict[str, Profile] = {}
        self._opened: dict[str, LinkNumber] = {}
        self.heard: dict[str, int] = {}
        self._numbers: dict[str, tuple[LinkNumber, Number]] = {}
        self._disputes: dict[str, str] = {}
        self._log_throttle = LogThrottle()

    @property
    def address(self) -> Address:
        """Where the listener listens, with the real port."""
        return self._listener.address

    @property
    def threads(self) -> dict[str, bool]:
        """Whether the thread that listens, and each that dials, lives."""
        dialers = {f"elect-dialer-{peer}": dialer.is_alive for peer, dialer in self._dialers.items()}
        return {"elect-listener": self._listener.is_alive, **dialers}

    @property
    def doubled(self) -> dict[str, str]:
        """The ids, this node's among them, that two processes use now, and a sentence that says who these are."""
        own = {self._config.node: "; ".join(self._disputes.copy().values())} if self._disputes else {}
        refused = {peer: text for peer, text in self._admission.refused().items() if peer in self._opened}
        return self._listener.doubled | refused | own

    def open(self) -> None:
        """Listen, but take nobody yet.

        Raises:
            BindError: the address can't be had.
            ConfigError: "localhost" is no loopback address here, and it is not said who is let in; or a name stands for
                all addresses of this machine, and it is not said which one peers can dial.
        """
        try:
            self._listener.open()
        except OSError as error:
            raise BindError(error.errno, error.strerror or str(error), self._config.listen) from error
        bound = self._listener.bound.host  # once more, now that its name is an address
        check_exposure(self._config.listen, bound, is_guarded=self._config.is_guarded)
        if self._config.advertise is None:
            check_advertised(bound)
        if self._config.advertise is None:  # the identity shows it to peers, of which there are none yet
            self._attributes[ADVERTISE] = str(self.address)
        self._profiles[self._config.node] = profile(self._attributes)

    def start(self) -> None:
        """Accept and dial.

        Raises:
            ThreadError: a thread cannot be had.
        """
        with starting("elect-listener"):
            self._listener.start()
        for peer, dialer in self._dialers.items():
            with starting(f"elect-dialer-{peer}"):
                dialer.start()

    def stop(self, timeout: float) -> bool:
        """Say Bye and close every link; nothing counts on them any more. Whether it was all done in time."""
        deadline = Deadline(timeout)
        for dialer in self._dialers.values():  # all of them are told before one is waited for
            dialer.ask_stop()
        is_done = [dialer.stop(deadline.remaining_s) for dialer in self._dialers.values()]
        return self._listener.stop(deadline.remaining_s) and all(is_done)

    def abandon(self) -> None:
        """In a forked child: close the copies of the sockets, without a word to the other ends."""
        self._listener.abandon()
        for dialer in self._dialers.values():
            dialer.abandon()

    def send(self, send: Send) -> None:
        """Put a message on the link that it is for; on another one it would be meaningless."""
        number = self._opened.get(send.peer)
        if number is not None:
            replaces = "heartbeat" if type(send.message) is Heartbeat else None
            self._dialers[send.peer].send((send.link.incarnation, send.link.counter), send.message, replaces=replaces)

    def number(self, peer: str, number: LinkNumber) -> Number:
        """A link's number in the core's words; the peer's latest one is at hand."""
        known = self._numbers.get(peer)
        if known is None or known[0] != number:
            known = self._numbers[peer] = (number, Number(*number))
        return known[1]

    def note_opened(self, event: LinkOpened) -> None:
        """Our link to a peer is open."""
        self._opened[event.peer] = event.number
        self._admission.meet(event.identity)
        self._profiles[event.peer] = profile(event.identity.attributes)
        self._disputes.pop(event.peer, None)

    def note_failed(self, event: DialFailed) -> None:
        """A peer could not be dialed, or says that it knows this node as another process."""
        error = event.error
        if not (isinstance(error, Refusal) and error.code in DISPUTES):
            self._disputes.pop(event.peer, None)
            return
        self._disputes[event.peer] = text = f"{event.peer} refuses this node: {error.text}"
        held = self._log_throttle.take("dispute", now_s())
        if held is not None:
            logger.warning(
                "! another process uses the id of node %s, or did with a later copy of its store: %s; stop one of them,"
                " or give it an id of its own%s",
                self._config.node,
                text,
                more(held),
            )

    def note_closing(self, peer: str) -> None:
        """It is not any more."""
        self._opened.pop(peer, None)

    def note_accepted(self, event: LinkAccepted) -> None:
        """A peer dialed us: it is there, so now is the time to dial it, or to see that our link has ended."""
        self._admission.meet(event.identity)
        self._profiles[event.peer] = profile(event.identity.attributes)
        if event.peer in self._dialers:
            self._dialers[event.peer].nudge(event.identity.incarnation)

    def forget(self, peer: str) -> None:
        """Take a peer's links whatever their numbers, and its store whatever it is."""
        self._admission.forget(peer)
        self._listener.forget(peer)

    def is_trusted(self, event: LinkAccepted) -> bool:
        """Whether an end of stream on a peer's link proves something: the configuration decides, or the link."""
        trust = self._config.trust_close
        return event.is_trusted if isinstance(trust, str) else trust

    def profile(self, node_id: str) -> Profile:
        """What a node said of itself; where it said nothing, where it is dialed."""
        return self._profiles.get(node_id) or Profile(address=self._config.peers.get(node_id))

    def address_of(self, node_id: str) -> str | None:
        """Where a node says that it is to be dialed."""
        return self.profile(node_id).address


def _limits(config: Config) -> Limits:
    """Dial at least twice in a support duration: a new store hears within its fence who counts it as a voter."""
    backoff_max_s = min(BACKOFF_MAX_S, config.support_duration_ns / NS_PER_S / 2)
    return Limits(outbox_messages_max=OUTBOX_MESSAGES_MAX, backoff_max_s=backoff_max_s)


def _identity(config: Config, opened: Opened, attributes: Mapping[str, str]) -> Identity:
    return Identity(
        cluster=config.cluster,
        node=config.node,
        incarnation=opened.incarnation,
        store=opened.store_id,
        attributes=attributes,
    )


def attributes(config: Config) -> dict[str, str]:
    """What travels in this node's handshakes beside its names."""
    configuration = Configuration.initial(config.voters)
    return {
        ADVERTISE: str(config.advertise_address),
        CONFIGURATION: configuration.id.digest.hex(),
        **{METADATA_PREFIX + name: value for name, value in config.metadata.items()},
    }


def profile(shown: Mapping[str, str]) -> Profile:
    """The profile in a handshake's attributes."""
    return Profile(
        address=shown.get(ADVERTISE),
        metadata={
            name.removeprefix(METADATA_PREFIX): value
            for name, value in shown.items()
            if name.startswith(METADATA_PREFIX)
        },
    )


def _always(address: Address) -> Callable[[], Address]:
    """The name in it is resolved anew by each dial."""
    return lambda: address
