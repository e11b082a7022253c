"""Splits: which pixels may teach and which are held out to measure, for good.

A *plot* is a piece of the project that gets one role as a whole: a group of images,
one image, or a block of an image. Blocks of one image have a gap between them. So
held-out tiles never have neighbouring pixels that a training saw.

Roles are drawn by chance from a seed, not by what a model says, so the held-out
tiles are a fair picture of the data. A plot that has been used in a role keeps it
for ever; a plot that nobody has used yet may change when images are added.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_phenoai.core.blocks import blocks, reached
from napari_phenoai.core.geometry import Tile, gap_px

if TYPE_CHECKING:
    from napari_phenoai.core.records import ImageRecord, Role

__all__ = ["GAP_PX", "Mode", "Plot", "Split", "make_split"]

Mode = Literal["auto", "image", "group", "block"]

GAP_PX = 64
"""Pixels between two blocks of one image; more than the margin that a training reads."""

_ENOUGH = 3
"""Number of images, or of groups, from which they are kept apart as a whole."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A rectangle of one image, in all its planes, that has one role.

    ``key`` names what is kept apart: ``group:...``, ``image:...`` or ``block:...``.
    """

    key: str
    area: Tile
    planes: int
    role: Role

    def starts(self, tile_px: int) -> tuple[list[int], list[int]]:
        """Return the rows and the columns at which tiles begin, evenly spread.

        A block of an image gets only as many as fit without overlap.
        """
        whole = not self.key.startswith("block:")
        return (
            _starts(self.area.y, self.area.height, tile_px, cover=whole),
            _starts(self.area.x, self.area.width, tile_px, cover=whole),
        )


@dataclass(frozen=True)
class Split:
    """All plots of a project with their roles.

    Parameters
    ----------
    plots : tuple of Plot
        Of all images, in order.
    used : mapping of Tile to Role
        Tiles that have been shown or decided, and what for.
    gap_px : int
        Least distance between tiles of different roles in one image.
    """

    plots: tuple[Plot, ...]
    used: Mapping[Tile, Role]
    gap_px: int = GAP_PX

    def count(self, role: Role, tile_px: int) -> int:
        """Return how many tiles of `tile_px` the plots of `role` offer."""
        return sum(_count(plot, tile_px) for plot in self.plots if plot.role == role)

    def tiles(self, role: Role, tile_px: int) -> Iterator[Tile]:
        """Yield all tiles that the plots of `role` offer."""
        for plot in self.plots:
            if plot.role == role:
                for index in range(_count(plot, tile_px)):
                    yield _tile(plot, index, tile_px)

    def sample(self, role: Role, tile_px: int, count: int, rng: np.random.Generator) -> list[Tile]:
        """Return up to `count` different tiles of `role`, drawn evenly, in chance order.

        Only these are made, however large the images are.
        """
        plots = [plot for plot in self.plots if plot.role == role]
        ends = np.cumsum([_count(plot, tile_px) for plot in plots])
        total = int(ends[-1]) if plots else 0
        numbers = rng.choice(total, min(count, total), replace=False) if total else ()
        found = []
        for number in numbers:
            at = int(np.searchsorted(ends, number, side="right"))
            first = int(ends[at - 1]) if at else 0
            found.append(_tile(plots[at], int(number) - first, tile_px))
        return found

    def role_of(self, tile: Tile) -> Role:
        """Return the role of any `tile`, also of one that the queue would not show.

        What it was used for counts first, then the nearest tile in use within the
        gap (held-out before train), then the plot; across plots, held-out wins.
        """
        if tile in self.used:
            return self.used[tile]
        near = {role for other, role in self._of_image(tile.image) if self._near(tile, other)}
        if not near:
            near = {plot.role for plot in self.plots if _touches(plot, tile)}
        return "heldout" if "heldout" in near else "train"

    def _of_image(self, image: str) -> list[tuple[Tile, Role]]:
        return self._by_image.get(image, [])

    def _near(self, one: Tile, other: Tile) -> bool:
        return _apart(one, other) < self.gap_px

    @cached_property
    def _by_image(self) -> dict[str, list[tuple[Tile, Role]]]:
        found: dict[str, list[tuple[Tile, Role]]] = defaultdict(list)
        for tile, role in self.used.items():
            found[tile.image].append((tile, role))
        return found


def make_split(
    images: Sequence[ImageRecord],
    used: Iterable[tuple[Tile, Role]],
    *,
    tile_px: int,
    share: float,
    seed: str,
    mode: Mode = "auto",
    gap_px: int = GAP_PX,
) -> Split:
    """Give every piece of the `images` its role.

    Parameters
    ----------
    images : sequence of ImageRecord
        All images of the project.
    used : iterable of (Tile, Role)
        What has been shown or decided in which role, oldest first; the first
        role of a tile counts.
    tile_px : int
        Edge of a tile of the queue, in pixels.
    share : float
        Part of the plots that is held out, at least one where there are two; 0
        holds nothing out.
    seed : str
        Text that fixes the chance, as the id of the project.
    mode : str
        ``auto`` keeps groups apart where there are three or more, else images
        where there are three or more, else blocks of each image. An image in
        which both roles have been used already is always cut into blocks.
    gap_px : int
        Pixels between blocks.

    Returns
    -------
    Split
        The same for the same arguments, whatever the order of the images.
    """
    first: dict[Tile, Role] = {}
    for tile, role in used:
        first.setdefault(tile, role)
    roles = _roles_by_image(first)
    mode = _settled(images, mode)
    whole: list[ImageRecord] = []
    cut: list[ImageRecord] = []
    for image in sorted(images, key=lambda item: item.id):
        mixed = len(roles.get(image.id, ())) > 1
        (cut if mode == "block" or mixed else whole).append(image)
    plots = _whole_plots(whole, roles, share, seed, group=mode == "group")
    plots += _cut_plots(cut, first, share, seed, tile_px=tile_px, gap=gap_px)
    return Split(tuple(plots), first, gap_px)


def _settled(images: Sequence[ImageRecord], mode: Mode) -> Mode:
    if mode != "auto":
        return mode
    if len({image.group for image in images if image.group}) >= _ENOUGH:
        return "group"
    return "image" if len(images) >= _ENOUGH else "block"


def _roles_by_image(used: Mapping[Tile, Role]) -> dict[str, set[Role]]:
    roles: dict[str, set[Role]] = defaultdict(set)
    for tile, role in used.items():
        roles[tile.image].add(role)
    return roles


def _whole_plots(
    images: Sequence[ImageRecord],
    roles: Mapping[str, set[Role]],
    share: float,
    seed: str,
    *,
    group: bool,
) -> list[Plot]:
    keys = {image.id: _key(image, group=group) for image in images}
    fixed: dict[str, Role] = {}
    for image in images:
        for role in roles.get(image.id, ()):
            if fixed.get(keys[image.id], role) != role:
                keys[image.id] = f"image:{image.id}"
            fixed[keys[image.id]] = role
    drawn = _drawn(set(keys.values()), fixed, share, seed)
    return [
        Plot(keys[image.id], _plane(image), image.shape[0], drawn[keys[image.id]])
        for image in images
    ]


def _cut_plots(
    images: Sequence[ImageRecord],
    used: Mapping[Tile, Role],
    share: float,
    seed: str,
    *,
    tile_px: int,
    gap: int,
) -> list[Plot]:
    areas = {image.id: dict(blocks(_plane(image), tile_px, gap)) for image in images}
    fixed: dict[str, Role] = {}
    for tile, role in used.items():
        for key in reached(areas.get(tile.image, {}), tile, gap):
            fixed[key] = "heldout" if "heldout" in (role, fixed.get(key)) else role
    keys = {key for parts in areas.values() for key in parts}
    drawn = _drawn(keys, fixed, share, seed)
    return [
        Plot(key, area, image.shape[0], drawn[key])
        for image in images
        for key, area in areas[image.id].items()
    ]


def _drawn(keys: set[str], fixed: Mapping[str, Role], share: float, seed: str) -> dict[str, Role]:
    """Draw the roles of the plots that have none, so that `share` of all are held out."""
    roles = {key: fixed[key] for key in keys if key in fixed}
    free = sorted(keys - roles.keys(), key=lambda key: _luck(seed, key))
    wanted = min(max(1, round(share * len(keys))), len(keys) - 1) if share > 0 else 0
    missing = max(0, wanted - sum(role == "heldout" for role in roles.values()))
    roles |= dict.fromkeys(free[:missing], "heldout")
    roles |= dict.fromkeys(free[missing:], "train")
    return roles


def _luck(seed: str, key: str) -> str:
    return hashlib.sha256(f"{seed}|{key}".encode()).hexdigest()


def _key(image: ImageRecord, *, group: bool) -> str:
    return f"group:{image.group}" if group and image.group else f"image:{image.id}"


def _plane(image: ImageRecord) -> Tile:
    return Tile(image.id, 0, 0, *image.plane)


def _starts(first: int, length: int, size: int, *, cover: bool) -> list[int]:
    if length <= size:
        return [first]
    count = -(-length // size) if cover else length // size
    if count == 1:
        return [first + (length - size) // 2]
    return [first + int(start) for start in np.linspace(0, length - size, count).round()]


def _count(plot: Plot, tile_px: int) -> int:
    rows, columns = plot.starts(tile_px)
    return plot.planes * len(rows) * len(columns)


def _tile(plot: Plot, index: int, tile_px: int) -> Tile:
    rows, columns = plot.starts(tile_px)
    plane, rest = divmod(index, len(rows) * len(columns))
    row, column = divmod(rest, len(columns))
    height, width = min(tile_px, plot.area.height), min(tile_px, plot.area.width)
    return Tile(plot.area.image, rows[row], columns[column], height, width, plane)


def _apart(one: Tile, other: Tile) -> float:
    """Return the distance of two rectangles of one image, whatever their planes."""
    return gap_px(Tile(one.image, one.y, one.x, *one.shape), other)


def _touches(plot: Plot, tile: Tile) -> bool:
    return tile.image == plot.area.image and _apart(tile, plot.area) < 0
