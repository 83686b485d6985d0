"""This node's links: the listener, a dialer for each peer, and the contents of their handshakes.

Source: PROTOCOL.md, section 2 (each node dials each peer) and section 5 (whose closes prove something).
"""

import itertools
from collections.abc import Callable, Mapping
from functools import partial

from elect.bridge.admission import ADVERTISE, Admission
from elect.clock import NS_PER_S
from elect.config.config import Config
from elect.config.rules import check_advertised, check_exposure
from elect.core.messages import Batch, Heartbeat, Knowledge, Number
from elect.core.options import Configuration
from elect.core.ready import Send
from elect.errors import BindError
from elect.leader import Profile
from elect.runtime.threads import starting
from elect.storage.store import StoreContent
from wire.common.deadline import Deadline, now_s
from wire.common.log import Log, LogThrottle, suppressed_suffix
from wire.io.link_events import DialFailed, Event, LinkAccepted, LinkClosing, LinkOpened, MessageReceived
from wire.io.meter import Meter
from wire.links.dialer import Dialer
from wire.links.endpoint import Endpoint
from wire.links.listener import Listener
from wire.protocol.address import Address
from wire.protocol.codec import Codec
from wire.protocol.identity import Identity, LinkNumber, PeerIdentity
from wire.protocol.limits import Limits
from wire.protocol.wire_errors import Refusal, RejectCode
from wire.security.security import PLAIN, Security

logger = Log(__name__)

DISPUTES = (RejectCode.ID_IN_USE, RejectCode.STALE_LINK)
"""A peer that answers with one of these knows another process with this node's id, or a later start of it."""

OUTBOX_MESSAGES_MAX = 1024
"""The leaders of 100,000 elections need 400 messages; this is twice that, and heartbeats."""

BACKOFF_MAX_S = 2.0

CONFIGURATION = "configuration"
METADATA_PREFIX = "m."


