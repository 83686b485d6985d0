import pytest

from wire.protocol.identity import Identity, LinkNumber, printable

STORE = bytes(16)


def test_later_incarnation_is_above_any_earlier_counter() -> None:
    assert LinkNumber(2, 1) > LinkNumber(1, 99)
    assert LinkNumber(2, 2) > LinkNumber(2, 1)
    assert str(LinkNumber(2, 7)) == "2.7"


@pytest.mark.parametrize(
    ("cluster", "node", "incarnation", "store", "attributes", "says"),
    [
        ("", "a", 1, STORE, {}, "cluster has 0"),
        ("c", "a" * 65, 1, STORE, {}, "node has 65"),
        ("c", "a\nb", 1, STORE, {}, "node is .*; only printable characters"),
        ("\x1b[2J", "a", 1, STORE, {}, "cluster is .*; only printable characters"),
        ("c", "a", -1, STORE, {}, "incarnation is -1"),
        ("c", "a", 2**63, STORE, {}, "incarnation is"),
        ("c", "a", 1, b"short", {}, "store has 5 bytes"),
        ("c", "a", 1, STORE, {str(i): "" for i in range(17)}, "17 attributes"),
        ("c", "a", 1, STORE, {"k": "v" * 2_048}, "2049 characters"),
    ],
)
def test_bounds(cluster: str, node: str, incarnation: int, store: bytes, attributes: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Identity(cluster=cluster, node=node, incarnation=incarnation, store=store, attributes=attributes)


def test_what_others_say_is_made_fit_for_a_line() -> None:
    assert printable("naïve reason: 5 × 3") == "naïve reason: 5 × 3"
    assert printable("gone\n! you are hacked\x1b[2J\u2028\u202e") == r"gone\n! you are hacked\x1b[2J\u2028\u202e"
