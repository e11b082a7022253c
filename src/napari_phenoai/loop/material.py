"""The material of a simulation: training and test images with their truth, at one scale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import Progress
from napari_phenoai.errors import InputError
from napari_phenoai.io.images import open_image
from napari_phenoai.io.pairs import (
    Coding,
    Pair,
    PairedFolder,
    class_coding,
    paired_folder,
    read_mask,
    read_values,
)
from napari_phenoai.loop.cutting import Part, halves, whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.ports import ImageSource
    from napari_phenoai.core.progress import Work

__all__ = ["TEST_SHARE", "Item", "Material", "prepare", "split_pairs"]

TEST_SHARE = 0.25
"""Share of the groups, or images, that test where nothing says which do."""


@dataclass(frozen=True)
class Item:
    """One image as the simulation uses it.

    ``truths`` are the class values of its planes, one PNG each; ``shape`` is rows and
    columns; ``objects`` are the ids of objects of its planes, one TIFF each, where the
    truth has them.
    """

    image: Path
    truths: tuple[Path, ...]
    group: str | None
    shape: tuple[int, int]
    objects: tuple[Path, ...] = ()

    def read_objects(self, plane: int = 0) -> NDArray[np.uint32]:
        """Return the true objects of a plane, 0 where there is none."""
        import tifffile

        return np.asarray(tifffile.imread(self.objects[plane]), np.uint32)

    def read_truth(self, plane: int = 0) -> NDArray[np.uint8]:
        """Return the true classes 1..K of a plane, 0 where unknown."""
        from PIL import Image

        with Image.open(self.truths[plane]) as image:
            return np.asarray(image)


@dataclass(frozen=True)
class Material:
    """Images to train on, images to test on, and the names of the classes."""

    name: str
    class_names: tuple[str, ...]
    train: tuple[Item, ...]
    test: tuple[Item, ...]
    pixel_um: float | None


def prepare(
    images: Path,
    masks: Path,
    workdir: Path,
    *,
    test: tuple[Path, Path] | None = None,
    classes: Sequence[str] | None = None,
    scale: float = 1.0,
    binarise: bool = False,
    seed: int = 0,
    instances: bool = False,
) -> Work[Material]:
    """Check all pairs, bring them to `scale` and split them.

    Parameters
    ----------
    images, masks : Path
        Folders with pairs, see `napari_phenoai.io.pairs`.
    workdir : Path
        Where truths and scaled images are written.
    test : tuple of Path, optional
        Folders with images and masks to test on. Without them, the pairs that
        ``dataset.json`` gives to another split than ``train``, and without such,
        a quarter of the groups or images, drawn by `seed`. An only image is cut in
        two, see `napari_phenoai.loop.cutting`.
    classes : sequence of str, optional
        Names of the classes, the background first.
    scale : float
        Factor for the edge lengths.
    binarise : bool
        Whether all mask values above 0 are one class.
    seed : int
        For the split.
    instances : bool
        Whether mask values above 0 are objects of one class.

    Raises
    ------
    InputError, LabelError, ImageError
        Naming the file that does not fit, and the remedy.
    """
    if not 0.01 <= scale <= 4:
        raise InputError(f"A scale of {scale} is impossible.", hint="Use 0.01 to 4, as in 0.5.")
    folder = paired_folder(images, masks)
    coding = class_coding(folder, classes, binary=binarise or instances)
    jobs = _shared_out(folder, test, seed)
    items: dict[str, list[Item]] = {"train": [], "test": []}
    for number, job in enumerate(jobs):
        item = _prepared(job, coding, workdir / job.role, scale)
        if instances:
            item = replace(item, objects=_write_objects(job, item))
        items[job.role].append(item)
        yield Progress(number + 1, len(jobs), f"reading {job.pair.image.name}")
    pixel_um = None if folder.pixel_um is None else folder.pixel_um / scale
    return Material(
        folder.name, coding.names, tuple(items["train"]), tuple(items["test"]), pixel_um
    )


@dataclass(frozen=True)
class _Job:
    """A pair, what it is for, and which part of it; None for all."""

    pair: Pair
    role: str
    part: Part | None = None


def _shared_out(folder: PairedFolder, test: tuple[Path, Path] | None, seed: int) -> list[_Job]:
    if test is not None:
        train, other = folder.pairs, paired_folder(*test).pairs
    elif len(folder.pairs) == 1:
        (pair,) = folder.pairs
        planes, _, rows, columns = open_image(pair.image).shape
        parts = halves((planes, rows, columns), TEST_SHARE, seed, pair.image)
        return [_Job(pair, role, part) for role, part in zip(("train", "test"), parts, strict=True)]
    else:
        train, other = split_pairs(folder, seed)
    return [_Job(pair, "train") for pair in train] + [_Job(pair, "test") for pair in other]


def split_pairs(folder: PairedFolder, seed: int) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Return the pairs to train on and those to test on; no group is on both sides.

    Raises
    ------
    InputError
        If there are fewer than two groups to share out.
    """
    marked = [pair.split in ("train", "training") for pair in folder.pairs]
    if any(marked) and not all(marked):
        keep = dict(zip(folder.pairs, marked, strict=True))
    else:
        groups = sorted({_group(pair) for pair in folder.pairs})
        if len(groups) < 2:
            what = f"{folder.pairs[0].image.parent} has only one group of images."
            raise InputError(what, hint="Give test images and masks of their own.")
        order = np.random.default_rng(seed).permutation(len(groups))
        count = max(1, round(TEST_SHARE * len(groups)))
        held = {groups[index] for index in order[:count]}
        keep = {pair: _group(pair) not in held for pair in folder.pairs}
    train = tuple(pair for pair in folder.pairs if keep[pair])
    return train, tuple(pair for pair in folder.pairs if not keep[pair])