class PeerLinks:
    """Opens, starts, stops and names the links. `note_event` and `receive` belong to the orchestrator thread.

    The orchestrator thread and the journal's thread call `send`.

    Attributes:
        heard: the time of the last message of each peer (ns).

    Args:
        config: of the node.
        opened: the content of the store.
        admission: judges the other end of each connection.
        deliver: called with each event of wire.
        pace: called with a peer after each read from it; holds up one that floods.
        security: the keys or certificates.
        meter: counts for wire, or None.
    """

    def __init__(
        self,
        config: Config,
        *,
        opened: StoreContent,
        admission: Admission,
        deliver: Callable[[Event], None],
        pace: Callable[[str], None],
        security: Security = PLAIN,
        meter: Meter | None = None,
    ) -> None:
        self._config = config
        self._admission = admission
        self._attributes = attributes(config)
        identity = _identity(config, opened, self._attributes)
        endpoint = Endpoint(
            identity=identity,
            codec=Codec(Heartbeat, Batch, Knowledge),
            deliver=deliver,
            limits=_limits(config),
            security=security,
            metrics=meter,
            name="elect",
        )
        self._listener = Listener(
            config.listen_address,
            endpoint,
            is_known_peer=lambda _: True,  # the admission sees more of it
            judge=partial(admission.judge, is_proven=config.key_file is None),  # a key is proved after the Hello
            pace=pace,
        )
        counter = itertools.count(1)
        self._dialers = {
            peer: Dialer(peer, _always(address), endpoint, next_counter=counter.__next__, judge=admission.judge)
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
        """The address of the listener, with the real port."""
        return self._listener.address

    @property
    def threads(self) -> dict[str, bool]:
        """The threads of the listener and the dialers, and whether each is alive."""
        dialers = {f"elect-dialer-{peer}": dialer.is_alive for peer, dialer in self._dialers.items()}
        return {"elect-listener": self._listener.is_alive, **dialers}

    @property
    def doubled(self) -> dict[str, str]:
        """The ids, perhaps this node's too, that two processes use now, and a sentence about the two."""
        own = {self._config.node: "; ".join(self._disputes.copy().values())} if self._disputes else {}
        refused = {peer: text for peer, text in self._admission.refused().items() if peer in self._opened}
        return self._listener.doubled | refused | own

    def open(self) -> None:
        """Listen, but accept no connection yet.

        Raises:
            BindError: the node cannot listen on its address.
            ConfigError: the name to listen on is beyond loopback, and there is no authentication; or it means all
                addresses of this machine, and `advertise` is not set.
        """
        try:
            self._listener.open()
        except OSError as error:
            raise BindError(error.errno, error.strerror or str(error), self._config.listen) from error
        bound = self._listener.bound.host  # again, now that its name is an address
        check_exposure(self._config.listen, bound, has_security=self._config.has_security)
        if self._config.advertise is None:
            check_advertised(bound)
        if self._config.advertise is None:  # the identity shows it to peers, of which there are none yet
            self._attributes[ADVERTISE] = str(self.address)
        self._profiles[self._config.node] = profile(self._attributes)

    def start(self) -> None:
        """Accept and dial connections.

        Raises:
            ThreadError: the system cannot start a thread.
        """
        with starting("elect-listener"):
            self._listener.start()
        for peer, dialer in self._dialers.items():
            with starting(f"elect-dialer-{peer}"):
                dialer.start()

    def stop(self, timeout: float) -> bool:
        """Send Bye and close every link; return whether everything has ended in time (seconds)."""
        deadline = Deadline(timeout)
        for dialer in self._dialers.values():  # ask all of them before waiting for one
            dialer.ask_stop()
        is_done = [dialer.stop(deadline.remaining_s) for dialer in self._dialers.values()]
        return self._listener.stop(deadline.remaining_s) and all(is_done)

    def send(self, send: Send) -> None:
        """Send a message on the link that it is meant for; on another one it has no meaning."""
        number = self._opened.get(send.peer)
        if number is not None:
            replaces = "heartbeat" if type(send.message) is Heartbeat else None
            self._dialers[send.peer].send((send.link.incarnation, send.link.counter), send.message, replaces=replaces)

    def receive(self, event: MessageReceived, now: int) -> Number:
        """Note when a message came, and return its link's number in the core's type; the latest is cached."""
        peer, number = event.peer, event.number
        self.heard[peer] = now
        known = self._numbers.get(peer)
        if known is None or known[0] != number:
            known = self._numbers[peer] = (number, Number(*number))
        return known[1]

    def note_event(self, event: Event) -> None:
        """Note a change of a link, before the elector gets it."""
        match event:
            case LinkOpened():
                self._opened[event.peer] = event.number
                self._disputes.pop(event.peer, None)
                self._remember_identity(event.identity)
            case LinkClosing():
                self._opened.pop(event.peer, None)
            case LinkAccepted():
                self._remember_identity(event.identity)
                if event.peer in self._dialers:  # it is there: dial it now, or see that the link to it has ended
                    self._dialers[event.peer].nudge(event.identity.incarnation)
            case DialFailed():
                self._note_dispute(event)

    def _remember_identity(self, identity: PeerIdentity) -> None:
        self._admission.meet(identity)
        self._profiles[identity.node] = profile(identity.attributes)

    def _note_dispute(self, event: DialFailed) -> None:
        """Note whether the peer says that it knows this node as another process."""
        error = event.error
        if not (isinstance(error, Refusal) and error.code in DISPUTES):
            self._disputes.pop(event.peer, None)
            return
        self._disputes[event.peer] = text = f"{event.peer} refuses this node: {error.text}"
        held = self._log_throttle.admit_line("dispute", now_s())
        if held is not None:
            logger.warning(
                "! another process uses the id of node %s, or has used it with a later copy of its store: %s; stop one"
                " of the two, or give it another id%s",
                self._config.node,
                text,
                suppressed_suffix(held),
            )

    def forget(self, peer: str) -> None:
        """Accept any store of a peer, and any number of its links."""
        self._admission.forget(peer)
        self._listener.forget(peer)

    def is_trusted(self, event: LinkAccepted) -> bool:
        """Return whether an end of stream on this link proves that the process has ended."""
        trust = self._config.trust_close
        return event.is_trusted if isinstance(trust, str) else trust

    def profile(self, node_id: str) -> Profile:
        """Return the profile that a node showed, or else one with the address at which it is dialed."""
        return self._profiles.get(node_id) or Profile(address=self._config.peers.get(node_id))

    def address_of(self, node_id: str) -> str | None:
        """Return the address that a node advertises."""
        return self.profile(node_id).address


def _limits(config: Config) -> Limits:
    """Dial at least twice in a support duration: a new store learns within its fence which peers count its votes."""
    backoff_max_s = min(BACKOFF_MAX_S, config.support_duration_ns / NS_PER_S / 2)
    return Limits(outbox_messages_max=OUTBOX_MESSAGES_MAX, backoff_max_s=backoff_max_s)


def _identity(config: Config, opened: StoreContent, attributes: Mapping[str, str]) -> Identity:
    return Identity(
        cluster=config.cluster,
        node=config.node,
        incarnation=opened.incarnation,
        store=opened.store_id,
        attributes=attributes,
    )


def attributes(config: Config) -> dict[str, str]:
    """Return the attributes that this node shows in its handshakes."""
    configuration = Configuration.initial(config.voters)
    return {
        ADVERTISE: str(config.advertise_address),
        CONFIGURATION: configuration.id.digest.hex(),
        **{METADATA_PREFIX + name: value for name, value in config.metadata.items()},
    }


def profile(shown: Mapping[str, str]) -> Profile:
    """Return the profile in the attributes of a handshake."""
    return Profile(
        address=shown.get(ADVERTISE),
        metadata={
            name.removeprefix(METADATA_PREFIX): value
            for name, value in shown.items()
            if name.startswith(METADATA_PREFIX)
        },
    )


def _always(address: Address) -> Callable[[], Address]:
    """Return a function for the dialer, which resolves the name in the address at each dial."""
    return lambda: address
