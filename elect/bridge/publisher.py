"""From the core's events to the application's objects: leaderships, leaders, log lines.

The orchestrator thread does here what must not wait for a callback: a lost leadership is marked as lost at once. The
dispatcher then calls the subscribers.
"""

import logging
from collections.abc import Callable

from elect.bridge.dispatcher import PublishedEvent
from elect.bridge.leadership import Leadership
from elect.bridge.node_context import NodeContext
from elect.bridge.published_election import PublishedElection
from elect.clock import NS_PER_S
from elect.core.configuration import Configuration, Member, MemberKind
from elect.core.events import (
    Campaigned,
    Elected,
    Event,
    FailedBack,
    Installed,
    LeaderChanged,
    LossReason,
    Lost,
    Objection,
    PeerChanged,
    PeerDismissed,
    PeerObjected,
    RoleChanged,
)
from elect.leader import Leader, Profile
from elect.monitoring.event_fields import log_fields
from elect.monitoring.status import objection_sentence
from wire.common.log import Log

logger = Log(__name__)

FAILED_CAMPAIGNS_MAX = 3
"""Votes split now and then; when more campaigns fail in a row they have one cause, which is logged once."""

HELD_MAX = 1_000
"""Events held back at most, some milliseconds of work: above it they are published although inputs wait."""


class Publisher:
    """Updates the published elections, and passes the events to the dispatcher.

    Args:
        context: of the node.
        dispatch: takes events for the callbacks; must not wait.
        profile: returns the address and metadata of a node.
    """

    def __init__(
        self, context: NodeContext, dispatch: Callable[[list[PublishedEvent]], None], profile: Callable[[str], Profile]
    ) -> None:
        self._context = context
        self._dispatch = dispatch
        self._profile = profile
        self._held: list[Event] = []

    @property
    def is_holding(self) -> bool:
        """Return whether events wait for `flush_events`."""
        return bool(self._held)

    def queue_events(self, events: tuple[Event, ...]) -> None:
        """Publish up to the last election or loss at once; later events can wait for `flush_events`."""
        urgent = max((place for place, event in enumerate(events, 1) if isinstance(event, Elected | Lost)), default=0)
        self._held.extend(events[:urgent])
        if urgent or len(self._held) > HELD_MAX:
            self.flush_events()
        self._held.extend(events[urgent:])

    def flush_events(self) -> None:
        """Publish the events that were held back."""
        held, self._held = tuple(self._held), []
        if held:
            self.publish(held)

    def publish(self, events: tuple[Event, ...]) -> None:
        """Publish events of the core, in order."""
        with self._context.changing():
            published = [self._publish(event) for event in events]
            self._context.history.note(events)
        self._dispatch(published)

    def close(self) -> None:
        """Mark every leadership as lost, as the node has stopped: the orchestrator thread has ended."""
        with self._context.changing():
            for published in list(self._context.published_elections.values()):
                leadership, published.leadership = published.leadership, None
                if leadership is not None:
                    leadership.mark_lost(LossReason.STOPPED)

    def _publish(self, event: Event) -> PublishedEvent:
        match event:
            case Elected():
                return PublishedEvent(event, self._elected(event), self._context.published(event.election).leader)
            case Lost():
                return PublishedEvent(event, leadership=self._lost(event))
            case LeaderChanged():
                return PublishedEvent(event, leader=self._leader(event))
            case PeerObjected():
                self._context.note_objection(event.peer, event.objection)
            case PeerChanged():
                self._context.peer_health.note_support(event.peer, event.at, is_supporting=event.supported)
            case Installed():
                self._context.install(event.configuration)
            case PeerDismissed():
                self._context.objections.pop(event.peer, None)
            case RoleChanged():
                published = self._context.published(event.election)
                published.role, published.role_term = event.role, event.term
        return PublishedEvent(event)

    def _elected(self, event: Elected) -> Leadership:
        context, published = self._context, self._context.published(event.election)
        # First: a thread that finds its node leading may ask who leads.
        self._set_leader(published, context.node_id, event)
        published.leadership = Leadership(
            election=event.election,
            node_id=context.node_id,
            token=event.term,
            leases=context.leases,
            give_up=context.give_up,
        )
        return published.leadership

    def _lost(self, event: Lost) -> Leadership | None:
        published = self._context.published(event.election)
        leadership, published.leadership = published.leadership, None
        if leadership is not None:
            leadership.mark_lost(event.reason)
        return leadership

    def _leader(self, event: LeaderChanged) -> Leader | None:
        published = self._context.published(event.election)
        if event.leader is None:
            published.leader = None
        elif event.leader != self._context.node_id:  # else it is published since Elected
            self._set_leader(published, event.leader, event)
        return published.leader

    def _set_leader(self, published: PublishedElection, node_id: str, event: Elected | LeaderChanged) -> None:
        profile = self._profile(node_id)
        published.leader = Leader(
            node_id=node_id,
            term=event.term,
            address=profile.address,
            metadata=profile.metadata,
            as_of=event.at / NS_PER_S,
        )