def _group(pair: Pair) -> str:
    return pair.image.stem if pair.group is None else f"group {pair.group}"


def _prepared(job: _Job, coding: Coding, folder: Path, scale: float) -> Item:
    source = open_image(job.pair.image)
    planes, _, rows, columns = source.shape
    part = job.part or whole((planes, rows, columns))
    truth = read_mask(job.pair.mask, coding, (rows, columns), planes)
    truth = truth[tuple(slice(*span) for span in (part.planes, part.rows, part.columns))]
    shape = part.shape[1:]
    image, stem = job.pair.image, job.pair.image.stem
    folder.mkdir(parents=True, exist_ok=True)
    if scale != 1:
        shape = max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))
        truth = np.stack([_scaled_truth(plane, shape) for plane in truth])
    if scale != 1 or job.part is not None:
        image = folder / f"{stem}.tif"
        _write(image, (_pixels(source, part, z, shape) for z in range(*part.planes)), len(truth))
    return Item(image, _write_truths(folder, stem, truth), job.pair.group, shape)


def _write_truths(folder: Path, stem: str, truth: NDArray[np.uint8]) -> tuple[Path, ...]:
    from PIL import Image

    planes = [""] if len(truth) == 1 else [f".z{z:04}" for z in range(len(truth))]
    paths = tuple(folder / f"{stem}{plane}.truth.png" for plane in planes)
    for path, plane in zip(paths, truth, strict=True):
        Image.fromarray(plane).save(path)
    return paths


def _write_objects(job: _Job, item: Item) -> tuple[Path, ...]:
    """Write the ids of a mask beside its classes, at the same scale."""
    import tifffile

    values = read_values(job.pair.mask, stack=True)
    values = values.reshape(-1, *values.shape[-2:])
    part = job.part or whole(values.shape)
    values = values[tuple(slice(*span) for span in (part.planes, part.rows, part.columns))]
    rows, columns = (
        np.minimum(((np.arange(new) + 0.5) * old / new).astype(int), old - 1)
        for new, old in zip(item.shape, values.shape[1:], strict=True)
    )
    paths = tuple(path.with_suffix(".objects.tif") for path in item.truths)
    for path, plane, truth in zip(paths, values, range(len(values)), strict=True):
        front = item.read_truth(truth) > 1
        ids = np.where(front, plane[np.ix_(rows, columns)], 0)
        tifffile.imwrite(path, ids.astype(np.uint32), compression="zlib")
    return paths


def _pixels(source: ImageSource, part: Part, z: int, shape: tuple[int, int]) -> NDArray[Any]:
    """Return a plane of `part` brought to `shape`, ``(c, y, x)`` with the dtype of the image."""
    (y, y1), (x, x1) = part.rows, part.columns
    pixels = source.read(Tile("", y, x, y1 - y, x1 - x, z))
    if pixels.shape[1:] == shape:
        return pixels
    scaled = np.stack([_resized(plane, shape) for plane in pixels])
    if pixels.dtype.kind in "ui":
        scaled = np.rint(scaled)
    return np.asarray(scaled.astype(pixels.dtype))


def _write(path: Path, planes: Iterable[NDArray[Any]], count: int) -> None:
    """Write planes ``(c, y, x)`` as a TIFF; a stack with its axes named."""
    import tifffile

    pixels = np.stack(list(planes)) if count > 1 else next(iter(planes))
    colour = pixels.shape[-3] == 3 and pixels.dtype == np.uint8
    if count > 1:
        tifffile.imwrite(
            path, pixels, ome=True, metadata={"axes": "ZCYX"}, photometric="minisblack",
            tile=(256, 256), compression="zlib",
        )  # fmt: skip
    else:
        tifffile.imwrite(
            path, pixels, photometric="rgb" if colour else "minisblack", planarconfig="separate",
            tile=(256, 256), compression="zlib", metadata=None,
        )  # fmt: skip


def _scaled_truth(truth: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the class with the largest share of each new pixel."""
    values = np.unique(truth)
    shares = [_resized(truth == value, shape) for value in values]
    return np.asarray(values[np.argmax(shares, axis=0)], np.uint8)


def _resized(plane: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return `plane` with `shape`: means of areas when smaller, interpolated when larger."""
    from PIL import Image

    smaller = shape[0] <= plane.shape[0]
    method = Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(plane.astype(np.float32)).resize(shape[::-1], method))
