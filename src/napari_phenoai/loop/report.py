"""The report of a simulation: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari_phenoai.io.files import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from napari_phenoai.loop.outcome import SimulatedRound, SimulationResult
    from napari_phenoai.loop.pictures import Picture

__all__ = ["report_html", "write_report"]

_BLUE, _GREY = "#0072b2", "#999999"
_CLASS_COLOURS = ("#009e73", "#e69f00", "#56b4e9", "#d55e00", "#cc79a7")

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2420; --soft: #5c6a63; --card: #ffffff; --page: #f2f5f1;
  --line: #dbe3dc; --mark: #0a7a58; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eeea; --soft: #a3b1a9; --card: #1d2421;
  --page: #141a17; --line: #34403a; --mark: #4cc79f; } }
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.55 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif }
main { max-width: 1120px; margin: 0 auto; padding: 36px 24px 64px }
h1 { font-size: 27px; line-height: 1.25; margin: 0 0 6px; font-weight: 650 }
h2 { font-size: 18px; margin: 38px 0 12px; font-weight: 650 }
p { margin: 0 0 10px; max-width: 78ch } .soft, figcaption, th { color: var(--soft) }
.figures { display: flex; flex-wrap: wrap; gap: 14px; margin: 24px 0 0; padding: 0 }
.figures div { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 12px 18px; min-width: 140px }
.figures b { display: block; font-size: 24px; line-height: 1.3; font-weight: 650;
  font-variant-numeric: tabular-nums } .figures span { color: var(--soft); font-size: 13px }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 16px; overflow-x: auto }
.curves { background: #ffffff } .curves svg { width: 100%; height: auto; display: block }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th { text-align: right; font-weight: 500; font-size: 13px; padding: 4px 10px; white-space: nowrap }
td { text-align: right; padding: 7px 10px; border-top: 1px solid var(--line); white-space: nowrap }
th:first-child, td:first-child { text-align: left } code { font-size: 12px; color: var(--soft) }
.row { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 12px;
  margin-bottom: 18px } figure { margin: 0 }
.row img { width: 100%; display: block; border-radius: 8px; image-rendering: auto }
figcaption { font-size: 13px; padding-top: 5px } figcaption b { color: var(--ink) }
.key { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin: 0 6px 0 14px;
  vertical-align: -1px }
@media (max-width: 760px) { .row { grid-template-columns: repeat(2, minmax(0, 1fr)) } }
"""


def write_report(
    path: Path, result: SimulationResult, pictures: Sequence[Picture] = (), *, title: str = ""
) -> Path:
    """Write the report of `result` to the HTML file `path`, whole or not at all.

    Parameters
    ----------
    path : Path
        The file; replaced when it exists.
    result : SimulationResult
        What the simulation found.
    pictures : sequence of Picture
        Before and after.
    title : str
        Heading; by default the name of the data set.

    Raises
    ------
    DiskError
        If it cannot be written.
    """
    write_atomic(path, report_html(result, pictures, title=title).encode())
    return path


