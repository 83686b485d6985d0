"""From the core's events to what the application sees: leaderships, leaders, log lines.

What must not wait for a callback is done here, by the protocol's thread: a leadership that is lost says so at once.
The rest is told by the dispatcher.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from elect.bridge.dispatcher import Dispatcher, Notice
from elect.bridge.leadership import NS_PER_S, Leadership
from elect.bridge.node_context import NodeContext
from elect.core.events import Campaigned, Elected, Event, LeaderChanged, Lost, PeerChanged, PeerObjected, RoleChanged
from elect.leader import Leader
from elect.monitoring.status import objection_sentence
from wire.common.log import Log

logger = Log(__name__)

CAMPAIGNS_SAID_MAX = 3
"""Votes split now and then; more campaigns that fail one after the other have a cause that the log need not repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a node says of itself to those who look for a leader."""

    address: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


class Publisher:
    """Keeps the seats up to date and passes events on.

    Args:
        context: whose published_elections.
        dispatcher: of the callbacks.
        profile: of a node, as far as it is known.
    """

    def __init__(self, context: NodeContext, dispatcher: Dispatcher, profile: Callable[[str], Profile]) -> None:
        self._context = context
        self._dispatcher = dispatcher
        self._profile = profile

    def tell(self, events: tuple[Event, ...]) -> None:
        """Take what happened, in order."""
        with self._context.changing():
            notices = [self._take(event) for event in events]
        self._dispatcher.tell(notices)

    def close(self) -> None:
        """No protocol's thread any more: whatever was led is over."""
        with self._context.changing():
            for published in list(self._context.published_elections.values()):
                if published.leadership is not None:
                    published.leadership.end(None)
                    published.leadership = None

    def _take(self, event: Event) -> Notice:
        match event:
            case Elected():
                return Notice(event, leadership=self._elected(event))
            case Lost():
                return Notice(event, leadership=self._lost(event))
            case LeaderChanged():
                return Notice(event, leader=self._leader(event))
            case PeerObjected():
                self._context.objections[event.peer] = event.objection
            case RoleChanged():
                published = self._context.published(event.election)
                published.role, published.role_term = event.role, event.term
        return Notice(event)

    def _elected(self, event: Elected) -> Leadership:
        context, published = self._context, self._context.published(event.election)
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
            leadership.end(event.reason)
        return leadership

    def _leader(self, event: LeaderChanged) -> Leader | None:
        published = self._context.published(event.election)
        leader = None
        if event.leader is not None:
            profile = self._profile(event.leader)
            leader = Leader(
                node_id=event.leader,
                term=event.term,
                address=profile.address,
                metadata=profile.metadata,
                as_of=event.at / NS_PER_S,
            )
        published.leader = leader
        return leader


ELECTIONS_SAID_MAX = 8
"""Elections of which it is said at a time that their campaigns fail: thousands of them fail for one cause."""

FAILURES = ("refused", "timed_out")
"""Outcomes of a campaign that the others decided."""


class EventLog:
    """One line a change of role, leader or connection; a tap, and the last one: subscribers are told before.

    Campaigns that fail one after the other are one trouble: said once, and at its end.
    """

    def __init__(self) -> None:
        self._failed: dict[str, int] = {}
        self._said: set[str] = set()

    def __call__(self, event: Event) -> None:
        """Say what happened."""
        match event:
            case Elected():
                logger.info("* %s: leads in term %d", event.election, event.term)
            case Lost():
                logger.info("* %s: leads no more in term %d: %s", event.election, event.term, event.reason)
            case LeaderChanged(leader=None):
                logger.info("* %s: knows no leader", event.election)
            case LeaderChanged():
                self._decided(event.election, event.term)
                logger.info("* %s: %s leads in term %d", event.election, event.leader, event.term)
            case RoleChanged():
                is_known = self._failed.get(event.election, 0) >= CAMPAIGNS_SAID_MAX
                level = logging.DEBUG if is_known else logging.INFO
                logger.log(level, "* %s: %s in term %d: %s", event.election, event.role, event.term, event.reason)
            case PeerObjected():
                _log_objection(event)
            case PeerChanged():
                logger.info("* %s %s", event.peer, "supports this node" if event.supported else "supports it no more")
            case Campaigned():
                self._note_campaign(event)
            case _:
                logger.debug("* %s", event)

    def _note_campaign(self, event: Campaigned) -> None:
        if event.outcome == "elected":
            self._decided(event.election, event.term)
            return
        if event.outcome not in FAILURES:  # this node gave it up, by its application's word or its operator's
            return
        failed = self._failed[event.election] = self._failed.get(event.election, 0) + 1
        if failed == CAMPAIGNS_SAID_MAX and len(self._said) < ELECTIONS_SAID_MAX:
            self._said.add(event.election)
            logger.warning(
                "! %s: %d campaigns in a row failed, the last one in term %d: %s; the node's status says why",
                event.election,
                failed,
                event.term,
                event.outcome,
            )

    def _decided(self, election: str, term: int) -> None:
        failed = self._failed.pop(election, 0)
        if election in self._said:
            self._said.remove(election)
            logger.warning("* %s: decided in term %d, after %d campaigns that failed", election, term, failed)


def _log_objection(event: PeerObjected) -> None:
    if event.objection is None:
        logger.warning("* %s no longer objects to this node", event.peer)
    else:
        logger.warning("! %s", objection_sentence(event.peer, event.objection, event.detail, event.digest))
