"""The requests and answers of a join: their bounds, and their way over the wire."""

import typing

import pytest

from elect.core.changes import AddMember, DemoteMember, NameCluster, PromoteMember, RemoveMember, ReplaceMember
from elect.core.configuration import MEMBERS_MAX, Configuration, Member, MemberKind
from elect.joining.join_messages import (
    JOIN_MESSAGES,
    Changed,
    ChangeRequest,
    Join,
    Joined,
    NotNow,
    Redirect,
    Rejected,
    Unformed,
    shortened,
)
from wire import Codec, Limits

CODEC = Codec(*JOIN_MESSAGES)
STORE = bytes(range(16))
LARGEST = Configuration(
    members=tuple(
        Member(node_id=f"{number:064}", is_voter=False, store_id=STORE, address="é" * 300)
        for number in range(MEMBERS_MAX)
    ),
    cluster_id=STORE,
)


@pytest.mark.parametrize(
    "message",
    [
        Join(node_id="d", store_id=STORE, address="h:1"),
        Join(
            node_id="d" * 64,
            store_id=STORE,
            address="h" * 300,
            kind=MemberKind.OBSERVER,
            cluster_id=STORE,
            token="t" * 500,
        ),
        ChangeRequest(change=AddMember(node_id="d", kind=MemberKind.WITNESS, store_id=STORE, address="h:1")),
        ChangeRequest(change=RemoveMember(node_id="d", is_forced=True)),
        ChangeRequest(change=PromoteMember(node_id="d")),
        ChangeRequest(change=DemoteMember(node_id="d")),
        ChangeRequest(change=ReplaceMember(node_id="d", is_forced=True)),
        ChangeRequest(change=NameCluster(cluster_id=STORE)),
        Joined(configuration=LARGEST),
        Changed(configuration=LARGEST),
        Redirect(leader_id="a", address="h:1", term=2**53 - 1),
        NotNow(reason="é" * 500),
        NotNow(reason="", code="a later one"),
        Unformed(),
        Rejected(code="a later one", text=""),
    ],
)
def test_a_message_arrives_as_it_was_sent(message: object):
    payload = CODEC.encode(message)
    assert CODEC.decode(payload) == message
    assert len(payload) < Limits().frame_bytes_max


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Join(node_id="", store_id=STORE, address="h:1"), "node_id"),
        (lambda: Join(node_id="d", store_id=b"", address="h:1"), "store_id"),
        (lambda: Join(node_id="d", store_id=STORE, address=""), "address"),
        (lambda: Join(node_id="d", store_id=STORE, address="h" * 301), "address"),
        (lambda: Join(node_id="d", store_id=STORE, address="h:1", cluster_id=b""), "cluster_id"),
        (lambda: Join(node_id="d", store_id=STORE, address="h:1", token="t" * 501), "token"),
        (lambda: Redirect(leader_id="a", address="", term=1), "address"),
        (lambda: Redirect(leader_id="a b\n", address="h:1", term=1), "leader_id"),
        (lambda: Redirect(leader_id="a", address="h:1", term=-1), "term"),
        (lambda: NotNow(reason="r" * 501), "reason"),
        (lambda: NotNow(reason="", code="c" * 65), "code"),
        (lambda: Rejected(code="", text=""), "code"),
        (lambda: Rejected(code="c", text="t" * 501), "text"),
    ],
)
def test_a_value_beyond_its_bounds_is_refused(make: typing.Callable[[], object], field: str):
    with pytest.raises(ValueError, match=f"^{field} "):
        make()


def test_a_long_text_is_cut_where_it_ends():
    assert shortened("t" * 500) == "t" * 500
    assert shortened("t" * 501) == "t" * 499 + "…"