def report_html(
    result: SimulationResult, pictures: Sequence[Picture] = (), *, title: str = ""
) -> str:
    """Return the report as HTML; curves are inline SVG, pictures inline PNG."""
    heading = html.escape(title or f"The loop on {result.dataset}")
    parts = [
        f"<h1>{heading}</h1>",
        f"<p class='soft'>{_setting(result)}</p>",
        _figures(result),
        "<h2>Learning curve</h2>",
        f"<div class='card curves'>{_curves(result)}</div>",
        f"<p class='soft' style='margin-top:10px'>{_EXPLAINED}</p>",
    ]
    if pictures:
        parts += ["<h2>Before and after</h2>", _legend(result), *map(_row, pictures)]
    parts += ["<h2>Rounds</h2>", _table(result)]
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{heading}</title><style>{_STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


_EXPLAINED = (
    "Dice is measured on test images that no round trained or validated on, pooled over all their "
    "pixels. Minutes are those of a person under the time model of napari_phenoai.core.timing; "
    "the time that the computer trains is not in them."
)


def _setting(result: SimulationResult) -> str:
    """Say in two sentences what was done."""
    corrects = "corrects proposed masks" if result.protocol == "corrective" else "paints every mask"
    return (
        f"A simulated person {corrects}, {result.tile} px tiles chosen by {result.strategy}, seed "
        f"{result.seed}; models: {result.model}, trained from scratch. {result.train_images} "
        f"images to learn from, {result.test_images} to test on, scale {result.scale:g}."
    )


def _figures(result: SimulationResult) -> str:
    last = result.rounds[-1]
    shown = [
        (_number(last.dice), "Dice on test images"),
        (str(last.tiles), "tiles reviewed"),
        (f"{last.minutes:.1f} min", "work of a person"),
        (f"{sum(item.train_seconds for item in result.rounds) / 60:.1f} min", "training"),
    ]
    if result.full_label_dice is not None:
        shown.insert(1, (_number(result.full_label_dice), "Dice with all labels"))
    cells = "".join(f"<div><b>{value}</b><span>{what}</span></div>" for value, what in shown)
    return f"<div class='figures'>{cells}</div>"


def _curves(result: SimulationResult) -> str:
    """Draw Dice against tiles and against minutes, as SVG."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    options: Any = {"svg.hashsalt": "phenoai", "svg.fonttype": "none", "font.size": 11}
    with mpl.rc_context(options):
        figure = Figure(figsize=(11, 3.9), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, sharey=True)
        _draw(left, result, [item.tiles for item in result.rounds], "tiles reviewed")
        _draw(right, result, [item.minutes for item in result.rounds], "minutes of work")
        left.set_ylabel("Dice on test images")
        left.legend(frameon=False, loc="lower right")
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    return text[text.index("<svg") :]


def _draw(axes: Axes, result: SimulationResult, at: Sequence[float], label: str) -> None:
    from matplotlib.ticker import MaxNLocator

    names = list(result.rounds[0].dice_per_class)
    if len(names) > 1:
        for number, name in enumerate(names):
            values = [_plottable(item.dice_per_class[name]) for item in result.rounds]
            colour = _CLASS_COLOURS[number % len(_CLASS_COLOURS)]
            axes.plot(at, values, "o-", color=colour, lw=1.5, ms=4, label=name)
    values = [_plottable(item.dice) for item in result.rounds]
    axes.plot(at, values, "o-", color=_BLUE, lw=2.5, ms=7, label="mean" if names[1:] else names[0])
    if result.full_label_dice is not None:
        axes.axhline(result.full_label_dice, color=_GREY, ls="--", lw=1.2, label="all labels")
    axes.set_xlabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_xlim(left=0)
    axes.set_ylim(*_range(result))
    axes.grid(color="#e6e9e6", lw=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _range(result: SimulationResult) -> tuple[float, float]:
    """Return limits of the axis that show the curve well and start at a tenth."""
    known = [value for item in result.rounds for value in item.dice_per_class.values() if value]
    return max(0.0, int(10 * min(known, default=0) - 0.5) / 10), 1.0


def _plottable(value: float | None) -> float:
    return float("nan") if value is None else value


def _legend(result: SimulationResult) -> str:
    from napari_phenoai.core.scheme import ClassScheme

    keys = "".join(
        f"<span class='key' style='background:{item.colour}'></span>{html.escape(item.name)}"
        for item in ClassScheme.of(result.class_names).foreground
    )
    return f"<p class='soft'>Test images, as the models of the rounds see them.{keys}</p>"


def _row(picture: Picture) -> str:
    cells = [
        (picture.image, f"<b>{html.escape(picture.name)}</b>"),
        (picture.first, f"<b>after round 1</b> · Dice {_number(picture.dice_first)}"),
        (picture.last, f"<b>after the last round</b> · Dice {_number(picture.dice_last)}"),
        (picture.truth, "<b>ground truth</b>"),
    ]
    return f"<div class='row'>{''.join(_cell(pixels, text) for pixels, text in cells)}</div>"


def _cell(pixels: NDArray[np.uint8], text: str) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    data = base64.b64encode(file.getvalue()).decode("ascii")
    image = f"<img alt='' src='data:image/png;base64,{data}'>"
    return f"<figure>{image}<figcaption>{text}</figcaption></figure>"


def _table(result: SimulationResult) -> str:
    names = list(result.rounds[0].dice_per_class)
    classes = names if len(names) > 1 else []
    heads = ["round", "tiles", "minutes", "painted px", "Dice", "IoU", *classes]
    heads += ["held-out Dice", "training", "model that serves"]
    head = "".join(f"<th>{html.escape(name)}</th>" for name in heads)
    rows = "".join(_line(item, classes) for item in result.rounds)
    return f"<div class='card'><table><tr>{head}</tr>{rows}</table></div>"


def _line(item: SimulatedRound, classes: Sequence[str]) -> str:
    cells = [
        str(item.round),
        str(item.tiles),
        f"{item.minutes:.1f}",
        f"{item.annotated_px:,}".replace(",", " "),
        f"<b>{_number(item.dice)}</b>",
        _number(item.iou),
        *(_number(item.dice_per_class[name]) for name in classes),
        _number(item.heldout_dice),
        f"{item.train_seconds:.0f} s",
        f"<code>{html.escape(item.served_model)}</code>",
    ]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
