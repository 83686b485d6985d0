"""The commands for changes of the members: each function is a command of a play."""

from elect.core.changes import (
    AddMember,
    Change,
    ChangeRefused,
    DemoteMember,
    NameCluster,
    PromoteMember,
    RemoveMember,
    ReplaceMember,
)
from elect.core.configuration import CLUSTER_ID_LENGTH, MemberKind
from tests.scenarios.language.play_context import PlayContext


def add(play: PlayContext, node: str) -> None:
    """Start a new node, which belongs to no cluster yet."""
    play.cluster.add(node)


def wipe(play: PlayContext, node: str) -> None:
    """Lose the disk of a dead node."""
    play.cluster.wipe(play.node(node))


def join(play: PlayContext, node: str, member: str) -> None:
    """Give a node the configuration on a member's disk, as the answer to its join."""
    play.cluster.hand_over(play.node(member), play.node(node))


def change(play: PlayContext, leader: str, verb: str, node: str, *rest: str) -> list[str] | None:
    """Ask a node for a change: `change a add d`, `add d witness`, `remove c`, `remove c forced`, `promote d`,
    `promote d witness`, `demote c`, `replace c`, or `name X`. A refusal is printed.
    """
    try:
        play.cluster.change(play.node(leader), _change(play, verb, node, rest))
    except ChangeRefused as refused:
        return [f"{leader} refuses: {refused.refusal}: {refused}"]
    return None


def _change(play: PlayContext, verb: str, node: str, rest: tuple[str, ...]) -> Change:
    store_id = None
    if play.cluster.settings.has_stores and node in play.cluster.nodes:
        store_id = play.cluster.nodes[node].store_id
    match verb, rest:
        case "add", [*kind]:
            return AddMember(node_id=node, kind=MemberKind(*kind or ["voter"]), store_id=store_id)
        case "remove", [] | ["forced"]:
            return RemoveMember(node_id=node, is_forced=bool(rest))
        case "promote", [*kind]:
            return PromoteMember(node_id=node, kind=MemberKind(*kind) if kind else None)
        case "demote", []:
            return DemoteMember(node_id=node)
        case "replace", []:
            return ReplaceMember(node_id=node, store_id=store_id)
        case "name", []:
            return NameCluster(cluster_id=node.encode().ljust(CLUSTER_ID_LENGTH, b"."))
    raise ValueError("use: change NODE add|remove|promote|demote|replace|name NODE [KIND|forced]")
