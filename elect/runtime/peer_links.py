"""This node's links: the listener, a dialer for each peer, and the contents of their handshakes.

Source: PROTOCOL.md, section 2 (each node dials each peer) and section 5 (whose closes prove something).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import get_args

from elect.bridge.admission import ADVERTISE, CLUSTER_ID, Admission, objection_of
from elect.bridge.node_context import NodeContext
from elect.config import shown_settings
from elect.config.config import Config
from elect.config.rules import check_advertised, check_exposure
from elect.core.configuration import Configuration, Member
from elect.core.membership_messages import Message
from elect.core.messages import Heartbeat, Number
from elect.core.ready import Send
from elect.errors import BindError
from elect.joining.join_messages import JOIN_KIND, JOIN_MESSAGES, Answer
from elect.leader import Profile
from elect.monitoring.member_phase import MemberPhase
from elect.observing.mirror_messages import MIRROR_MESSAGES
from elect.observing.observer_messages import CLIENT_MESSAGES
from elect.runtime.dialers import Dialers, limits
from elect.runtime.threads import starting
from elect.storage.store import StoreContent
from wire.common.deadline import Deadline, now_s
from wire.common.log import Log, LogThrottle, suppressed_suffix
from wire.io.link_events import DialFailed, Event, LinkAccepted, LinkClosing, LinkEnded, LinkOpened, MessageReceived
from wire.io.meter import Meter
from wire.links.endpoint import Endpoint
from wire.links.listener import Listener
from wire.links.shared_links import SharedLinks
from wire.protocol.address import Address
from wire.protocol.codec import Codec
from wire.protocol.handshake import PEER_KIND, Judge
from wire.protocol.identity import Identity, LinkNumber, PeerIdentity
from wire.protocol.wire_errors import Refusal, RejectCode
from wire.security.security import PLAIN, Security

logger = Log(__name__)

DISPUTES = (RejectCode.ID_IN_USE, RejectCode.STALE_LINK)
"""A peer that answers with one of these knows another process with this node's id, or a later start of it."""

CONFIGURATION = "configuration"
"""The attribute of a handshake that holds the digest of the list of voters in the settings."""

METADATA_PREFIX = "m."


