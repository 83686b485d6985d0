import dataclasses
from collections.abc import Collection

import pytest

from wire.protocol.handshake import (
    VERSION_MAX,
    VERSION_MIN,
    Bye,
    Hello,
    Reject,
    are_views_equal,
    hello,
    judge_hello,
    judge_welcome,
    stale_link,
    welcome,
)
from wire.protocol.identity import Identity, LinkNumber
from wire.protocol.wire_errors import Refusal, RejectCode

ANN = Identity(cluster="c", node="ann", incarnation=3, store=b"a" * 16, attributes={"advertise": "ann:1"})
BOB = Identity(cluster="c", node="bob", incarnation=1, store=b"b" * 16)
HELLO = hello(ANN, to="bob", number=LinkNumber(3, 7), kind="peer", local="10.0.0.1:5", remote="10.0.0.2:6")
WELCOME = welcome(BOB, HELLO, local="10.0.0.2:6", remote="10.0.0.1:5")


def judge(
    said: Hello,
    *,
    kinds: Collection[str] = ("peer",),
    known: Collection[str] = ("ann",),
    two_way: Collection[str] = (),
) -> Refusal | None:
    try:
        judge_hello(said, BOB, kinds=kinds, is_known_peer=known.__contains__, two_way=two_way)
    except Refusal as refusal:
        return refusal
    return None


def test_a_hello_says_who_dials_whom() -> None:
    assert HELLO.number == (3, 7)
    assert HELLO.identity.node == "ann"
    assert HELLO.identity.incarnation == 3
    assert HELLO.identity.store == ANN.store
    assert HELLO.identity.attributes == {"advertise": "ann:1"}
    assert judge(HELLO) is None
    assert judge(dataclasses.replace(HELLO, to="")) is None


def test_a_kind_is_served_on_one_way_links_or_on_two_way_ones() -> None:
    for kind, is_two_way, is_let_in in (("a", False, True), ("a", True, False), ("b", False, False), ("b", True, True)):
        said = dataclasses.replace(HELLO, kind=kind, is_two_way=is_two_way)
        refusal = judge(said, kinds=["a"], two_way=["b"])
        assert (refusal is None) is is_let_in
        assert refusal is None or refusal.code is RejectCode.KIND


@pytest.mark.parametrize("node", ["ann", "ann/", "/ann", "ann/1", "x/ann/1"])
def test_ids_with_a_slash_are_for_kinds_of_many_dialers(node: str) -> None:
    is_of_many = node.endswith("/1")
    for kind in ("join", "client"):
        said = dataclasses.replace(HELLO, node=node, kind=kind, is_two_way=True)
        try:
            judge_hello(said, BOB, kinds=(), is_known_peer=lambda _: True, two_way=("join", "client"), many=("client",))
        except Refusal as refusal:
            assert refusal.code is RejectCode.KIND
            assert not refusal.is_retryable
            assert is_of_many is (kind == "join") or "/" in node
        else:
            assert is_of_many if kind == "client" else "/" not in node


def test_a_welcome_says_who_answers() -> None:
    assert WELCOME.identity.node == "bob"
    assert WELCOME.identity.store == BOB.store
    assert WELCOME.version == VERSION_MAX
    judge_welcome(WELCOME, to="bob")
    judge_welcome(WELCOME, to="")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"version_min": VERSION_MAX + 1, "version_max": VERSION_MAX + 1}, RejectCode.VERSION),
        ({"version_min": 0, "version_max": VERSION_MIN - 1}, RejectCode.VERSION),
        ({"cluster": "d"}, RejectCode.CLUSTER),
        ({"node": "bob"}, RejectCode.SELF),
        ({"node": "bob", "store": BOB.store}, RejectCode.OWN_STORE),
        ({"to": "cid"}, RejectCode.WRONG_NODE),
        ({"kind": "client"}, RejectCode.KIND),
        ({"node": "cid"}, RejectCode.UNKNOWN_PEER),
    ],
)
def test_the_first_thing_wrong_is_named(changed: dict[str, object], code: RejectCode) -> None:
    refusal = judge(dataclasses.replace(HELLO, **changed))  # type: ignore[arg-type]
    assert refusal is not None
    assert refusal.code is code
    assert refusal.reason == code.value
    assert refusal.is_retryable is (code is RejectCode.UNKNOWN_PEER)


