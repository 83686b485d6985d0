"""The commands that move time: each function is a command of a play.

A moment is a duration from now, as `150ms`, or the end of `lease NODE`, `promise NODE PEER` (the node's to the peer) or
`fence NODE`, with `-1ns` or `+1ns` for just before or after it.
"""

from elect.config.durations import parse_ns
from elect.testing.manual.cluster_settings import ELECTION
from tests.scenarios.language.play_context import PlayContext


def wait(play: PlayContext, *moment: str) -> None:
    """Move the time, without a tick and without a delivery."""
    play.cluster.wait(_until(play, moment))


def run(play: PlayContext, *moment: str) -> None:
    """Run until a moment: ticks when due, all frames arrive at once, heartbeats are not printed. Default: until now."""
    play.transcript.is_brief = True
    play.cluster.run(_until(play, moment) if moment else 0)


def beat(play: PlayContext, count: str = "1") -> None:
    """Run for intervals in which heartbeats and nothing else arrive; they are not printed."""
    play.transcript.is_brief = True
    play.cluster.beat(int(count))


def tick(play: PlayContext, *node_ids: str) -> None:
    """Give each of these nodes a tick now."""
    play.cluster.tick(*map(play.node, node_ids))


def _until(play: PlayContext, moment: tuple[str, ...]) -> int:
    """Return the time until a moment, in true time, ns.

    Raises:
        ValueError: the text is no moment, or the moment is over.
    """
    match moment:
        case [duration]:
            return parse_ns(duration)
        case [*end, shift] if shift[0] in "+-":
            shift_ns = parse_ns(shift[1:]) * (-1 if shift[0] == "-" else 1)
        case end:
            shift_ns = 0
    duration_ns = _end(play, list(end)) + shift_ns - play.cluster.now
    if duration_ns < 0:
        raise ValueError(f"that was {-duration_ns} ns ago")
    return duration_ns


def _end(play: PlayContext, what: list[str]) -> int:
    match what:
        case ["lease" | "promise" | "fence" as word, node, *peer]:
            node = play.cluster.nodes[play.node(node)]
        case _:
            raise ValueError("a moment is DURATION, or lease NODE, promise NODE PEER, fence NODE, and -1ns or +1ns")
    if word == "lease":
        return node.clock.when(node.table.until(ELECTION))
    if word == "fence":
        return node.clock.when(node.elector.state.fence_until)
    return node.clock.when(node.elector.state.support.peers["".join(peer)].promised_until)