FAILING_ELECTIONS_MAX = 8
"""Elections whose failing campaigns are logged at a time: thousands of them fail for one cause."""

FAILURES = ("refused", "timed_out")
"""Outcomes of a campaign that other nodes decided."""


class EventLog:
    """Logs one line for each change of role, leader or connection. The last tap: subscribers are called before it.

    Campaigns that fail in a row are logged once, and once more when the election is decided.

    Args:
        node_id: of the node; each record has the fields of its event (`elect.monitoring.event_fields`).
    """

    def __init__(self, node_id: str) -> None:
        self._node_id = node_id
        self._failed: dict[str, int] = {}
        self._logged: set[str] = set()

    def __call__(self, event: Event) -> None:
        """Log an event at the level of its importance."""
        match event:
            case Campaigned():
                self._note_campaign(event)
            case LeaderChanged():
                if event.leader is not None:
                    self._decided(event.election, event.term)
                self._log(logging.INFO, event)
            case RoleChanged():
                is_known = self._failed.get(event.election, 0) >= FAILED_CAMPAIGNS_MAX
                self._log(logging.DEBUG if is_known else logging.INFO, event)
            case PeerObjected():
                self._log(logging.WARNING, event)
            case Elected() | Lost() | FailedBack() | PeerChanged() | PeerDismissed() | Installed():
                self._log(logging.INFO, event)
            case _:
                logger.debug("* %s", event)

    def _log(self, level: int, event: Event) -> None:
        text, *values = _line(event)
        logger.log(level, text, *values, extra=log_fields(event, self._node_id))

    def _note_campaign(self, event: Campaigned) -> None:
        if event.outcome == "elected":
            self._decided(event.election, event.term)
            return
        if event.outcome not in FAILURES:  # this node gave it up, for its application or its operator
            return
        failed = self._failed[event.election] = self._failed.get(event.election, 0) + 1
        if failed == FAILED_CAMPAIGNS_MAX and len(self._logged) < FAILING_ELECTIONS_MAX:
            self._logged.add(event.election)
            logger.warning(
                "! %s: %d campaigns in a row failed, the last one in term %d: %s; see the node's status for the cause",
                event.election,
                failed,
                event.term,
                event.outcome,
            )

    def _decided(self, election: str, term: int) -> None:
        failed = self._failed.pop(election, 0)
        if election in self._logged:
            self._logged.remove(election)
            logger.warning("* %s: decided in term %d, after %d failed campaigns", election, term, failed)


_Text = tuple[str, *tuple[object, ...]]
"""The text of a line, and its values."""


def _line(event: Event) -> _Text:  # noqa: PLR0911 - a line each
    match event:
        case Elected():
            return "* %s: leads in term %d", event.election, event.term
        case Lost():
            return "* %s: no longer leads in term %d: %s", event.election, event.term, event.reason
        case LeaderChanged(leader=None):
            return "* %s: knows no leader", event.election
        case LeaderChanged():
            return "* %s: %s leads in term %d", event.election, event.leader, event.term
        case RoleChanged():
            return "* %s: %s in term %d: %s", event.election, event.role, event.term, event.reason
        case FailedBack():
            return "* %s: is handed to %s, which comes first in its order", event.election, event.successor
        case _:
            return _member_line(event)


def _member_line(event: Event) -> _Text:  # noqa: PLR0911 - a line each
    match event:
        case PeerChanged(supported=True):
            return "* %s supports this node", event.peer
        case PeerChanged():
            return "* %s no longer supports this node", event.peer
        case PeerDismissed():
            return "* %s is no member any more; its links are closed", event.peer
        case PeerObjected(objection=None):
            return "* %s no longer objects to this node", event.peer
        case PeerObjected(objection=Objection() as objection):
            return "! %s", objection_sentence(event.peer, objection, event.detail, event.digest)
        case Installed():
            return _configuration_line(event.configuration)
        case _:
            return "* %s", event


def _configuration_line(configuration: Configuration) -> _Text:
    parts = [
        member.node_id if member.is_voter and member.kind is MemberKind.VOTER else f"{member.node_id} ({_part(member)})"
        for member in configuration.members
    ]
    text = "* configuration %d.%d is installed; members: %s"
    return text, configuration.term, configuration.version, ", ".join(parts) or "none"


def _part(member: Member) -> str:
    return "learner" if member.is_learner else member.kind.value
