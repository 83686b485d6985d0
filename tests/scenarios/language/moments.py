"""What time does: each function is a command of a play.

A moment is a duration from now, as `150ms`, or the end of `lease NODE`, `promise NODE PEER` (the node's to the peer) or
`fence NODE`, and perhaps a bit before it, `-1ns`, or after, `+1ns`.
"""

from elect.config.durations import parse_ns
from elect.testing.manual.cluster_settings import ELECTION
from tests.scenarios.language.scene import Scene


def wait(scene: Scene, *moment: str) -> None:
    """Let time pass unnoticed."""
    scene.cluster.wait(_until(scene, moment))


def run(scene: Scene, *moment: str) -> None:
    """Let time pass, nodes wake when due, and all arrive at once; heartbeats go unsaid. Without a moment: until now."""
    scene.narrator.is_brief = True
    scene.cluster.run(_until(scene, moment) if moment else 0)


def beat(scene: Scene, count: str = "1") -> None:
    """Let intervals pass in which nodes wake when due, and heartbeats and nothing else arrive; these go unsaid."""
    scene.narrator.is_brief = True
    scene.cluster.beat(int(count))


def tick(scene: Scene, *node_ids: str) -> None:
    """Have nodes notice the time."""
    scene.cluster.tick(*map(scene.node, node_ids))


def _until(scene: Scene, moment: tuple[str, ...]) -> int:
    """How long until a moment, in true time, ns.

    Raises:
        ValueError: it is none, or over.
    """
    match moment:
        case [duration]:
            return parse_ns(duration)
        case [*end, shift] if shift[0] in "+-":
            shift_ns = parse_ns(shift[1:]) * (-1 if shift[0] == "-" else 1)
        case end:
            shift_ns = 0
    duration_ns = _end(scene, list(end)) + shift_ns - scene.cluster.now
    if duration_ns < 0:
        raise ValueError(f"that was {-duration_ns} ns ago")
    return duration_ns


def _end(scene: Scene, what: list[str]) -> int:
    match what:
        case ["lease" | "promise" | "fence" as word, node, *peer]:
            node = scene.cluster.nodes[scene.node(node)]
        case _:
            raise ValueError("a moment is DURATION, or lease NODE, promise NODE PEER, fence NODE, and -1ns or +1ns")
    if word == "lease":
        return node.clock.when(node.table.until(ELECTION))
    if word == "fence":
        return node.clock.when(node.elector.state.fence_until)
    return node.clock.when(node.elector.state.support.peers["".join(peer)].promised_until)
