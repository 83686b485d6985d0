"""Draw cumulative shares over logarithmic time, in rows of panels."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

mpl.rcParams["svg.hashsalt"] = "elect"
mpl.rcParams["font.size"] = 9

COLOURS = ("#000000", "#D55E00", "#56B4E9", "#009E73", "#E69F00", "#CC79A7")
"""The colours of Okabe and Ito, which colour-blind readers can distinguish."""
STYLES = ("-", "--", "-.", ":", (0, (6, 1)), (0, (3, 1, 1, 1, 1, 1)))
"""Line styles, for print without colours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One curve.

    Attributes:
        values: sorted, ms.
        count: number of trials, including those without a value.
    """

    label: str
    values: Sequence[float]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Curves on the same axes."""

    title: str
    curves: Sequence[Curve]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Panels in a row that share the axis of time and the labels of the curves.

    Attributes:
        legend: title of the labels.
    """

    legend: str
    panels: Sequence[Panel]


def draw(rows: Sequence[Row], *, title: str, cap_ms: float, path: Path) -> None:
    """Write the chart.

    Args:
        rows: from top to bottom.
        title: of the chart.
        cap_ms: time after which trials end.
        path: of the file; its suffix chooses the format.
    """
    figure = Figure(figsize=(11, 3.3 * len(rows)), layout="constrained")
    figure.suptitle(title)
    letters = iter("abcdefgh")
    for part, row in zip(figure.subfigures(len(rows)), rows, strict=True):
        axes = part.subplots(1, len(row.panels), sharex=True, sharey=True, squeeze=False)[0]
        axes[0].set_xscale("log")
        axes[0].set_xlim(_limits(row, cap_ms))
        axes[0].set_ylabel("trials with a new leader by then")
        for axis, panel in zip(axes, row.panels, strict=True):
            _plot(axis, panel)
            axis.set_title(f"({next(letters)}) {panel.title}", loc="left", fontsize=10)
        handles, labels = axes[0].get_legend_handles_labels()
        part.legend(handles, labels, title=row.legend, loc="outside right upper", fontsize=8, title_fontsize=8)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=150)


def _limits(row: Row, cap_ms: float) -> tuple[float, float]:
    """Return the powers of ten around the values of a row."""
    curves = [curve for panel in row.panels for curve in panel.curves]
    values = [value for curve in curves for value in curve.values] or [1, cap_ms]
    is_complete = all(len(curve.values) == curve.count for curve in curves)
    return 10 ** floor(log10(min(values))), 10 ** ceil(log10(max(values))) if is_complete else cap_ms


def _plot(axis: Axes, panel: Panel) -> None:
    low, high = axis.get_xlim()
    for curve, colour, style in zip(panel.curves, COLOURS, STYLES, strict=False):
        shares = [100 * number / max(1, curve.count) for number in range(len(curve.values) + 1)]
        at = [low, *curve.values, high]
        line = style if curve.count else "none"
        axis.step(at, [*shares, shares[-1]], where="post", color=colour, ls=line, lw=1.4, label=curve.label)
    missing = ", ".join(curve.label for curve in panel.curves if not curve.count)
    if missing:
        axis.text(0.97, 0.03, f"{missing}: no stable leader", transform=axis.transAxes, ha="right", fontsize=8)
    axis.set_ylim(0, 101)
    axis.set_xlabel("time without a leader (logarithmic)")
    axis.xaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:g} ms" if ms < 1000 else f"{ms / 1000:g} s"))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:g} %"))
    axis.grid(visible=True, color="#dddddd", linewidth=0.6)
