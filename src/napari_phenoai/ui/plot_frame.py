"""The frame of a plot: colours, axes, legend."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Style", "finish", "framed_axes", "twin_axes"]


@dataclass(frozen=True)
class Style:
    """Colours and size of text, from the theme of the window.

    ``points`` is the size of text; colours are ``#rrggbb``.
    """

    background: str = "#ffffff"
    text: str = "#1a1a1a"
    muted: str = "#8a8a8a"
    grid: str = "#d9d9d9"
    accent: str = "#0072b2"
    points: float = 8.0


def framed_axes(figure: Figure, style: Style) -> Axes:
    """Return empty axes in the colours of `style`."""
    figure.set_facecolor(style.background)
    axes = figure.add_subplot()
    axes.set_facecolor(style.background)
    axes.tick_params(colors=style.text, labelsize=style.points, length=2, width=0.6)
    for side, spine in axes.spines.items():
        spine.set_color(style.muted)
        spine.set_linewidth(0.6)
        spine.set_visible(side in ("left", "bottom"))
    axes.grid(visible=True, color=style.grid, lw=0.5)
    axes.set_axisbelow(True)
    return axes


def twin_axes(axes: Axes, style: Style) -> Axes:
    """Return axes for a second measure in [0, 1], with the scale on the right."""
    twin = axes.twinx()
    twin.set_ylim(0, 1)
    twin.tick_params(colors=style.accent, labelsize=style.points, length=2, width=0.6)
    for spine in twin.spines.values():
        spine.set_visible(False)
    return twin


def finish(axes: Axes, style: Style, along: str, measure: str, *, share: bool = True) -> None:
    """Name the axes, fit the limits (`share`: values in [0, 1]) and place the legend."""
    from matplotlib.ticker import MaxNLocator

    if share:
        axes.set_ylim(_floor(axes), 1.0)
        axes.margins(x=0.06)
        low, high = axes.get_xlim()
        if high - low < 2:
            axes.set_xlim(low - 1, high + 1)
    axes.set_xlabel(along, color=style.text, fontsize=style.points)
    axes.set_ylabel(measure, color=style.text, fontsize=style.points)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    _place(axes, style)


def _floor(axes: Axes) -> float:
    values = np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.lines])
    values = values[np.isfinite(values)]
    lowest = float(values.min()) if values.size else 0.0
    return max(0.0, math.floor(lowest * 10 - 0.5) / 10)


def _place(axes: Axes, style: Style) -> None:
    """Put the legend above the plot and give the rest of the figure to the plot."""
    figure = axes.get_figure(root=True)
    if figure is None:
        return
    width, height = (length * 100 for length in figure.get_size_inches())
    handles, names = axes.get_legend_handles_labels()
    columns = max(1, int((width - 62) // 88))
    lines = -(-len(names) // columns) if names else 0
    axes.legend(
        handles,
        names,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=columns,
        frameon=False,
        fontsize=style.points,
        labelcolor=style.text,
        borderpad=0.2,
        handlelength=1.6,
        columnspacing=1.0,
        handletextpad=0.4,
        borderaxespad=0.2,
    )
    twin = len(figure.axes) > 1
    right = 1 - (34 if twin else 10) / width
    top = 1 - (8 + 15 * lines) / height
    figure.subplots_adjust(58 / width, min(0.4, 40 / height), right, max(0.5, top))
