"""What the kill harness finds when it opens a project whose writer was killed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.io.files import PARTIAL
from napari_phenoai.io.ome import mode_2x2
from napari_phenoai.io.project import Project

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_phenoai.io.labels import LabelStore
    from napari_phenoai.testing.strokes import Canvas, Step

__all__ = ["KillReport", "compare"]


@dataclass
class KillReport:
    """What became of many killed writers.

    Parameters
    ----------
    kills : int
        How many.
    steps : int
        Strokes, undos and redos that they had acknowledged.
    kept : int
        How often the unfinished step was completed when the project was opened.
    lost : list of str
        What was acknowledged and is not there, or there and never painted.
    corrupt, levels, strays : int
        Chunk files that cannot be read; images whose lower levels are wrong; files
        that were left half written.
    reopened : list of float
        Seconds to open each project and read the labels of the tile.
    refused : int
        How often a full disk was told, with a remedy.
    went_on : int
        How often the work went on when there was room.
    """

    kills: int = 0
    steps: int = 0
    kept: int = 0
    lost: list[str] = field(default_factory=list)
    corrupt: int = 0
    levels: int = 0
    strays: int = 0
    reopened: list[float] = field(default_factory=list)
    refused: int = 0
    went_on: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing was lost or damaged."""
        return not (self.lost or self.corrupt or self.levels or self.strays)

    def hear(self, complaint: dict[str, object]) -> None:
        """Take note of what a writer said of the full disk."""
        if "full" in str(complaint.get("what")) and complaint.get("hint"):
            self.refused += 1
        else:
            self.lost.append(f"a full disk was told as {complaint}")

    def table(self) -> str:
        """Return the report as lines for people."""
        times = np.array(self.reopened or [0.0]) * 1000
        rows = [
            ("kills", self.kills),
            ("steps acknowledged", self.steps),
            ("unfinished steps completed at opening", self.kept),
            ("acknowledged steps lost", len(self.lost)),
            ("corrupt chunks", self.corrupt),
            ("images with wrong lower levels", self.levels),
            ("half-written files left", self.strays),
            ("reopening, median ms", f"{np.median(times):.0f}"),
            ("reopening, longest ms", f"{times.max():.0f}"),
            ("full disks told", self.refused),
            ("work went on afterwards", self.went_on),
        ]
        lines = [f"{name:<40}{value:>10}" for name, value in rows]
        return "\n".join([*lines, *self.lost])


def compare(
    report: KillReport, folder: Path, canvas: Canvas, step: Step, *, full: bool = False
) -> bool:
    """Open a project and compare its labels with the model.

    Parameters
    ----------
    report : KillReport
        Gets what is found.
    folder : Path
        The project.
    canvas : Canvas
        All that was acknowledged; takes the unfinished step if that was completed.
    step : Step
        What was being done when the writer was killed.
    full : bool
        The disk is full: edits cannot be completed, so the unfinished one may be half
        there, and lower levels are left out.

    Returns
    -------
    bool
        Whether the unfinished step was completed.
    """
    start = time.perf_counter()
    with Project.open(folder) as project:
        project.labels(step.tile.image).read(step.tile)
        report.reopened.append(time.perf_counter() - start)
        stores = {image: project.labels(image) for image in canvas.planes}
        if full:
            _compare_around(report, canvas, stores, step)
            return False
        made, done = project.journal.count(), -project.journal.steps_to(0)
        kept = (made, done) != canvas.position
        if kept:
            canvas.take(step)
            report.kept += 1
        if (made, done) != canvas.position:
            report.lost.append(f"{made} edits, {done} done, not {canvas.position}")
        for image, plane in canvas.planes.items():
            if not np.array_equal(np.asarray(stores[image].levels[0]), plane):
                report.lost.append(f"pixels of {image} after {made} edits")
            _inspect(report, stores[image])
    report.strays += len(list(folder.rglob(f"*{PARTIAL}")))
    return kept


def _compare_around(
    report: KillReport, canvas: Canvas, stores: dict[str, LabelStore], step: Step
) -> None:
    touched = canvas.touched_by(step)
    for image, plane in canvas.planes.items():
        wrong = np.asarray(stores[image].levels[0]) != plane
        if touched is not None and touched.image == image:
            part = wrong if wrong.ndim == 2 else wrong[touched.z]
            part[touched.slices] = False
        if wrong.any():
            report.lost.append(f"pixels of {image} on a full disk")


def _inspect(report: KillReport, store: LabelStore) -> None:
    report.corrupt += len(list(store.damaged()))
    store.flush_levels()
    wanted = _planes(np.asarray(store.levels[0]))
    for level in store.levels:
        if not np.array_equal(_planes(np.asarray(level)), wanted):
            report.levels += 1
            return
        wanted = np.stack([_halved(plane) for plane in wanted])


def _planes(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image as a volume of one plane, a volume as it is."""
    return pixels if pixels.ndim == 3 else pixels[np.newaxis]


def _halved(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    odd = [(0, extent % 2) for extent in plane.shape]
    halved: NDArray[np.uint8] = mode_2x2(np.pad(plane, odd, mode="edge"))
    return halved