def test_newer_dialer_is_answered_in_the_common_version() -> None:
    newer = dataclasses.replace(HELLO, version_max=VERSION_MAX + 5)
    assert judge(newer) is None
    assert welcome(BOB, newer, local="", remote="").version == VERSION_MAX


@pytest.mark.parametrize(
    ("changed", "to", "code"),
    [
        ({"version": VERSION_MAX + 1}, "bob", RejectCode.VERSION),
        ({"version": VERSION_MIN - 1}, "bob", RejectCode.VERSION),
        ({}, "cid", RejectCode.WRONG_NODE),
        ({"node": "client/bob/1"}, "client/bob/1", RejectCode.WRONG_NODE),
        ({"node": "client/bob/1"}, "", RejectCode.WRONG_NODE),
    ],
)
def test_a_dialer_judges_the_answer(changed: dict[str, object], to: str, code: RejectCode) -> None:
    with pytest.raises(Refusal) as raised:
        judge_welcome(dataclasses.replace(WELCOME, **changed), to=to)  # type: ignore[arg-type]
    assert raised.value.code is code


def test_a_stale_link_may_try_again_with_a_higher_number() -> None:
    refusal = stale_link(HELLO, LinkNumber(3, 9))
    assert refusal.code is RejectCode.STALE_LINK
    assert refusal.is_retryable
    assert "3.7 is not above 3.9" in str(refusal)


def test_views_agree_only_when_both_addresses_do() -> None:
    assert are_views_equal(HELLO, local="10.0.0.2:6", remote="10.0.0.1:5")
    assert not are_views_equal(HELLO, local="10.0.0.2:6", remote="10.0.0.9:5")
    assert not are_views_equal(HELLO, local="10.0.0.9:6", remote="10.0.0.1:5")
    assert are_views_equal(WELCOME, local="10.0.0.1:5", remote="10.0.0.2:6")
    assert not are_views_equal(WELCOME, local="10.0.0.2:6", remote="10.0.0.1:5")


def test_refusal_travels_and_an_unknown_code_becomes_other() -> None:
    refusal = Refusal(RejectCode.FULL, "x" * 1_000, is_retryable=True)
    sent = Reject.of(refusal)
    assert len(sent.reason) == 256
    assert sent.refusal.code is RejectCode.FULL
    assert sent.refusal.is_retryable
    assert Reject(code="later", reason="", retryable=False).refusal.code is RejectCode.OTHER
    assert str(Reject(code="full", reason="no\n! or", retryable=True).refusal) == r"refused (full): no\n! or"


@pytest.mark.parametrize(
    "changed",
    [
        {"version_min": 2, "version_max": 1},
        {"version_min": -1},
        {"cluster": ""},
        {"node": ""},
        {"to": "x" * 65},
        {"incarnation": -1},
        {"counter": -1},
        {"store": b""},
        {"kind": ""},
        {"local": "x" * 257},
        {"remote": "x" * 257},
        {"attributes": {"k": "x" * 5_000}},
    ],
)
def test_the_bounds_of_a_hello(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        dataclasses.replace(HELLO, **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changed",
    [{"node": ""}, {"incarnation": -1}, {"store": b""}, {"local": "x" * 257}, {"attributes": {"k": "x" * 5_000}}],
)
def test_the_bounds_of_a_welcome(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        dataclasses.replace(WELCOME, **changed)  # type: ignore[arg-type]


def test_the_bounds_of_the_rest() -> None:
    with pytest.raises(ValueError, match="reason has 257"):
        Bye(reason="x" * 257)
    with pytest.raises(ValueError, match="code has 0"):
        Reject(code="", reason="", retryable=False)