class PeerLinks:
    """Opens, starts, stops and names the links. `note_event` and `receive` belong to the orchestrator thread.

    The orchestrator thread and the journal's thread call `send`.

    Args:
        context: of the node.
        opened: the content of the store.
        admission: judges the other end of each connection.
        deliver: called with each event of wire.
        security: the keys or certificates.
        meter: counts for wire, or None.
        share: given the endpoint and a judge, returns what runs the links of clients and mirrors, by their kind.
    """

    def __init__(
        self,
        context: NodeContext,
        *,
        opened: StoreContent,
        admission: Admission,
        deliver: Callable[[Event], None],
        security: Security = PLAIN,
        meter: Meter | None = None,
        share: Callable[[Endpoint, Judge], Mapping[str, SharedLinks]],
    ) -> None:
        self._config = config = context.config
        self._admission = admission
        self._health = context.peer_health
        self._lifecycle = context.lifecycle
        self._attributes = attributes(config)  # each handshake shows what it holds at that moment
        identity = _identity(config, opened, self._attributes)
        self.endpoint = endpoint = Endpoint(
            identity=identity,
            codec=Codec(*get_args(Message), *JOIN_MESSAGES, *CLIENT_MESSAGES, *MIRROR_MESSAGES),
            deliver=deliver,
            limits=limits(config),
            security=security,
            metrics=meter,
            name="elect",
        )
        self._listener = Listener(
            config.listen_address,
            endpoint,
            is_known_peer=lambda _: True,  # the admission sees more of it
            judge=partial(admission.judge, is_proven=config.key_file is None),  # a key is proved after the Hello
            two_way=(JOIN_KIND,),
            shared=share(endpoint, admission.judge_joining),
            judge_two_way=admission.judge_joining,
            pace=context.inbox.pace,  # holds up a peer that floods
        )
        known, seeds = config.peer_addresses, config.other_seed_addresses
        self._dialers = Dialers(endpoint, given=known, judge=admission.judge, seeds=seeds)
        self._configuration = Configuration()
        self._profiles: dict[str, Profile] = {}
        self._opened: dict[str, LinkNumber] = {}
        self._numbers: dict[str, tuple[LinkNumber, Number]] = {}
        self._disputes: dict[str, str] = {}
        self._removed_by: set[str] = set()
        self._unanswered: set[str] = set()
        self._log_throttle = LogThrottle()
        self.set_members(opened.configuration)

    @property
    def address(self) -> Address:
        """The address of the listener, with the real port."""
        return self._listener.address

    @property
    def identity(self) -> Identity:
        """The identity that this node shows in handshakes."""
        return self.endpoint.identity

    @property
    def advertised(self) -> str:
        """The address at which others dial this node; with the real port once it listens."""
        return self._attributes[ADVERTISE]

    @property
    def threads(self) -> dict[str, bool]:
        """The threads of the listener and the dialers, and whether each is alive."""
        return {"elect-listener": self._listener.is_alive, **self._dialers.threads}

    @property
    def doubled(self) -> dict[str, str]:
        """The ids, perhaps this node's too, that two processes use now, and a sentence about the two."""
        own = {self._config.node: "; ".join(self._disputes.copy().values())} if self._disputes else {}
        refused = {peer: text for peer, text in self._admission.refused().items() if peer in self._opened}
        return self._listener.doubled | refused | own

    @property
    def callers(self) -> dict[str, str]:
        """The nodes that dialed this one as a member while it is in no cluster, and the addresses that they show."""
        return self._admission.callers()

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
            self._attributes[ADVERTISE] = str(self.address)  # no peer has seen it yet
        self._profiles[self._config.node] = profile(self._attributes)

    def start(self) -> None:
        """Accept and dial connections.

        Raises:
            ThreadError: the system cannot start a thread.
        """
        with starting("elect-listener"):
            self._listener.start()
        self._dialers.start()

    def stop(self, timeout: float) -> bool:
        """Send Bye and close every link; return whether everything has ended in time (seconds)."""
        deadline = Deadline(timeout)
        is_done = self._dialers.stop(deadline.remaining_s)
        return self._listener.stop(deadline.remaining_s) and is_done

    def send(self, send: Send) -> None:
        """Send a message on the link that it is meant for; on another one it has no meaning."""
        number = self._opened.get(send.peer)
        if number is not None:
            replaces = "heartbeat" if type(send.message) is Heartbeat else None
            self._dialers.send(send.peer, (send.link.incarnation, send.link.counter), send.message, replaces=replaces)

    def answer(self, peer: str, number: LinkNumber, answer: Answer) -> None:
        """Answer a request on a link of kind `join`; from any thread."""
        self._listener.send(peer, number, answer)

    def receive(self, event: MessageReceived, now: int) -> Number:
        """Note when a message came, and return its link's number in the core's type; the latest is cached."""
        peer, number = event.peer, event.number
        if peer in self._dialers:  # else it was dismissed while this waited
            self._health.note_heard(peer, now)
        known = self._numbers.get(peer)
        if known is None or known[0] != number:
            known = self._numbers[peer] = (number, Number(*number))
        return known[1]

    def note_event(self, event: Event) -> None:
        """Note a change of a link, before the elector gets it."""
        if event.peer not in self._dialers:  # it came while the peer was dismissed
            self._opened.pop(event.peer, None)
            return
        match event:
            case LinkOpened():
                self._note_member(event.peer)
                self._opened[event.peer] = event.number
                self._disputes.pop(event.peer, None)
                if self._remember_identity(event.identity):
                    self._listener.forget(event.peer, PEER_KIND)  # its next links have lower numbers
                self._dialers.note_opened(event.identity)
            case LinkClosing():
                self._opened.pop(event.peer, None)
                self._dialers.note_closing(event.peer)
            case LinkAccepted():
                self._health.note_accepted(event.peer, event.number, is_direct=event.is_trusted)
                is_another = self._remember_identity(event.identity)
                self._dialers.note_accepted(event.identity)
                if is_another:
                    self._dialers.redial(event.peer)  # the open link goes to the process with the former store
            case LinkEnded():
                if event.bye is not None:
                    self._health.note_bye(event.peer, event.number)
                    self._dialers.note_bye(event.peer)
            case DialFailed():
                self._dialers.note_failed(event.peer, event.error)
                self._note_dispute(event)
                self._note_removal(event)
                self._note_unanswered(event)

    def _remember_identity(self, identity: PeerIdentity) -> bool:
        """Remember a peer as it shows itself; return whether it has another store than before."""
        self._profiles[identity.node] = profile(identity.attributes)
        return self._admission.meet(identity)

    def _note_removal(self, event: DialFailed) -> None:
        """Note that a peer says that this node was removed; when most others say so, it was removed while it was down.

        One alone may be behind.
        """
        peer, error = event.peer, event.error
        if not (isinstance(error, Refusal) and error.code is RejectCode.REMOVED):
            return
        if self._configuration.member(self._config.node) is None:
            self._dialers.dismiss(peer)  # both know it
            return
        self._removed_by.add(peer)
        others = set(self._configuration.voters) - {self._config.node}
        if 2 * len(self._removed_by & others) > len(others):
            self._lifecycle.enter(MemberPhase.REMOVED)

    def _note_unanswered(self, event: DialFailed) -> None:
        """Note a dial without an answer: when no other voter has answered, none can accept this node."""
        if objection_of(event.error) is None:
            self._unanswered.add(event.peer)
            if self._unanswered.issuperset(set(self._configuration.voters) - {self._config.node}):
                self._lifecycle.accept()

    def _note_member(self, peer: str) -> None:
        """Note that a peer knows this node as a member, under its store."""
        if peer in self._removed_by:
            self._removed_by.discard(peer)
            self._lifecycle.install(self._configuration, self.endpoint.identity.store)
        if peer in self._configuration.voters:
            self._lifecycle.accept()

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

    def set_members(self, configuration: Configuration) -> None:
        """Dial, accept and show the members that were installed. Former ones keep their links until `dismiss`."""
        before, self._configuration = self._configuration, configuration
        self._removed_by.clear()
        self._admission.install(configuration)
        self._attributes.pop(CONFIGURATION, None)
        self._attributes.update(shown_configuration(configuration))
        for member in configuration.members if before.members else ():
            if self._is_replaced(before.member(member.node_id), member):
                self._renew_links(member.node_id)
        self._dialers.set_members(configuration)

    def _is_replaced(self, before: Member | None, after: Member) -> bool:
        """Return whether a member may have another store from now on, and count its links from the start again.

        One that was removed, and is added again before its links were closed (`before` is None), is such a member, too.
        """
        met = self._admission.store_of(after.node_id)
        if after.store_id is not None:
            return met not in (None, after.store_id)
        if before is None:
            return met is not None
        return before.store_id is not None or (before.is_voter and after.is_learner)

    def _renew_links(self, peer: str) -> None:
        """End the links with the process that has the former store. The dialer tells the elector first, as always."""
        self._admission.forget(peer)
        self._profiles.pop(peer, None)  # its address counts no longer, though the open link takes a while to end
        self._dialers.redial(peer)
        self._listener.forget(peer, PEER_KIND)  # on a link to join the new process waits for its answer

    def dismiss(self, peer: str) -> None:
        """End all links with a former member, which the elector counts no longer, and forget it. Does not wait."""
        self._dialers.dismiss(peer)
        self._listener.forget(peer, PEER_KIND)
        for by_peer in (self._numbers, self._profiles, self._disputes):
            by_peer.pop(peer, None)
        self._removed_by.discard(peer)
        self._unanswered.discard(peer)
        self._health.forget(peer)

    def reap(self) -> None:
        """Finish what changes of the members left to do; called about once a second."""
        self._dialers.reap()

    def is_trusted(self, event: LinkAccepted) -> bool:
        """Return whether an end of stream on this link proves that the process has ended."""
        trust = self._config.trust_close
        return event.is_trusted if isinstance(trust, str) else trust

    def profile(self, node_id: str) -> Profile:
        """Return the profile that a node showed, or else one with the address at which it is dialed."""
        configured = member.address if (member := self._configuration.member(node_id)) else None
        return self._profiles.get(node_id) or Profile(address=configured or self._config.peers.get(node_id))

    def linked_addresses(self) -> dict[str, str]:
        """Return the addresses that this node and the peers with a link show. On the orchestrator thread."""
        shown = {each: self._profiles.get(each) for each in (self._config.node, *self._opened)}
        return {each: found.address for each, found in shown.items() if found is not None and found.address}

    def address_of(self, node_id: str) -> str | None:
        """Return the address that a node advertises."""
        return self.profile(node_id).address


