"""Whatever clients do and whatever changes: in the end each client has read the latest state of all that it watches."""

from collections.abc import Iterable
from dataclasses import replace
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from elect.core.configuration import Configuration
from elect.core.events import Installed, LeaderChanged
from elect.core.messages import Resign
from elect.observing import observer_server
from elect.observing.client_watches import ClientLink
from elect.observing.observer_messages import CLIENT_KIND, LeaderReport, MembersReport, Watch
from elect.observing.observer_server import ObserverServer
from wire.io.link_events import LinkAccepted, LinkEnded, MessageReceived
from wire.protocol.identity import LinkNumber, PeerIdentity
from wire.protocol.wire_errors import WireError

pytestmark = pytest.mark.long

ELECTIONS = ("a", "b", "c")
INTERVAL_NS = 500_000_000
PLACES = st.integers(0, 3)
ROOM = 2
"""Reports of a turn: with a few links, too, a change is told in several turns."""

TURNS_MAX = 1_000
INSTALLED = Installed(configuration=Configuration(), at=0)


class ObserverMachine(RuleBasedStateMachine):
    """The server, the state that it reports, and what each client has read last."""

    def __init__(self) -> None:
        super().__init__()
        self.patched = patch.object(observer_server, "REPORTS_A_TURN", ROOM)
        self.patched.start()
        self.now = 0
        self.places: dict[int, ClientLink | None] = dict.fromkeys(range(4))
        self.leaders = {each: LeaderReport(election=each, term=0) for each in ELECTIONS}
        self.members = MembersReport(configuration=Configuration())
        self.watched: dict[ClientLink, tuple[str, ...]] = {}
        self.asked: set[ClientLink] = set()
        self.read: dict[ClientLink, dict[str, object]] = {}
        self.number = 0
        self.sent_in_turn = 0
        self.refused = self.cuts = 0
        self.server = ObserverServer(
            self, self, clock=lambda: self.now, interval_ns=INTERVAL_NS, count_refused=self.count_refused
        )

    # The links, and the state of the node.

    def send_to_each(self, links: Iterable[ClientLink], message: object, *, replaces: str) -> None:
        for link in links:
            assert link in self.watched, "a report for a link that ended"
            self.sent_in_turn += 1
            if isinstance(message, LeaderReport):
                assert message.election in self.watched[link], "a report that was not asked for"
            self.read[link][replaces] = message

    def cut(self, peer: str, number: LinkNumber, error: WireError) -> None:
        self.cuts += 1
        self._forget((peer, number))

    def wake(self) -> None:
        """The turn comes when the machine wants it."""

    def count_refused(self, kind: str) -> None:
        self.refused += 1

    def leader_report(self, election: str) -> LeaderReport:
        return self.leaders[election]

    def members_report(self) -> MembersReport:
        return self.members

    def _forget(self, link: ClientLink) -> None:
        del self.watched[link], self.read[link]
        self.asked.discard(link)

    # Clients.

    def _link(self, place: int) -> ClientLink:
        """The link at a place, accepted if there is none."""
        if self.places[place] not in self.watched:
            self.number += 1
            link = self.places[place] = "client/x/1", LinkNumber(0, self.number)
            self.watched[link], self.read[link] = (), {}
            identity = PeerIdentity(node=link[0], incarnation=0, store=bytes(16), attributes={})
            self.server.receive(
                LinkAccepted(
                    peer=link[0],
                    number=link[1],
                    kind=CLIENT_KIND,
                    identity=identity,
                    is_trusted=True,
                    local="",
                    remote="",
                )
            )
        return self.places[place]

    @rule(place=PLACES, elections=st.lists(st.sampled_from(ELECTIONS), unique=True))
    def watch(self, place: int, elections: list[str]) -> None:
        link = self._link(place)
        self.watched[link] = tuple(elections)
        self.asked.add(link)
        self.server.receive(MessageReceived(peer=link[0], number=link[1], message=Watch(elections=tuple(elections))))

    @rule(place=PLACES, is_hostile=st.booleans())
    def end(self, place: int, is_hostile: bool) -> None:
        link = self._link(place)
        if is_hostile:
            before = self.cuts
            self.server.receive(MessageReceived(peer=link[0], number=link[1], message=Resign(election="a", term=1)))
            assert self.cuts == before + 1
        else:
            self._forget(link)
        self.server.receive(LinkEnded(peer=link[0], number=link[1], is_end_of_stream=True, error=None, bye=None))

    # The node.

    @rule(election=st.sampled_from(ELECTIONS), leader=st.sampled_from(["n", None]), leads=st.booleans())
    def change_leader(self, election: str, leader: str | None, leads: bool) -> None:
        before = self.leaders[election]
        self.leaders[election] = LeaderReport(
            election=election, term=before.term + 1, leader_id=leader or "", lease_ns=5 if leads and leader else 0
        )
        self.server.note_events([LeaderChanged(election=election, term=1, leader=leader, at=0)])

    @rule(election=st.sampled_from(ELECTIONS))
    def renew_lease(self, election: str) -> None:
        """No event tells of it."""
        before = self.leaders[election]
        if before.lease_ns:
            self.leaders[election] = replace(before, lease_ns=before.lease_ns + 1)

    @rule(is_noted=st.booleans())
    def change_members(self, is_noted: bool) -> None:
        self.members = replace(self.members, heard=(*self.members.heard[-1:], f"n{self.now}"))
        if is_noted:
            self.server.note_events([INSTALLED])

    @rule(passed=st.sampled_from([0, 1, 10_000_000, INTERVAL_NS]))
    def turn(self, passed: int) -> None:
        self.now += passed
        self.sent_in_turn = 0
        self.server.turn()
        assert self.sent_in_turn <= ROOM + 1 + len(ELECTIONS)

    # What holds.

    @invariant()
    def each_refused_message_ends_a_link(self) -> None:
        assert self.refused == self.cuts
        assert len(self.server) == len(self.watched)

    def teardown(self) -> None:
        """After an interval without a change all have read the latest state."""
        try:
            self._check_all_read()
        finally:
            self.patched.stop()

    def _check_all_read(self) -> None:
        for _ in range(2):
            self.now += INTERVAL_NS
            for _ in range(TURNS_MAX):
                wait_s = self.server.turn()
                if wait_s is None or wait_s > 0:
                    break
            else:
                raise AssertionError("the turns do not end")
        for link in self.asked:
            read = self.read[link]
            assert read["members"] == self.members
            for election in self.watched[link]:
                assert read[f"leader {election}"] == self.leaders[election]


TestObservers = ObserverMachine.TestCase
TestObservers.settings = settings(max_examples=200, stateful_step_count=30)
