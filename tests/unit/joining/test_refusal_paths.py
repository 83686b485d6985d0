"""A refusal of the leader ends a call in the same way, whichever member was asked."""

import json
from typing import cast

import pytest

from elect.api.members import Members
from elect.bridge.node_context import NodeContext
from elect.cli.exit_codes import REFUSALS, ExitCode
from elect.core.changes import Change, ChangeRefusal, ChangeRefused
from elect.core.configuration import Configuration
from elect.errors import JoinRejected, LeadershipTimeout, NotLeader, Stopped
from elect.joining.change_client import ChangeClient
from elect.joining.join_exchange import JoinExchange
from elect.joining.join_handler import MemberView
from elect.joining.join_messages import JOIN_KIND, JOIN_MESSAGES, Answer, Request
from elect.joining.join_server import JoinServer
from tests.unit.web.client import ask
from tests.unit.web.fake_node import FakeNode
from wire import Codec
from wire.io.link_events import LinkAccepted, MessageReceived
from wire.protocol.address import Address
from wire.protocol.identity import LinkNumber, PeerIdentity

CODEC = Codec(*JOIN_MESSAGES)
LATE = LeadershipTimeout("", "the promotion of c", 1.5)


class FailingMember:
    """A member that makes no change."""

    def __init__(self, error: Exception, *, is_leading: bool = True) -> None:
        self.error = error
        self.seen = MemberView(
            node_id="a",
            configuration=Configuration.initial("abc"),
            is_leading=is_leading,
            leader_id="a" if is_leading else None,
        )

    def view(self) -> MemberView:
        return self.seen

    def change(self, change: Change, timeout: float | None) -> Configuration:
        raise self.error


class Exchange:
    """Carries each request to a member, and its answer back, as bytes; waits take no time."""

    is_cancelled = False

    def __init__(self, *members: FailingMember) -> None:
        self.members = list(members)

    def ask(self, address: Address, node_id: str, request: Request) -> Answer:
        answers: list[Answer] = []
        member = self.members.pop(0) if len(self.members) > 1 else self.members[0]
        server = JoinServer(member, lambda peer, number, answer: answers.append(answer))
        identity, number = PeerIdentity(node="b", incarnation=1, store=bytes(16), attributes={}), LinkNumber(1, 1)
        server.receive(
            LinkAccepted(
                peer="b", number=number, kind=JOIN_KIND, identity=identity, is_trusted=True, local="h:1", remote="h:2"
            )
        )
        server.receive(MessageReceived(peer="b", number=number, message=CODEC.decode(CODEC.encode(request))))
        return cast(Answer, CODEC.decode(CODEC.encode(answers[0])))

    def wait(self, seconds: float) -> None:
        pass


def not_leading(change: Change, timeout: float | None) -> Configuration:
    raise ChangeRefused(ChangeRefusal.NOT_LEADER, "node 'b' does not lead")


def calls_of(leader: FailingMember) -> Members:
    """The calls of the leader itself."""
    return Members(cast(NodeContext, None), leader.change, FakeNode().status, lambda: None)


def calls_beside(*members: FailingMember) -> Members:
    """The calls of a node that asks each of these members in turn, and the last one again and again."""
    changes = ChangeClient(
        "b",
        cast(JoinExchange, Exchange(*members)),
        change_here=not_leading,
        find_leader=lambda: ("a", Address("h", 1)),
    )
    return Members(cast(NodeContext, None), changes.change, FakeNode().status, lambda: None)


def end(members: Members, timeout: float = 0.0) -> tuple[type[Exception], str | None, ExitCode]:
    """Return how a promotion ends: the class of its error, the code of its refusal, and the exit code."""
    with pytest.raises(Exception) as raised:
        members.promote("c", timeout=timeout)
    node = FakeNode()
    node.members = members
    body = json.dumps({"change": "promote", "member": "c", "timeout": timeout}).encode()
    shown = ask(node, "POST", "/members", body).json
    refusal = getattr(raised.value, "refusal", None)
    return raised.type, refusal, REFUSALS.get(str(shown.get("refusal")), ExitCode.FAILED)


@pytest.mark.parametrize("error", [*(ChangeRefused(each, "because") for each in ChangeRefusal), LATE], ids=str)
def test_a_refusal_ends_alike_at_the_leader_and_beside_it(error: Exception):
    member = FailingMember(error)
    assert end(calls_beside(member)) == end(calls_of(member))


@pytest.mark.parametrize("refusal", list(ChangeRefusal))
def test_each_refusal_has_its_own_exit_code_everywhere(refusal: ChangeRefusal):
    members = calls_beside(FailingMember(ChangeRefused(refusal, "because")))
    is_other = refusal is ChangeRefusal.NOT_LEADER
    expected = (NotLeader, None) if is_other else (ChangeRefused, refusal)
    assert end(members) == (*expected, REFUSALS[refusal])


def test_a_member_that_knows_no_leader_is_no_timeout():
    assert end(calls_beside(FailingMember(LATE, is_leading=False))) == (NotLeader, None, ExitCode.NOT_LEADER)


@pytest.mark.parametrize("first", [LATE, Stopped("a", "stopping")])
def test_a_change_that_may_be_made_ends_as_one_that_is_late(first: Exception):
    """The leader after it may know of it: that nobody leads now is no answer."""
    members = [FailingMember(first), FailingMember(LATE, is_leading=False)]
    with pytest.raises(LeadershipTimeout, match="did not come within"):
        calls_beside(*members).promote("c", timeout=0.3)


def test_a_value_that_the_leader_refuses_is_an_answer():
    """Only a member of another version sends one."""
    members = calls_beside(FailingMember(ValueError("kind is observer")))
    assert end(members) == (JoinRejected, None, ExitCode.FAILED)
    with pytest.raises(JoinRejected, match="h:1 refuses node b: kind is observer"):
        members.promote("c", timeout=0.0)
