"""Renders the state of the demo as lines of text."""

from collections.abc import Iterator
from itertools import groupby

from elect.cli.demo.cluster_view import ClusterView, NodeActivity, NodeView
from elect.cli.demo.demo_progress import DemoProgress, FailoverTimes, LeaderFailure, duration
from elect.cli.terminal import Colors

CELL_S = 0.25
STRIP_CELLS_MAX = 56
MARGIN = "  "
LABEL_WIDTH = 30
"""The columns left of a node's strip."""

LOOKS: dict[NodeActivity | None, tuple[str, str, str]] = {
    None: (" ", " ", "dim"),
    NodeActivity.STARTING: ("○", " ", "dim"),
    NodeActivity.FOLLOWING: ("○", "─", "dim"),
    NodeActivity.LEADING: ("●", "█", "green"),
    NodeActivity.HUNG: ("◌", "╌", "yellow"),
    NodeActivity.GONE: ("×", "·", "red"),
}
"""The sign, the cell of the strip and the colour of each activity."""

LEGEND = "█ leads  ─ follows  ╌ hangs  · gone"
LEGEND_CELLS_MIN = 50


def picture(cluster_view: ClusterView, progress: DemoProgress, *, now: float, width: int, colors: Colors) -> list[str]:
    """Return the whole picture.

    Args:
        cluster_view: the nodes.
        progress: the words.
        now: seconds of the boot clock.
        width: of the terminal, in columns.
        colors: with colours or without.
    """
    cells = max(0, min(STRIP_CELLS_MAX, width - len(MARGIN) - LABEL_WIDTH - 2))
    count = len(cluster_view.nodes)
    subtitle = f"{count} nodes, a process each, one leader{f'   {LEGEND}' if cells > LEGEND_CELLS_MIN else ''}"
    title = f"{colors('elect', 'bold')}  {colors(subtitle, 'dim')}"
    lines = ["", title, "", *(_node(cluster_view, node, now, cells, colors) for node in cluster_view.nodes.values())]
    lines += [
        _ruler(cells, colors),
        "",
        _headline(progress, width, colors),
        "",
        *_results(progress.times, width, colors),
        "",
    ]
    return [MARGIN + line if line else "" for line in lines]


def _node(cluster_view: ClusterView, node: NodeView, now: float, cells: int, colors: Colors) -> str:
    sign, _, colour = LOOKS[node.activity]
    words = f"{sign} {_words(node, now)}"
    label = f"{colors(node.node_id, 'bold')}  {colors(f'{words:<{LABEL_WIDTH - 4}}', colour)}"
    runs = groupby(cluster_view.strip(node, now, cells, CELL_S))
    strip = (colors(LOOKS[activity][1] * len(list(run)), LOOKS[activity][2]) for activity, run in runs)
    return f"{label} {''.join(strip)}"


def _words(node: NodeView, now: float) -> str:
    match node.activity:
        case NodeActivity.LEADING:
            return f"leads, term {node.term}, {max(0.0, now - node.since):.0f} s"
        case NodeActivity.FOLLOWING if node.leader and node.leader != node.node_id:
            return f"follows {node.leader}"
        case NodeActivity.FOLLOWING:
            return "has no leader"
        case _:
            return node.activity.value


def _ruler(cells: int, colors: Colors) -> str:
    """Return the time axis of the strips."""
    left = f"← {cells * CELL_S:.0f} s ago"
    return " " * (LABEL_WIDTH - 1) + colors(f"{left}{'now':>{max(0, cells - len(left))}}", "dim") if cells > 20 else ""


def _headline(progress: DemoProgress, width: int, colors: Colors) -> str:
    room = max(0, width - len(MARGIN) - len(progress.round) - 4)
    return f"{colors(progress.round, 'dim')}  {progress.headline[:room]}"


def _results(times: FailoverTimes, width: int, colors: Colors) -> Iterator[str]:
    """Return one line for each failure, with the latest times last."""
    for failure in LeaderFailure:
        seconds = [f"{duration(value):>8}" for value in times.seconds[failure]]
        shown = max(1, (width - len(MARGIN) - 14) // 9)
        yield f"{colors(f'{failure:<12}', 'dim')} {' '.join(seconds[-shown:])}"
