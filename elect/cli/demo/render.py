"""The demo's picture: from what is known to lines of text. No terminal here."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from elect.cli.colors import Paint
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


def picture(cluster_view: ClusterView, story: Story, *, now: float, width: int, paint: Paint) -> list[str]:
    """The whole picture.

    Args:
        cluster_view: the nodes.
        story: the words.
        now: seconds of the boot clock.
        width: of the terminal, in columns.
        paint: colours, or none.
    """
    cells = max(0, min(STRIP_CELLS_MAX, width - len(MARGIN) - LABEL_WIDTH - 2))
    count = len(cluster_view.actors)
    subtitle = f"{count} nodes, a process each, one leader{f'   {LEGEND}' if cells > LEGEND_CELLS_MIN else ''}"
    title = f"{paint('elect', 'bold')}  {paint(subtitle, 'dim')}"
    lines = ["", title, "", *(_node(cluster_view, actor, now, cells, paint) for actor in cluster_view.actors.values())]
    lines += [
        _ruler(cells, paint),
        "",
        _headline(story, width, paint),
        "",
        *_results(story.measurements, width, paint),
        "",
    ]
    return [MARGIN + line if line else "" for line in lines]


def _node(cluster_view: ClusterView, actor: NodeView, now: float, cells: int, paint: Paint) -> str:
    colour = COLOURS.get(actor.doing, "dim")
    words = f"{SIGNS[actor.doing]} {_words(actor, now)}"
    label = f"{paint(actor.node_id, 'bold')}  {paint(f'{words:<{LABEL_WIDTH - 4}}', colour)}"
    runs = groupby(cluster_view.strip(actor, now, cells, CELL_S))
    strip = (
        paint(STRIPS[doing] * len(list(run)), COLOURS.get(doing, "dim") if doing else "dim") for doing, run in runs
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


def _ruler(cells: int, paint: Paint) -> str:
    """The strip's time axis."""
    left = f"← {cells * CELL_S:.0f} s ago"
    return " " * (LABEL_WIDTH - 1) + paint(f"{left}{'now':>{max(0, cells - len(left))}}", "dim") if cells > 20 else ""


def _headline(story: Story, width: int, paint: Paint) -> str:
    room = max(0, width - len(MARGIN) - len(story.progress) - 4)
    return f"{paint(story.progress, 'dim')}  {story.headline[:room]}"


def _results(measurements: Timings, width: int, paint: Paint) -> Iterator[str]:
    """A line a kind, the latest measurements last."""
    for kind in Kind:
        seconds = [f"{duration(value):>8}" for value in measurements.seconds[kind]]
        shown = max(1, (width - len(MARGIN) - 14) // 9)
        yield f"{paint(f'{kind:<12}', 'dim')} {' '.join(seconds[-shown:])}"
