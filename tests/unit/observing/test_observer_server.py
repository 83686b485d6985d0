"""The server of clients, between an orchestrator thread and links that the test plays."""

from collections.abc import Iterable
from typing import get_args

import pytest

from elect.core.configuration import Configuration
from elect.core.events import Elected, Event, Installed, LeaderChanged, LossReason, Lost, PeerChanged, Role, RoleChanged
from elect.core.membership_messages import Message
from elect.joining.join_messages import JOIN_MESSAGES
from elect.observing.observer_messages import CLIENT_MESSAGES, WATCHED_MAX, LeaderReport, MembersReport, Watch
from elect.observing.observer_server import PATIENCE_NS, PAUSE_A_REPORT_NS, REPORTS_A_TURN, ObserverServer
from wire.io.link_events import LinkAccepted, LinkEnded, MessageReceived
from wire.protocol.identity import LinkNumber, PeerIdentity
from wire.protocol.schema import kind_of
from wire.protocol.wire_errors import WireError

INTERVAL_NS = 500_000_000
TURNS_MAX = 1_000
FIRST = LinkNumber(0, 1)
INSTALLED = Installed(configuration=Configuration.initial("ab"), at=0)
FORBIDDEN = [each for each in (*get_args(Message), *JOIN_MESSAGES, *CLIENT_MESSAGES) if each is not Watch]


def blank(cls: type) -> object:
    """A message of a class, without its fields: nobody may look at them."""
    return object.__new__(cls)


def changed(election: str = "default", leader: str | None = "a") -> LeaderChanged:
    return LeaderChanged(election=election, term=1, leader=leader, at=0)


class FakeSharedLinks:
    """The outboxes of the links; a message replaces one that waits under the same text."""

    def __init__(self) -> None:
        self.outboxes: dict[str, dict[str, object]] = {}
        self.cuts: list[tuple[str, str]] = []
        self.wakes = 0
        self.sent = 0

    def send_to_each(self, links: Iterable[tuple[str, LinkNumber]], message: object, *, replaces: str) -> None:
        for peer, _ in links:
            self.sent += 1
            self.outboxes.setdefault(peer, {})[replaces] = message

    def cut(self, peer: str, number: LinkNumber, error: WireError) -> None:
        self.cuts.append((peer, error.reason))

    def wake(self) -> None:
        self.wakes += 1

    def take(self, peer: str = "ann") -> list[object]:
        """The messages that a client reads now."""
        return list(self.outboxes.pop(peer, {}).values())


class Observed:
    """A server whose links, state and time the test sets."""

    def __init__(self) -> None:
        self.now = 0
        self.links = FakeSharedLinks()
        self.leaders: dict[str, LeaderReport] = {}
        self.members = MembersReport(configuration=Configuration.initial("ab"))
        self.asked: list[str] = []
        self.refused: list[str] = []
        self.server = ObserverServer(
            self.links,
            self,
            clock=lambda: self.now,
            interval_ns=INTERVAL_NS,
            count_refused=self.refused.append,
        )

    def leader_report(self, election: str) -> LeaderReport:
        self.asked.append(election)
        return self.leaders.get(election, LeaderReport(election=election, term=0))

    def members_report(self) -> MembersReport:
        return self.members

    def publish(self, leader_id: str, term: int, *, election: str = "default", lease_ns: int = 0) -> LeaderReport:
        self.leaders[election] = made = LeaderReport(
            election=election, term=term, leader_id=leader_id, lease_ns=lease_ns, age_ns=0 if lease_ns else 1
        )
        return made

    def accept(self, peer: str = "ann", *elections: str, kind: str = "client") -> None:
        self.server.receive(
            LinkAccepted(
                peer=peer,
                number=FIRST,
                kind=kind,
                identity=PeerIdentity(node=peer, incarnation=0, store=bytes(16), attributes={}),
                is_trusted=True,
                local="a:1",
                remote="b:1",
            )
        )
        if elections:
            self.say(Watch(elections=elections), peer)

    def say(self, message: object, peer: str = "ann") -> None:
        self.server.receive(MessageReceived(peer=peer, number=FIRST, message=message))

    def end(self, peer: str = "ann") -> None:
        self.server.receive(LinkEnded(peer=peer, number=FIRST, is_end_of_stream=True, error=None, bye=None))

    def turns(self) -> float | None:
        """Run all turns that are due now; return the seconds to the next one."""
        for _ in range(TURNS_MAX):
            wait_s = self.server.turn()
            if wait_s != 0:
                return wait_s
        raise AssertionError("the turns do not end")

    def pass_time(self, ns: int) -> None:
        self.now += ns
        self.turns()

    def serve(self, *elections: str, peer: str = "ann") -> None:
        """Accept a client and answer its Watch."""
        self.accept(peer, *elections)
        self.turns()
        self.links.take(peer)

    def note(self, *events: Event) -> None:
        """Note events, and wait for what may change again in a moment."""
        self.server.note_events(events)
        self.turns()
        self.pass_time(PATIENCE_NS)


