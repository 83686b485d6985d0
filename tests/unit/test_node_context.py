"""The state that the parts of a node share."""

from elect.bridge.node_context import FORMER_MAX, NodeContext
from elect.clock import now_ns
from elect.config.config import Config
from elect.core.configuration import Configuration


def made() -> NodeContext:
    return NodeContext(Config(node="a", cluster="t", listen="127.0.0.1:0", data_dir="x"), now_ns)


def test_the_ids_of_former_members_are_kept():
    context = made()
    for ids in ("abc", "ab", "abd", "ad"):
        context.install(Configuration.initial(ids))
    assert list(context.former_members) == ["c", "b"]


def test_the_latest_former_members_are_kept():
    context = made()
    context.note_former(f"n{number}" for number in range(FORMER_MAX + 1))
    context.note_former(["n1"])
    assert len(context.former_members) == FORMER_MAX
    assert list(context.former_members)[0 :: FORMER_MAX - 1] == ["n2", "n1"]
