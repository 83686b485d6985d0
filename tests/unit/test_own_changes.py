"""The changes that a leader makes unasked, and when."""

from types import SimpleNamespace

import pytest

from elect.bridge.node_context import NodeContext
from elect.config.config import Config
from elect.core.changes import AddMember, Change, NameCluster, RemoveMember, ReplaceMember, changed
from elect.core.configuration import Configuration, Member, MemberKind
from elect.runtime.own_changes import QUIET_INTERVALS, OwnChanges

INTERVAL = 200_000_000
MEMBERS = Configuration(
    members=(
        Member(node_id="a", address="a:1"),
        Member(node_id="b", kind=MemberKind.WITNESS, address="b:1"),
        Member(node_id="c"),
    ),
    version=3,
    cluster_id=bytes(16),
)


class Desk:
    """A node that leads in term 1, and the changes that it makes."""

    def __init__(self) -> None:
        self.now, self.token = 0, 1
        self.shown: dict[str, str] = {}
        self.made: list[Change] = []
        self.decided: Configuration | None = None  # before it is on disk, and so published
        self.context = NodeContext(
            Config(node="a", cluster="t", listen="127.0.0.1:0", data_dir="x"), clock=lambda: self.now
        )
        self.context.configuration = MEMBERS
        self.context.leases = SimpleNamespace(token=lambda _: self.token)
        self.context.post = lambda command: command(self.elector, self.now)
        self.changes = OwnChanges(self.context, lambda: self.shown)

    @property
    def elector(self) -> SimpleNamespace:
        state = SimpleNamespace(
            configuration=self.decided or self.context.configuration,
            electable=(),
            membership=SimpleNamespace(pending=None),
        )
        return SimpleNamespace(
            state=state, tick=lambda _: None, change_members=lambda _, change: self.made.append(change)
        )

    def reviewed(self, *, after: int = QUIET_INTERVALS) -> list[Change]:
        """What is made after a wait."""
        self.made.clear()
        self.changes.review()
        self.now += after * INTERVAL
        self.changes.review()
        return self.made


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_an_address_that_a_member_shows_is_written_down(desk):
    desk.shown = {"a": "a:1", "b": "b:2", "c": "c:1"}
    assert desk.reviewed() == [AddMember(node_id="b", kind=MemberKind.WITNESS, address="b:2")]
    desk.shown["b"] = "b:1"
    assert desk.reviewed(after=0)[0] == AddMember(node_id="c", address="c:1")


LONG = f"{'.'.join(['h' * 60] * 5)}:1"
"""A name that nothing resolves, and that a configuration has no room for."""


@pytest.mark.parametrize(
    "shown", [{}, {"a": "a:1", "b": "B.:1"}, {"b": "0.0.0.0:0"}, {"b": "no port"}, {"b": LONG}, {"z": "z:1"}]
)
def test_nothing_is_changed_without_a_new_address(desk, shown):
    desk.shown = shown
    assert desk.reviewed() == []


@pytest.mark.parametrize("change", [RemoveMember(node_id="c"), ReplaceMember(node_id="c", address="c:2")])
def test_a_change_that_is_decided_but_not_on_disk_is_not_undone(desk, change):
    """Until it is on disk the former process has its link, and shows its address."""
    desk.shown = {"c": "c:1"}
    desk.decided = changed(MEMBERS, change)
    assert desk.reviewed() == []
    desk.decided = None
    assert desk.reviewed(after=0)[:1] == [AddMember(node_id="c", address="c:1")]


def test_a_new_leader_waits_until_it_is_quiet(desk):
    desk.shown = {"b": "b:2"}
    assert desk.reviewed(after=QUIET_INTERVALS - 1) == []
    desk.token = 2
    assert desk.reviewed(after=QUIET_INTERVALS - 1) == []
    assert len(desk.reviewed(after=1)) == 1
    desk.token = 0
    assert desk.reviewed() == []


def test_the_cluster_gets_its_id_before_addresses(desk):
    desk.context.configuration = Configuration(members=MEMBERS.members)
    desk.shown = {"b": "b:2"}
    (change,) = desk.reviewed()
    assert isinstance(change, NameCluster)