@pytest.fixture
def observed() -> Observed:
    return Observed()


def test_a_watch_is_answered_with_members_and_each_leader(observed):
    leads = observed.publish("a", 3)
    observed.accept("ann", "default", "other")
    assert observed.links.wakes == 1
    observed.turns()
    assert observed.links.take() == [observed.members, leads, LeaderReport(election="other", term=0)]


def test_a_client_that_watches_no_election_hears_of_members(observed):
    observed.accept()
    observed.say(Watch(elections=()))
    observed.turns()
    assert observed.links.take() == [observed.members]


def test_changes_are_told_to_those_who_watch_them(observed):
    observed.serve("default")
    observed.serve("jobs", peer="bob")
    leads = observed.publish("b", 4)
    observed.note(changed())
    assert (observed.links.take(), observed.links.take("bob")) == ([leads], [])


@pytest.mark.parametrize(
    "event",
    [
        changed(),
        changed(leader=None),
        Elected(election="default", term=1, at=0),
        Lost(election="default", term=1, at=0, reason=LossReason.RESIGNED),
    ],
)
def test_each_change_of_a_leadership_is_told(observed, event):
    observed.serve("default")
    observed.note(event)
    assert observed.links.take() == [LeaderReport(election="default", term=0)]


@pytest.mark.parametrize("event", [INSTALLED, PeerChanged(peer="b", supported=True, at=0)])
def test_changes_of_the_members_are_told_to_all(observed, event):
    observed.serve("default")
    observed.accept("bob")
    observed.note(event)
    assert (observed.links.take(), observed.links.take("bob")) == ([observed.members], [observed.members])


@pytest.mark.parametrize(
    "event", [changed("jobs"), RoleChanged(election="default", term=1, role=Role.LEADER, reason="x", at=0)]
)
def test_the_thread_sleeps_on_for_what_nobody_watches(observed, event):
    observed.serve("default")
    before = observed.links.wakes
    observed.server.note_events([event])
    assert observed.links.wakes == before


def test_without_clients_nothing_is_noted_and_nothing_is_due(observed):
    observed.server.note_events([changed(), INSTALLED])
    assert (observed.links.wakes, observed.turns()) == (0, None)


def test_of_changes_before_a_turn_the_latest_is_told(observed):
    """The orchestrator thread wakes the other one, and makes no report itself."""
    observed.serve("default")
    observed.asked.clear()
    observed.publish("a", 3)
    observed.server.note_events([changed()])
    latest = observed.publish("b", 4)
    observed.server.note_events([changed(), Elected(election="default", term=4, at=0)])
    assert observed.asked == []
    observed.turns()
    assert (observed.links.take(), observed.asked) == ([latest], ["default"])


def test_a_slow_reader_finds_the_latest_report_alone(observed):
    observed.serve("default")
    observed.publish("a", 3)
    observed.note(changed())
    latest = observed.publish("b", 4)
    observed.note(changed())
    assert observed.links.take() == [latest]


def test_no_leader_is_told_between_two_leaders(observed):
    observed.serve("default")
    told = []
    for leader_id, term in (("a", 1), ("", 1), ("b", 2)):
        observed.publish(leader_id, term)
        observed.note(changed())
        told += observed.links.take()
    assert [(report.leader_id, report.term) for report in told] == [("a", 1), ("", 1), ("b", 2)]


def test_a_lease_that_holds_is_repeated_at_each_interval(observed):
    observed.publish("a", 3, lease_ns=9)
    observed.accept("ann", "default")
    assert observed.turns() == INTERVAL_NS / 1_000_000_000
    observed.links.take()
    renewed = observed.publish("a", 3, lease_ns=8)
    observed.pass_time(INTERVAL_NS - 1)
    assert observed.links.take() == []
    observed.pass_time(1)
    assert observed.links.take() == [renewed]
    ended = observed.publish("a", 3)
    observed.pass_time(INTERVAL_NS)
    assert observed.links.take() == [ended]
    observed.pass_time(INTERVAL_NS)
    assert observed.links.take() == []


def test_a_lease_that_nobody_watches_is_repeated_no_more(observed):
    observed.publish("a", 3, lease_ns=9)
    observed.serve("default")
    observed.say(Watch(elections=("jobs",)))
    observed.pass_time(INTERVAL_NS)
    observed.asked.clear()
    observed.pass_time(INTERVAL_NS)
    assert observed.asked == []


def test_members_that_fall_silent_are_noticed_without_an_event(observed):
    observed.serve("default")
    observed.pass_time(INTERVAL_NS)
    assert observed.links.take() == []
    observed.members = MembersReport(configuration=observed.members.configuration, heard=("a",))
    observed.serve("default", peer="bob")  # its answer has it already
    observed.pass_time(INTERVAL_NS)
    assert observed.links.take() == [observed.members]
    observed.pass_time(INTERVAL_NS)
    assert observed.links.take() == []


