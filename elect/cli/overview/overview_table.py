"""The table of `elect top`: the nodes, then the elections, those in trouble first."""

from collections.abc import Iterator, Sequence

from elect.cli.overview.cluster_overview import TROUBLED, ClusterOverview, Condition
from elect.cli.terminal import Colors

NODE_HEAD = ("NODE", "LEADS", "FLAPPING", "NO LEADER", "ELECTIONS", "PEERS", "NOTE")
ELECTION_HEAD = ("ELECTION", "STATE", "LEADER", "TERM", "CHANGES", "NOTE")
NUMBERS = ("LEADS", "FLAPPING", "NO LEADER", "ELECTIONS", "TERM", "CHANGES")
"""Columns whose cells end at the right."""

COLOURS = {
    Condition.DOUBLED: "red",
    Condition.LEADERLESS: "red",
    Condition.FLAPPING: "yellow",
    Condition.CHANGED: "bold",
    Condition.INACTIVE: None,
    Condition.STEADY: None,
}

NAME_LENGTH_MAX = 40

FRAME_LINES = 6
"""The summary, two heads, two empty lines, and the count of those that do not fit."""


def lines(overview: ClusterOverview, *, rows_max: int | None, width: int | None, colors: Colors) -> Iterator[str]:
    """Return the whole picture.

    Args:
        overview: what was seen.
        rows_max: the most lines; None: all elections.
        width: the most columns; None: no limit.
        colors: with colours or without; each is a word, too.
    """
    counts = overview.counts
    yield ", ".join(
        [f"{len(overview.elections):,} elections"]
        + [f"{counts[condition]:,} {condition}" for condition in Condition if counts[condition]]
    )[:width]
    yield ""
    nodes = [
        (
            each.node,
            f"{each.leads:,}",
            f"{each.troubled:,}",
            f"{each.unled:,}",
            f"{each.elections:,}",
            each.peers,
            each.note,
        )
        for each in overview.nodes
    ]
    yield from _table(NODE_HEAD, nodes, ["red" if each.note else None for each in overview.nodes], width, colors)
    yield ""
    room = None if rows_max is None else max(1, rows_max - len(nodes) - FRAME_LINES)
    shown = overview.elections if room is None else overview.elections[:room]
    rows = [
        (
            each.name if len(each.name) <= NAME_LENGTH_MAX else f"{each.name[: NAME_LENGTH_MAX - 1]}…",
            each.condition.value,
            " ".join(each.leaders) or "-",
            str(each.term),
            str(each.changes),
            each.why,
        )
        for each in shown
    ]
    yield from _table(ELECTION_HEAD, rows, [COLOURS[each.condition] for each in shown], width, colors)
    if len(shown) < len(overview.elections):
        hidden = overview.elections[len(shown) :]
        bad = sum(each.condition in TROUBLED for each in hidden)
        yield f"and {len(hidden):,} more, {bad:,} of them in trouble"[:width]


def _table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    colours: Sequence[str | None],
    width: int | None,
    colors: Colors,
) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row, colour in zip((head, *rows), ("dim", *colours), strict=True):
        cells = (
            f"{cell:>{wide}}" if name in NUMBERS else f"{cell:<{wide}}"
            for name, cell, wide in zip(head, row, widths, strict=True)
        )
        line = "  ".join(cells).rstrip()[:width]
        yield line if colour is None else colors(line, colour)
