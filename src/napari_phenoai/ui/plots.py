"""Draws the curves on a matplotlib figure; knows no widgets and no files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from napari_phenoai.ui.plot_frame import Style, finish, framed_axes, twin_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from napari_phenoai.core.scheme import ClassScheme, LabelClass
    from napari_phenoai.core.series import CorrectivePoint, EpochPoint, HeldoutPoint

__all__ = ["Along", "Drawing", "Measure", "Spot", "corrective_plot", "heldout_plot", "loss_plot"]

Along = Literal["tiles", "minutes"]
Measure = Literal["dice", "iou"]

_MARKERS = ("s", "^", "D", "v", "P", "X", "p")
_NAMED_CLASSES = 5


@dataclass(frozen=True)
class Spot:
    """A place of a plot that can be pointed at: data coordinates, key and words.

    ``key`` is ``model:<id>``, ``tile:<key>`` or empty.
    """

    axes: Axes
    x: float
    y: float
    key: str
    text: str


Drawing = Callable[["Figure", Style], Sequence[Spot]]
"""Draws on an empty figure and says what can be pointed at."""


def heldout_plot(
    points: Sequence[HeldoutPoint],
    scheme: ClassScheme,
    *,
    along: Along = "tiles",
    measure: Measure = "dice",
    chosen: str | None = None,
) -> Drawing:
    """Return the drawing of held-out quality against tiles or minutes of work.

    The mean is a line with its 95 % interval; a filled mark is a model that was let
    through to serve, a hollow one that was not, the star serves now.
    """

    def draw(figure: Figure, style: Style) -> Sequence[Spot]:
        axes = framed_axes(figure, style)
        at = [point.tiles if along == "tiles" else point.minutes for point in points]
        found = [p.dice if measure == "dice" else p.iou for p in points]
        means = [float("nan") if value is None else value for value in found]
        axes.plot(at, means, color=style.text, lw=1.8, zorder=4, label="mean")
        _lines_of_classes(axes, style, scheme, at, [_values(p, measure) for p in points])
        if measure == "dice":
            _interval(axes, style, at, points)
        for x, y, point in zip(at, means, points, strict=True):
            _mark(axes, style, x, y, point, chosen=point.model == chosen)
        _explain_marks(axes, style, points)
        name = "Dice" if measure == "dice" else "IoU"
        along_name = "reviewed tiles" if along == "tiles" else "minutes of work"
        finish(axes, style, along_name, f"held-out {name}")
        return [
            Spot(axes, x, y, f"model:{point.model}", _about(point))
            for x, y, point in zip(at, means, points, strict=True)
        ]

    return draw


def corrective_plot(
    points: Sequence[CorrectivePoint], scheme: ClassScheme, *, along: Along = "tiles"
) -> Drawing:
    """Return the drawing of the agreement of proposed and decided masks.

    Dots are tiles, lines are rolling means, overall and per class.
    """

    def draw(figure: Figure, style: Style) -> Sequence[Spot]:
        axes = framed_axes(figure, style)
        at: list[float] = [p.order if along == "tiles" else p.minutes for p in points]
        shown = [(x, p.dice, p) for x, p in zip(at, points, strict=True) if p.dice is not None]
        xs, ys = [x for x, _, _ in shown], [y for _, y, _ in shown]
        axes.plot(xs, ys, "o", ms=4, mew=0, alpha=0.45, color=style.text, label="tile", zorder=3)
        rolling = [float("nan") if p.rolling is None else p.rolling for p in points]
        axes.plot(at, rolling, color=style.text, lw=1.8, label="rolling mean", zorder=4)
        _lines_of_classes(axes, style, scheme, at, [point.class_rolling for point in points])
        along_name = "corrected tiles, in order" if along == "tiles" else "minutes of work"
        finish(axes, style, along_name, "Dice, proposed to decided")
        return [
            Spot(axes, x, y, f"tile:{point.tile}", f"tile {point.order}: Dice {y:.2f}")
            for x, y, point in shown
        ]

    return draw


def loss_plot(points: Sequence[EpochPoint], *, running: bool = False) -> Drawing:
    """Return the drawing of loss and held-out Dice per epoch."""

    def draw(figure: Figure, style: Style) -> Sequence[Spot]:
        axes = framed_axes(figure, style)
        epochs = [point.epoch for point in points]
        mark = "o" if len(points) < 30 else ""
        losses = [point.loss for point in points]
        axes.plot(epochs, losses, marker=mark, ms=3, color=style.text, lw=1.5, label="loss")
        checked = [p for p in points if p.heldout_dice is not None]
        spots = [Spot(axes, p.epoch, p.loss, "", _about_epoch(p)) for p in points]
        if checked:
            twin = twin_axes(axes, style)
            dices = [p.heldout_dice or 0.0 for p in checked]
            style_of_line: dict[str, Any] = {"ls": "--", "marker": "s" if mark else "", "ms": 3}
            epochs_checked = [p.epoch for p in checked]
            twin.plot(epochs_checked, dices, color=style.accent, lw=1.5, **style_of_line)
            axes.plot([], [], color=style.accent, label="held-out Dice", **style_of_line)
        axes.set_ylim(bottom=0, top=max(losses, default=1) * 1.08 or 1)
        axes.set_xlim(min(epochs, default=1) - 0.5, max(5, *epochs) + 0.5)
        unit = "epoch (training runs)" if running else "epoch"
        finish(axes, style, unit, "loss", share=False)
        return spots

    return draw


def _lines_of_classes(
    axes: Axes,
    style: Style,
    scheme: ClassScheme,
    at: Sequence[float],
    values: Sequence[Mapping[int, float]],
) -> None:
    for number, item in enumerate(scheme.foreground):
        pairs = [(x, v[item.id]) for x, v in zip(at, values, strict=True) if item.id in v]
        if len(scheme.foreground) > 1 and pairs:
            _line_of_class(axes, style, item, number, pairs)


def _line_of_class(
    axes: Axes, style: Style, item: LabelClass, number: int, pairs: Sequence[tuple[float, float]]
) -> None:
    axes.plot(
        [x for x, _ in pairs],
        [y for _, y in pairs],
        color=item.colour,
        lw=1.2,
        marker=_MARKERS[number % len(_MARKERS)],
        markevery=max(1, len(pairs) // 8),
        ms=4,
        mec=style.text,
        mew=0.3,
        label=item.name if number < _NAMED_CLASSES else None,
        zorder=3,
    )


def _interval(
    axes: Axes, style: Style, at: Sequence[float], points: Sequence[HeldoutPoint]
) -> None:
    low = [p.dice if p.low is None else p.low for p in points]
    high = [p.dice if p.high is None else p.high for p in points]
    if len(points) > 1:
        axes.fill_between(at, low, high, color=style.text, alpha=0.14, lw=0, zorder=2)
    else:
        axes.vlines(at, low, high, color=style.text, alpha=0.5, lw=1.2, zorder=2)


def _mark(
    axes: Axes, style: Style, x: float, y: float, point: HeldoutPoint, *, chosen: bool
) -> None:
    shape, size = ("*", 11) if point.serving else ("o", 6)
    fill = style.text if point.passed else style.background
    if point.serving:
        fill = style.accent
    axes.plot(
        [x],
        [y],
        shape,
        ms=size,
        mfc=fill,
        mec=style.text,
        mew=1.0,
        zorder=6 if point.serving else 5,
    )
    if chosen:
        axes.plot([x], [y], "o", ms=15, mfc="none", mec=style.accent, mew=1.6, zorder=7)


def _explain_marks(axes: Axes, style: Style, points: Sequence[HeldoutPoint]) -> None:
    edge: dict[str, Any] = {"mec": style.text, "mew": 0.8, "ls": ""}
    if any(point.serving for point in points):
        axes.plot([], [], "*", ms=9, mfc=style.accent, label="serves", **edge)
    if any(not point.passed for point in points):
        axes.plot([], [], "o", ms=5, mfc=style.background, label="not let through", **edge)


def _values(point: HeldoutPoint, measure: Measure) -> Mapping[int, float]:
    return point.class_dice if measure == "dice" else point.class_iou


def _about(point: HeldoutPoint) -> str:
    interval = ""
    if point.low is not None and point.high is not None:
        interval = f" ({point.low:.2f} to {point.high:.2f})"
    state = "serves now" if point.serving else "served" if point.passed else "not let through"
    lines = (
        f"held-out Dice {point.dice:.2f}{interval}, {point.heldout} tiles",
        f"after {point.tiles} reviewed tiles, {point.minutes:.0f} min of work",
        f"trained {point.at.astimezone():%d %b %H:%M}: {state}",
    )
    return "\n".join(lines)


def _about_epoch(point: EpochPoint) -> str:
    dice = "" if point.heldout_dice is None else f", held-out Dice {point.heldout_dice:.2f}"
    return f"epoch {point.epoch}: loss {point.loss:.3f}{dice}"
