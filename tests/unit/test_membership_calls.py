"""The calls of node.members, with an elector that answers on command."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from elect import LeadershipTimeout, NotLeader, Stopped
from elect.api.members import Members
from elect.bridge.member_changer import PASSING, MemberChanger
from elect.bridge.node_context import Lifecycle, NodeContext
from elect.config.config import Config
from elect.core.changes import (
    AddMember,
    Change,
    ChangeRefusal,
    ChangeRefused,
    DemoteMember,
    PromoteMember,
    RemoveMember,
    ReplaceMember,
    Seal,
)
from elect.core.configuration import Configuration, Member, MemberKind
from elect.core.events import LossReason
from elect.core.messages import Standing
from elect.leader import Leader
from elect.monitoring.member_status import MembershipStatus, membership
from elect.monitoring.peer_health import UNHEARD

BEFORE = Configuration.initial("abc")
MADE = Configuration(members=BEFORE.members, term=3, version=1)


def grown(learners: str, *, version: int) -> Configuration:
    """The members before, and these learners."""
    members = (*BEFORE.members, *(Member(node_id=learner, is_voter=False) for learner in learners))
    return Configuration(members=members, term=3, version=version)


def changing(elector: "Elector", change: Change) -> None:
    elector.state.configuration = MADE


@dataclass
class Elector:
    """An elector whose answer to a change is that of `answer`."""

    answer: Callable[["Elector", Change], None] = changing
    changes: list[Change] = field(default_factory=list)
    resigned: list[tuple[str, str | None, LossReason]] = field(default_factory=list)
    installed_by: set[str] = field(default_factory=lambda: {"b", "c"})
    state: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(
            configuration=BEFORE,
            is_sealed=False,
            membership=SimpleNamespace(pending=None, settling_since=None),
            electable=(),
            now=0,
        )
    )

    def change_members(self, now: int, change: Change) -> None:
        self.changes.append(change)
        self.answer(self, change)

    def tick(self, now: int) -> None:
        pass

    def resign(self, now: int, election: str, *, to: str | None, reason: LossReason) -> None:
        self.resigned.append((election, to, reason))


def peers(elector: Elector) -> dict[str, SimpleNamespace]:
    """The peers, each with the configuration that its heartbeat shows."""
    shown = elector.state.configuration.id
    return {
        peer: SimpleNamespace(
            id=peer, heartbeat=SimpleNamespace(configuration=shown if peer in elector.installed_by else None)
        )
        for peer in elector.state.configuration.node_ids
        if peer != "a"
    }


class Context(NodeContext):
    """A context whose commands run at once, and whose waits let a step happen instead."""

    def __init__(self, elector: Elector) -> None:
        super().__init__(Config(node="a", cluster="t", listen="127.0.0.1:0", data_dir="x"), lambda: 0)
        self.state = Lifecycle.RUNNING
        self.elector = elector
        self.steps: list[Callable[[], None]] = []

    def call(self, act: Callable, timeout: float | None = None) -> bool:
        self.check_running()
        self.elector.state.support = SimpleNamespace(peers=peers(self.elector))
        act(self.elector, 0)
        self.configuration = self.elector.state.configuration
        return True

    def post(self, act: Callable) -> None:
        act(self.elector, 0)

    def wait_for(self, find: Callable, timeout: float | None) -> None:
        self.check_running()
        assert timeout is not None
        self.steps.pop(0)()


class Desk:
    """The members of node a, and all that they use."""

    def __init__(self, **elector: object) -> None:
        self.elector = Elector(**elector)
        self.context = Context(self.elector)
        self.leader: Leader | None = None
        self.counted: list[tuple[str, str]] = []
        changer = MemberChanger(self.context, lambda change, outcome: self.counted.append((change, outcome)))
        status = lambda: SimpleNamespace(membership=self.membership())  # noqa: E731 - a value for the argument
        self.members = Members(self.context, changer.change, status, lambda: self.leader)

    @property
    def installed_by(self) -> set[str]:
        return self.elector.installed_by

    def membership(self) -> MembershipStatus:
        return membership(
            self.elector.state.configuration,
            "a",
            supported_by=(),
            installed_by=(),
            lacks={},
            address=lambda _: None,
            health=lambda _: UNHEARD,
        )


def refusing(*refusals: ChangeRefusal) -> Callable[[Elector, Change], None]:
    """Refuse as many times, each with its reason, and then make the change."""
    left = list(refusals)

    def answer(elector: Elector, change: Change) -> None:
        if left:
            raise ChangeRefused(left.pop(0), "because")
        changing(elector, change)

    return answer


@pytest.mark.parametrize(
    ("call", "change"),
    [
        (lambda members: members.add("d"), AddMember(node_id="d")),
        (
            lambda members: members.add("d", address="h:1", kind="observer"),
            AddMember(node_id="d", address="h:1", kind=MemberKind.OBSERVER),
        ),
        (lambda members: members.add("d", kind=MemberKind.WITNESS), AddMember(node_id="d", kind=MemberKind.WITNESS)),
        (lambda members: members.remove("c"), RemoveMember(node_id="c")),
        (lambda members: members.remove("c", force=True), RemoveMember(node_id="c", is_forced=True)),
        (lambda members: members.promote("c"), PromoteMember(node_id="c")),
        (lambda members: members.promote("c", kind="witness"), PromoteMember(node_id="c", kind=MemberKind.WITNESS)),
        (lambda members: members.demote("c"), DemoteMember(node_id="c")),
        (lambda members: members.replace("c"), ReplaceMember(node_id="c")),
        (
            lambda members: members.replace("c", address="h:1", force=True),
            ReplaceMember(node_id="c", address="h:1", is_forced=True),
        ),
        (lambda members: members.seal(), Seal()),
        (lambda members: members.seal("b:1"), Seal(successor="b:1")),
    ],
)
def test_each_call_makes_its_change(call, change):
    desk = Desk()
    assert call(desk.members) == MADE
    assert desk.elector.changes == [change]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda members: members.add(7), TypeError),
        (lambda members: members.seal(7), TypeError),
        (lambda members: members.seal("b" * 1001), ValueError),
        (lambda members: members.add("no space"), ValueError),
        (lambda members: members.add("d", address=7101), TypeError),
        (lambda members: members.add("d", address="nowhere"), ValueError),
        (lambda members: members.add("d", address="0.0.0.0:0"), ValueError),
        (lambda members: members.add("d", address="[::]:7101"), ValueError),
        (lambda members: members.replace("d", address="10.0.0.4:0"), ValueError),
        (lambda members: members.add("d", kind="leader"), ValueError),
        (lambda members: members.add("d", kind=None), TypeError),
        (lambda members: members.promote("d", kind="observer"), ValueError),
        (lambda members: members.remove("d", force=1), TypeError),
        (lambda members: members.replace("d", force="yes"), TypeError),
        (lambda members: members.demote("d", timeout="1"), TypeError),
        (lambda members: members.demote("d", timeout=-1), ValueError),
    ],
)
def test_a_wrong_argument_is_refused_at_the_call(call, error):
    desk = Desk()
    with pytest.raises(error):
        call(desk.members)
    assert not desk.elector.changes


def test_a_change_returns_when_a_quorum_has_installed_it():
    desk = Desk()
    desk.installed_by.clear()
    desk.context.steps = [lambda: None, lambda: desk.installed_by.add("c")]
    assert desk.members.demote("c") == MADE
    assert not desk.context.steps


def test_a_change_may_wait_for_the_restamp_of_the_leader():
    def answer(elector: Elector, change: Change) -> None:
        elector.state.membership.pending = change

    desk = Desk(answer=answer)

    def carry_out() -> None:
        desk.elector.answer = refusing(ChangeRefusal.NOT_MEMBER)
        desk.elector.state.membership.pending = None
        changing(desk.elector, desk.elector.changes[0])

    desk.context.steps = [lambda: None, carry_out]
    assert desk.members.remove("c") == MADE
    assert len(desk.elector.changes) == 3


def test_a_later_leader_without_the_change_is_asked_again():
    desk = Desk()
    desk.installed_by.clear()
    restamped = Configuration(members=BEFORE.members, term=4)

    def elect() -> None:
        desk.elector.state.configuration = restamped
        desk.elector.answer = refusing(ChangeRefusal.NOT_LEADER)

    desk.context.steps = [elect, lambda: None]
    with pytest.raises(NotLeader):
        desk.members.demote("c")
    assert len(desk.elector.changes) == 2


def test_a_later_leader_with_the_change_is_waited_for():
    desk = Desk()
    desk.installed_by.clear()
    observer = Member(node_id="c", kind=MemberKind.OBSERVER, is_voter=False)
    kept = Configuration(members=(*BEFORE.members[:2], observer), term=4, version=1)
    desk.context.steps = [
        lambda: setattr(desk.elector.state, "configuration", kept),
        lambda: desk.installed_by.add("b"),
    ]
    assert desk.members.demote("c") == kept
    assert len(desk.elector.changes) == 1


def test_a_later_configuration_with_the_change_is_waited_for():
    """It shows no quorum for the one before: a learner is added without one."""
    desk = Desk(answer=lambda elector, change: setattr(elector.state, "configuration", grown("d", version=1)))
    desk.installed_by.clear()
    desk.context.steps = [
        lambda: setattr(desk.elector.state, "configuration", grown("de", version=2)),
        lambda: None,
        lambda: desk.installed_by.add("b"),
    ]
    assert desk.members.add("d") == grown("de", version=2)
    assert (desk.context.steps, len(desk.elector.changes)) == ([], 1)


def test_a_change_that_was_undone_since_is_not_made_again():
    desk = Desk()
    desk.installed_by.clear()
    later = Configuration(members=BEFORE.members, term=3, version=2)
    desk.context.steps = [lambda: setattr(desk.elector.state, "configuration", later)]
    assert desk.members.demote("c") == MADE
    assert len(desk.elector.changes) == 1


def test_a_change_without_a_quorum_times_out():
    desk = Desk()
    desk.installed_by.clear()
    with pytest.raises(LeadershipTimeout, match="the demotion of c did not come within 0 s"):
        desk.members.demote("c", timeout=0)


@pytest.mark.parametrize("refusal", PASSING)
def test_a_change_waits_until_it_can_be_made(refusal):
    desk = Desk(answer=refusing(refusal, refusal))
    desk.context.steps = [lambda: None, lambda: None]
    assert desk.members.demote("c") == MADE
    assert desk.elector.changes == [DemoteMember(node_id="c")] * 3


@pytest.mark.parametrize("refusal", PASSING)
def test_a_change_waits_no_longer_than_it_may(refusal):
    desk = Desk(answer=refusing(refusal))
    with pytest.raises(ChangeRefused) as raised:
        desk.members.demote("c", timeout=0)
    assert raised.value.refusal is refusal


@pytest.mark.parametrize(
    "refusal", [each for each in ChangeRefusal if each not in (ChangeRefusal.NOT_LEADER, *PASSING)]
)
def test_a_refusal_is_raised(refusal):
    desk = Desk(answer=refusing(refusal))
    with pytest.raises(ChangeRefused) as raised:
        desk.members.remove("d")
    assert raised.value.refusal is refusal
    assert desk.counted == [("remove", refusal.value)]


def test_a_removal_can_be_repeated():
    """The answer of the first one may be lost. An id that never was a member is refused: a typing error."""
    desk = Desk(answer=refusing(*[ChangeRefusal.NOT_MEMBER] * 3))
    desk.context.note_former(["d"])
    assert desk.members.remove("d") == desk.elector.state.configuration
    assert desk.counted == []
    for call in (lambda: desk.members.remove("e"), lambda: desk.members.demote("d")):
        with pytest.raises(ChangeRefused, match="because"):
            call()


def test_a_repeated_removal_waits_until_the_first_one_is_on_disk():
    desk = Desk(answer=refusing(ChangeRefusal.NOT_MEMBER))
    desk.installed_by.clear()
    desk.context.note_former(["d"])
    desk.context.steps = [lambda: None, lambda: desk.installed_by.add("c")]
    assert desk.members.remove("d") == desk.elector.state.configuration
    assert not desk.context.steps


def test_a_leader_that_loses_its_vote_hands_over_first():
    desk = Desk(answer=refusing(ChangeRefusal.LEADER, ChangeRefusal.NOT_LEADER))
    desk.elector.state.electable = (("b", Standing(offset=7)), ("c", Standing(offset=9)))
    desk.context.steps = [lambda: None]
    with pytest.raises(NotLeader):  # from here the next leader is asked
        desk.members.remove("a")
    assert desk.elector.resigned == [("default", "c", LossReason.TRANSFERRED)]


@pytest.mark.parametrize(("call", "electable"), [("remove", ()), ("replace", (("b", Standing()),))])
def test_a_leader_that_cannot_hand_over_refuses(call, electable):
    desk = Desk(answer=refusing(ChangeRefusal.LEADER))
    desk.elector.state.electable = electable
    with pytest.raises(ChangeRefused) as raised:
        getattr(desk.members, call)("a")
    assert raised.value.refusal is ChangeRefusal.LEADER
    assert not desk.elector.resigned


def test_a_node_that_does_not_lead_says_who_does():
    desk = Desk(answer=refusing(ChangeRefusal.NOT_LEADER))
    desk.leader = Leader(node_id="b", term=3)
    with pytest.raises(NotLeader, match="b leads in term 3"):
        desk.members.remove("c")


def test_a_node_that_stops_meanwhile_says_so():
    desk = Desk()
    desk.installed_by.clear()
    desk.context.steps = [lambda: setattr(desk.context, "state", Lifecycle.STOPPED)]
    with pytest.raises(Stopped):
        desk.members.demote("c")
    with pytest.raises(Stopped):
        desk.members.list()


def test_the_list_has_every_member():
    assert [each.node_id for each in Desk().members.list()] == ["a", "b", "c"]
