"""Slices of a stack: what lies between an object in one plane and the same one in another."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_phenoai.core.context import grown
from napari_phenoai.core.editing import Canvas, Stamp, interpolated, use
from napari_phenoai.core.edits import one_step
from napari_phenoai.core.geometry import Tile
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from napari_phenoai.core.edits import Edit
    from napari_phenoai.io.project import Project

__all__ = ["filled_between"]

_FIRST_PX, _MOST_PX = 256, 4096


def filled_between(
    project: Project,
    image: str,
    first: tuple[int, int, int],
    last: tuple[int, int, int],
    *,
    locked: frozenset[int] = frozenset(),
    author: str = "",
) -> Edit | None:
    """Return what fills the planes between two planes in which an object is labelled.

    Nothing is written. It has the value that the object has in the plane that was named
    first: its class, or in a project of objects its id.

    Parameters
    ----------
    project : Project
        Open.
    image : str
        Id of a stack.
    first, last : tuple of int
        Plane, row and column of a pixel of the object; in either order of the planes.
    locked : frozenset of int
        Label values whose pixels stay as they are.
    author : str
        Whom the edit names.

    Returns
    -------
    Edit or None
        All planes in one, which is one step of undo; its tool is ``slices``. None where
        nothing changes.

    Raises
    ------
    InputError
        If there is no object at one of the places, no plane between the two, or if the
        object is larger than 4096 px.
    """
    low, high = sorted((first, last))
    plane, read = project.image(image).plane, partial(_read, project, locked)
    half = _FIRST_PX
    while True:
        above, below = (
            read(grown(Tile(image, y, x, 1, 1, z), half, plane)) for z, y, x in (low, high)
        )
        stamps, cut = interpolated(above, low[1:], below, high[1:])
        if not cut:
            break
        half *= 2
        if half > _MOST_PX:
            what = f"The object is larger than {_MOST_PX} px."
            raise InputError(what, hint="Paint the planes between by hand.")
    value = _value(above if first == low else below, first)
    made = []
    for z, stamp in enumerate(stamps, start=low[0] + 1):
        mark = stamp.mark
        height, width = mark.mask.shape
        tile = Tile(image, mark.y, mark.x, height, width, z).clipped(plane)
        made.append(use(Stamp(mark, value), read(tile)).edit(author))
    return one_step([edit for edit in made if edit is not None], tool="slices")


def _read(project: Project, locked: frozenset[int], tile: Tile) -> Canvas:
    return Canvas(
        tile,
        project.image(tile.image).plane,
        project.labels(tile.image).values(tile),
        objects=project.spec.has_objects,
        background=project.scheme.background,
        locked=locked,
        scope=tile,
    )


def _value(canvas: Canvas, place: tuple[int, int, int]) -> int:
    at = canvas.place(*place[1:])
    return 0 if at is None else int(canvas.labels[at])