def _identity(config: Config, opened: StoreContent, attributes: Mapping[str, str]) -> Identity:
    return Identity(
        cluster=config.cluster,
        node=config.node,
        incarnation=opened.incarnation,
        store=opened.store_id,
        attributes=attributes,
    )


def attributes(config: Config) -> dict[str, str]:
    """Return the attributes that this node shows in all of its handshakes."""
    return {
        ADVERTISE: str(config.advertise_address),
        shown_settings.SETTINGS: shown_settings.shown(config),
        **{METADATA_PREFIX + name: value for name, value in config.metadata.items()},
    }


def shown_configuration(configuration: Configuration) -> dict[str, str]:
    """Return the attributes that show a configuration: the id of the cluster, or else a list that comes from a file."""
    if configuration.cluster_id is not None:
        return {CLUSTER_ID: configuration.cluster_id.hex()}
    # A later one comes from a leader that all members follow: it may differ from each of their files.
    return {} if configuration.version else {CONFIGURATION: configuration.id.digest.hex()}


def profile(shown: Mapping[str, str]) -> Profile:
    """Return the profile in the attributes of a handshake."""
    named = {key: value for key, value in shown.items() if key.startswith(METADATA_PREFIX)}
    metadata = {key.removeprefix(METADATA_PREFIX): value for key, value in named.items()}
    settings = shown_settings.read(shown.get(shown_settings.SETTINGS, ""))
    return Profile(address=shown.get(ADVERTISE), metadata=metadata, settings=settings)
