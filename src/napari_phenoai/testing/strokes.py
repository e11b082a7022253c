"""A scripted painter: random strokes, undos and redos, the same for the same seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_phenoai.core.edits import Edit, edit_between
from napari_phenoai.core.geometry import Tile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Canvas", "Extent", "Step", "step_at"]

Extent = tuple[int, int] | tuple[int, int, int]
"""Rows and columns of an image; of a volume planes, rows and columns."""

_STEPS_ON_A_SLICE = 6


@dataclass(frozen=True, eq=False)
class Step:
    """One thing that the painter does.

    Parameters
    ----------
    kind : str
        ``paint``, ``undo`` or ``redo``.
    tile : Tile
        Box of the stroke; only looked at for ``paint``.
    mask : ndarray of bool, shape (height, width)
        Which of its pixels are painted.
    value : int
        With what; 0 is the eraser.
    """

    kind: Literal["paint", "undo", "redo"]
    tile: Tile
    mask: NDArray[np.bool_]
    value: int

    def edit(self, before: NDArray[np.uint8]) -> Edit | None:
        """Return the edit that paints the stroke over `before`; None when nothing changes."""
        after = np.where(self.mask, np.uint8(self.value), before)
        tool = "brush" if self.value else "eraser"
        return edit_between(self.tile, before, after, tool=tool, author="script")


def step_at(
    number: int,
    seed: int,
    images: Mapping[str, Extent],
    *,
    values: int = 2,
    radius: tuple[int, int] = (4, 60),
    reach: int = 500,
) -> Step:
    """Return the step of this number, without the ones before it.

    Parameters
    ----------
    number, seed : int
        Which step of which script.
    images : mapping of str to tuple of int
        Rows and columns of each image that is painted on. Of a volume, planes, rows and
        columns: it is painted slice by slice, a few steps on each.
    values : int
        Classes 1 to `values` are used.
    radius : (int, int)
        Smallest and largest radius of the brush, in pixels.
    reach : int
        Longest stroke along each axis, in pixels.
    """
    rng = np.random.default_rng([seed, number])
    kind: Literal["paint", "undo", "redo"] = "paint"
    if number and rng.random() < 0.3:
        kind = "redo" if rng.random() < 0.4 else "undo"
    image = sorted(images)[int(rng.integers(len(images)))]
    extent = images[image]
    shape = extent[-2:]
    z = 0 if len(extent) == 2 else number // _STEPS_ON_A_SLICE % extent[0]
    start = rng.integers(0, shape)
    end = np.clip(start + rng.integers(-reach, reach + 1, 2), 0, np.array(shape) - 1)
    size = int(rng.integers(radius[0], radius[1] + 1))
    tile, mask = _stroke(image, shape, start, end, size)
    return Step(kind, replace(tile, z=z), mask, int(rng.integers(0, values + 1)))


def _stroke(
    image: str, shape: tuple[int, int], start: NDArray[np.int64], end: NDArray[np.int64], size: int
) -> tuple[Tile, NDArray[np.bool_]]:
    y, x = (int(value) for value in np.minimum(start, end) - size)
    y1, x1 = (int(value) for value in np.maximum(start, end) + size + 1)
    tile = Tile(image, y, x, y1 - y, x1 - x).clipped(shape)
    rows, columns = np.ogrid[tile.y : tile.y1, tile.x : tile.x1]
    along = (end - start).astype(float)
    length = max(float(along @ along), 1.0)
    place = ((rows - start[0]) * along[0] + (columns - start[1]) * along[1]) / length
    place = np.clip(place, 0, 1)
    far_y, far_x = rows - start[0] - place * along[0], columns - start[1] - place * along[1]
    return tile, far_y**2 + far_x**2 <= size**2


class Canvas:
    """What the labels must look like, kept in memory by plain means.

    Parameters
    ----------
    images : mapping of str to tuple of int
        Rows and columns of each image, of a volume planes, rows and columns.
    """

    def __init__(self, images: Mapping[str, Extent]) -> None:
        self.planes = {image: np.zeros(shape, np.uint8) for image, shape in images.items()}
        self.made = 0
        self._done: list[Edit] = []
        self._undone: list[Edit] = []

    @property
    def position(self) -> tuple[int, int]:
        """How many edits were made, and how many of them are done."""
        return self.made, len(self._done)

    def touched_by(self, step: Step) -> Tile | None:
        """Return where the step would change something; None for nowhere."""
        if step.kind == "paint":
            return step.tile
        stack = self._done if step.kind == "undo" else self._undone
        return stack[-1].tile if stack else None

    def take(self, step: Step) -> None:
        """Do what the step says."""
        if step.kind == "undo":
            self._turn(self._done, self._undone, back=True)
        elif step.kind == "redo":
            self._turn(self._undone, self._done, back=False)
        else:
            self._paint(step)

    def plane(self, tile: Tile) -> NDArray[np.uint8]:
        """Return the plane in which a tile lies; to be changed in place."""
        pixels = self.planes[tile.image]
        return pixels if pixels.ndim == 2 else pixels[tile.z]

    def _paint(self, step: Step) -> None:
        plane = self.plane(step.tile)
        edit = step.edit(plane[step.tile.slices].copy())
        if edit is None:
            return
        plane[edit.tile.slices] = edit.after
        self.made += 1
        self._done.append(edit)
        self._undone.clear()

    def _turn(self, source: list[Edit], target: list[Edit], *, back: bool) -> None:
        if not source:
            return
        edit = source.pop()
        target.append(edit)
        self.plane(edit.tile)[edit.tile.slices] = edit.before if back else edit.after
