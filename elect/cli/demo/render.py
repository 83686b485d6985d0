"""The demo's picture: from what is known to lines of text. No terminal here."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from elect.cli.colors import Colors
from elect.cli.demo.cluster_view import ClusterView, Doing, NodeView
from elect.cli.demo.timings import Kind, Timings, duration

CELL_S = 0.25
STRIP_CELLS_MAX = 56
MARGIN = "  "
LABEL_WIDTH = 30
"""What stands left of a node's strip."""

SIGNS = {Doing.STARTING: "○", Doing.FOLLOWING: "○", Doing.LEADING: "●", Doing.HUNG: "◌", Doing.GONE: "×"}
STRIPS = {Doing.STARTING: " ", Doing.FOLLOWING: "─", Doing.LEADING: "█", Doing.HUNG: "╌", Doing.GONE: " ", None: " "}
LEGEND = "█ leads  ─ follows  ╌ hangs"
LEGEND_CELLS_MIN = 42
COLOURS = {Doing.LEADING: "green", Doing.HUNG: "yellow", Doing.GONE: "red"}


@dataclass(slots=True)
class Story:
    """What is going on, in words.

    Attributes:
        headline: one line, of now.
        progress: how far the demo has come: "round 1 of 3".
        measurements: so far.
    """

    headline: str = ""
    progress: str = ""
    measurements: Timings = field(default_factory=Timings)


def picture(cluster_view: ClusterView, story: Story, *, now: float, width: int, colors: Colors) -> list[str]:
    """The whole picture.

    Args:
        cluster_view: the nodes.
        story: the words.
        now: seconds of the boot clock.
        width: of the terminal, in columns.
        colors: colours, or none.
    """
    cells = max(0, min(STRIP_CELLS_MAX, width - len(MARGIN) - LABEL_WIDTH - 2))
    count = len(cluster_view.actors)
    subtitle = f"{count} nodes, a process each, one leader{f'   {LEGEND}' if cells > LEGEND_CELLS_MIN else ''}"
    title = f"{colors('elect', 'bold')}  {colors(subtitle, 'dim')}"
    lines = ["", title, "", *(_node(cluster_view, actor, now, cells, colors) for actor in cluster_view.actors.values())]
    lines += [
        _ruler(cells, colors),
        "",
        _headline(story, width, colors),
        "",
        *_results(story.measurements, width, colors),
        "",
    ]
    return [MARGIN + line if line else "" for line in lines]


def _node(cluster_view: ClusterView, actor: NodeView, now: float, cells: int, colors: Colors) -> str:
    colour = COLOURS.get(actor.doing, "dim")
    words = f"{SIGNS[actor.doing]} {_words(actor, now)}"
    label = f"{colors(actor.node_id, 'bold')}  {colors(f'{words:<{LABEL_WIDTH - 4}}', colour)}"
    runs = groupby(cluster_view.strip(actor, now, cells, CELL_S))
    strip = (
        colors(STRIPS[doing] * len(list(run)), COLOURS.get(doing, "dim") if doing else "dim") for doing, run in runs
    )
    return f"{label} {''.join(strip)}"


def _words(actor: NodeView, now: float) -> str:
    match actor.doing:
        case Doing.LEADING:
            return f"leads, term {actor.term}, {max(0.0, now - actor.since):.0f} s"
        case Doing.FOLLOWING if actor.leader and actor.leader != actor.node_id:
            return f"follows {actor.leader}"
        case Doing.FOLLOWING:
            return "looks for a leader"
        case _:
            return actor.doing.value


def _ruler(cells: int, colors: Colors) -> str:
    """The strip's time axis."""
    left = f"← {cells * CELL_S:.0f} s ago"
    return " " * (LABEL_WIDTH - 1) + colors(f"{left}{'now':>{max(0, cells - len(left))}}", "dim") if cells > 20 else ""


def _headline(story: Story, width: int, colors: Colors) -> str:
    room = max(0, width - len(MARGIN) - len(story.progress) - 4)
    return f"{colors(story.progress, 'dim')}  {story.headline[:room]}"


def _results(measurements: Timings, width: int, colors: Colors) -> Iterator[str]:
    """A line a kind, the latest measurements last."""
    for kind in Kind:
        seconds = [f"{duration(value):>8}" for value in measurements.seconds[kind]]
        shown = max(1, (width - len(MARGIN) - 14) // 9)
        yield f"{colors(f'{kind:<12}', 'dim')} {' '.join(seconds[-shown:])}"