def test_a_later_watch_replaces_the_elections(observed):
    observed.serve("default")
    observed.now += 2 * PAUSE_A_REPORT_NS
    observed.say(Watch(elections=("jobs",)))
    observed.turns()
    assert observed.links.take() == [observed.members, LeaderReport(election="jobs", term=0)]
    observed.note(changed("default"))
    assert observed.links.take() == []


def test_a_client_that_asks_on_and_on_is_answered_at_intervals(observed):
    names = tuple(f"e{number}" for number in range(WATCHED_MAX))
    observed.accept("ann")
    for _ in range(100):
        observed.say(Watch(elections=names))
        observed.turns()
    assert observed.links.sent == 1 + WATCHED_MAX
    latest = observed.publish("b", 9, election="late")
    observed.say(Watch(elections=("late",)))
    observed.links.take()
    observed.pass_time((1 + WATCHED_MAX) * PAUSE_A_REPORT_NS - 1)
    assert observed.links.take() == []
    observed.pass_time(1)
    assert observed.links.take() == [observed.members, latest]
    observed.pass_time(INTERVAL_NS)
    assert observed.links.take() == []


def test_a_delayed_answer_is_due_at_its_time(observed):
    observed.serve("default")
    observed.say(Watch(elections=("jobs",)))
    assert observed.turns() == 2 * PAUSE_A_REPORT_NS / 1_000_000_000


def test_a_turn_is_short_and_all_are_told_in_the_end(observed):
    clients = [f"client/{number}" for number in range(4 * REPORTS_A_TURN)]
    for each in clients:
        observed.serve("default", peer=each)
    leads = observed.publish("b", 4)
    observed.server.note_events([changed()])
    before = observed.links.sent
    assert observed.server.turn() == 0
    assert observed.links.sent - before == REPORTS_A_TURN
    observed.turns()
    assert all(observed.links.take(each) == [leads] for each in clients)


def test_those_who_waited_for_the_last_report_come_first(observed):
    clients = [f"client/{number}" for number in range(2 * REPORTS_A_TURN)]
    for each in clients:
        observed.serve("default", peer=each)
    observed.server.note_events([changed()])
    observed.server.turn()
    observed.server.note_events([changed()])
    observed.server.turn()
    assert all(observed.links.take(each) for each in clients)


def test_a_change_in_the_middle_of_another_is_told_to_all(observed):
    clients = [f"client/{number}" for number in range(2 * REPORTS_A_TURN)]
    for each in clients:
        observed.serve("default", peer=each)
    observed.publish("a", 3)
    observed.server.note_events([changed()])
    observed.server.turn()
    latest = observed.publish("b", 4)
    observed.note(changed())
    assert all(observed.links.take(each) == [latest] for each in clients)


def test_clients_that_come_at_once_get_the_same_report(observed):
    """So it is made once, and encoded once."""
    for peer in ("ann", "bob"):
        observed.accept(peer, "default")
    observed.server.turn()
    (members, leads), (others, same) = observed.links.take(), observed.links.take("bob")
    assert (members is others, leads is same, observed.asked) == (True, True, ["default"])


def test_one_election_with_many_clients_does_not_delay_another(observed):
    for number in range(10 * REPORTS_A_TURN):
        observed.serve("default", peer=f"client/{number}")
    observed.serve("jobs")
    observed.server.note_events([changed(), changed("jobs")])
    for _ in range(3):
        observed.server.turn()
    assert observed.links.take() == [LeaderReport(election="jobs", term=0)]


@pytest.mark.parametrize("cls", FORBIDDEN, ids=kind_of)
def test_a_client_that_sends_anything_but_a_watch_is_cut(observed, cls):
    observed.serve("default")
    observed.say(blank(cls))
    observed.say(blank(cls))  # it was read together with the first one
    assert (observed.links.cuts, observed.refused) == ([("ann", "order")], [kind_of(cls)])
    observed.note(changed())
    assert (observed.links.take(), len(observed.server)) == ([], 0)
    observed.end()


def test_nothing_is_told_to_a_link_that_ended(observed):
    observed.serve("default")
    observed.serve("default", peer="bob")
    observed.server.note_events([changed(), INSTALLED])
    observed.end()
    observed.turns()
    observed.pass_time(PATIENCE_NS)
    assert (observed.links.take(), len(observed.links.take("bob"))) == ([], 2)
    observed.accept("ann", "default")
    observed.end()
    observed.turns()
    observed.pass_time(PATIENCE_NS)
    assert (observed.links.take(), len(observed.server)) == ([], 1)


def test_an_answer_that_waits_is_not_sent_to_a_link_that_ended(observed):
    observed.serve("default")
    observed.say(Watch(elections=("jobs",)))
    observed.end()
    observed.pass_time(INTERVAL_NS)
    assert observed.links.take() == []


def test_links_of_other_kinds_are_not_served(observed):
    observed.accept("ann", "default", kind="peer")
    observed.turns()
    assert (len(observed.server), observed.links.take(), observed.links.cuts) == (0, [], [])
