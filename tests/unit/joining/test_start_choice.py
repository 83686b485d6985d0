"""Which node may form a new cluster, and when."""

from collections.abc import Mapping

import pytest

from elect.core.configuration import Configuration, MemberKind
from elect.joining.join_messages import Joined, NotNow, Redirect, Rejected, Unformed
from elect.joining.start_choice import SILENCE_NS, Reply, StartChoice, choose_start
from wire.protocol.address import Address
from wire.protocol.wire_errors import ConnectError, HandshakeTimeoutError, Refusal, RejectCode

A, B, C = (Address(f"10.0.0.{number}", 1) for number in (1, 2, 3))
DEAD = ConnectError("connection refused")


def choose(
    replies: Mapping[Address, Reply],
    own: Address = A,
    *,
    is_bootstrap: bool = False,
    kind: MemberKind = MemberKind.VOTER,
    silence_ns: int = SILENCE_NS,
) -> StartChoice:
    return choose_start(
        own=own, seeds=(A, B, C), kind=kind, is_bootstrap=is_bootstrap, replies=replies, silence_ns=silence_ns
    )


def test_the_smallest_seed_forms_when_nobody_knows_of_a_cluster():
    assert choose({B: Unformed(), C: Unformed()}) == StartChoice(
        is_forming=True, reason="none of 2 other seeds knows of a cluster"
    )


@pytest.mark.parametrize("is_bootstrap", [True, False])
@pytest.mark.parametrize("own", [B, C, Address("10.0.0.0", 1)])
def test_no_other_node_ever_forms(own: Address, is_bootstrap: bool):
    replies = {each: Unformed() for each in (A, B, C) if each != own}
    assert not choose(replies, own, is_bootstrap=is_bootstrap).is_forming


@pytest.mark.parametrize("kind", [MemberKind.WITNESS, MemberKind.OBSERVER])
def test_a_node_that_never_leads_forms_nothing(kind: MemberKind):
    choice = choose({B: Unformed(), C: Unformed()}, kind=kind, is_bootstrap=True)
    assert choice == StartChoice(
        is_forming=False,
        reason=f"this node has the smallest address and is no voter but a {kind}; make a voter the smallest seed",
    )


def test_a_seed_that_does_not_answer_keeps_it_from_forming():
    choice = choose({B: Unformed(), C: DEAD})
    assert (choice.is_forming, "10.0.0.3:1 has not said" in choice.reason) == (False, True)


@pytest.mark.parametrize("silence", [DEAD, HandshakeTimeoutError("no answer")])
def test_bootstrap_does_without_the_seeds_that_are_silent(silence: Reply):
    assert choose({B: Unformed(), C: silence}, is_bootstrap=True).is_forming
    assert choose({B: silence, C: silence}, is_bootstrap=True).is_forming
    early = choose({B: silence, C: Unformed()}, is_bootstrap=True, silence_ns=SILENCE_NS - 1)
    assert early == StartChoice(
        is_forming=False,
        reason="seed 10.0.0.2:1 does not answer; bootstrap is true: after 3 s without it this node forms a cluster",
        is_silent=True,
    )


@pytest.mark.parametrize(
    "reply",
    [
        NotNow(reason="no leader"),
        Redirect(leader_id="x", address="10.0.0.9:1", term=1),
        Joined(configuration=Configuration()),
        Rejected(code="x", text="y"),
        Refusal(RejectCode.FULL, "too many links", is_retryable=True),
        Refusal(RejectCode.STOPPING, "stopping", is_retryable=True),
    ],
)
def test_bootstrap_forms_nothing_beside_a_seed_that_may_know(reply: Reply):
    for is_bootstrap in (True, False):
        assert not choose({B: DEAD, C: reply}, is_bootstrap=is_bootstrap).is_forming
        assert not choose({B: Unformed(), C: reply}, is_bootstrap=is_bootstrap).is_forming


def test_a_node_that_is_its_only_seed_forms():
    choice = choose_start(own=A, seeds=(A,), kind=MemberKind.VOTER, is_bootstrap=False, replies={}, silence_ns=0)
    assert choice == StartChoice(is_forming=True, reason="no other seed knows of a cluster")


@pytest.mark.parametrize(
    "reply", [DEAD, NotNow(reason="no leader"), Refusal(RejectCode.FULL, "full", is_retryable=True)]
)
def test_a_node_that_a_member_dials_forms_nothing(reply: Reply):
    caller = Address("10.0.0.7", 1)
    replies: dict[Address, Reply] = {B: Unformed(), C: Unformed(), caller: reply}
    for is_bootstrap in (True, False):
        choice = choose_start(
            own=A,
            seeds=(A, B, C),
            kind=MemberKind.VOTER,
            is_bootstrap=is_bootstrap,
            replies=replies,
            silence_ns=SILENCE_NS,
            callers=[caller],
        )
        assert (choice.is_forming, choice.is_silent) == (False, False)
        assert choice.reason.startswith("10.0.0.7:1 counts this node as a member of its cluster; if that is lost")
    assert choose(replies | {caller: Unformed()}).is_forming  # it lost its data, too


def test_a_node_listens_before_it_forms():
    forming = choose({B: Unformed(), C: Unformed()})
    assert forming.after_listening(0) is forming
    listening = forming.after_listening(10**9)
    assert (listening.is_forming, listening.is_silent, listening.listen_ns) == (False, True, 10**9)
    assert listening.reason.endswith("this node forms one if no member dials it within 1.0 s")
    waiting = choose({B: Unformed(), C: DEAD})
    assert waiting.after_listening(10**9) is waiting


def test_a_node_that_is_no_seed_and_reaches_itself_says_so():
    own = Refusal(RejectCode.OWN_STORE, "itself", is_retryable=False)
    choice = choose({A: own, B: Unformed(), C: Unformed()}, Address("a", 1), is_bootstrap=True)
    assert not choice.is_forming
    said = (
        "seed 10.0.0.1:1 leads to this node, whose address is a:1; write it in advertise and in seeds in one spelling"
    )
    assert choice.reason == said


def test_a_seed_that_leads_to_this_node_needs_no_answer():
    own = Refusal(RejectCode.OWN_STORE, "itself", is_retryable=False)
    choice = choose({B: own, C: Unformed()})
    assert choice == StartChoice(is_forming=True, reason="none of 1 other seeds knows of a cluster")


def test_a_node_that_is_no_seed_says_who_forms():
    choice = choose({A: Unformed(), B: DEAD, C: DEAD}, Address("a", 1), is_bootstrap=True)
    assert choice.reason == "this node's address, a:1, is not among the seeds; seed 10.0.0.1:1 forms the cluster"
