"""The material of a simulation: training and test images with their truth, at one scale."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import Progress
from napari_phenoai.errors import ImageError, InputError
from napari_phenoai.io.images import open_image
from napari_phenoai.io.pairs import (
    Coding,
    Pair,
    PairedFolder,
    class_coding,
    paired_folder,
    read_mask,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.progress import Work

__all__ = ["TEST_SHARE", "Item", "Material", "prepare", "split_pairs"]

TEST_SHARE = 0.25
"""Share of the groups, or images, that test where nothing says which do."""


@dataclass(frozen=True)
class Item:
    """One image as the simulation uses it, its truth (class values as a PNG), rows and columns."""

    image: Path
    truth: Path
    group: str | None
    shape: tuple[int, int]

    def read_truth(self) -> NDArray[np.uint8]:
        """Return the true classes 1..K, 0 where unknown."""
        from PIL import Image

        with Image.open(self.truth) as image:
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
        a quarter of the groups or images, drawn by `seed`.
    classes : sequence of str, optional
        Names of the classes, the background first.
    scale : float
        Factor for the edge lengths.
    binarise : bool
        Whether all mask values above 0 are one class.
    seed : int
        For the split.

    Raises
    ------
    InputError, LabelError, ImageError
        Naming the file that does not fit, and the remedy.
    """
    if not 0.01 <= scale <= 4:
        raise InputError(f"A scale of {scale} is impossible.", hint="Use 0.01 to 4, as in 0.5.")
    folder = paired_folder(images, masks)
    coding = class_coding(folder, classes, binary=binarise)
    if test is None:
        train, other = split_pairs(folder, seed)
    else:
        train, other = folder.pairs, paired_folder(*test).pairs
    items: list[Item] = []
    for number, pair in enumerate((*train, *other)):
        role = "train" if number < len(train) else "test"
        items.append(_prepared(pair, coding, workdir / role, scale))
        yield Progress(number + 1, len(train) + len(other), f"reading {pair.image.name}")
    pixel_um = None if folder.pixel_um is None else folder.pixel_um / scale
    count = len(train)
    return Material(folder.name, coding.names, tuple(items[:count]), tuple(items[count:]), pixel_um)


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
            what = f"{folder.pairs[0].image.parent} has only one image or group."
            raise InputError(what, hint="Give test images and masks of their own.")
        order = np.random.default_rng(seed).permutation(len(groups))
        count = max(1, round(TEST_SHARE * len(groups)))
        held = {groups[index] for index in order[:count]}
        keep = {pair: _group(pair) not in held for pair in folder.pairs}
    train = tuple(pair for pair in folder.pairs if keep[pair])
    return train, tuple(pair for pair in folder.pairs if not keep[pair])


def _group(pair: Pair) -> str:
    return pair.image.stem if pair.group is None else f"group {pair.group}"


def _prepared(pair: Pair, coding: Coding, folder: Path, scale: float) -> Item:
    from PIL import Image

    source = open_image(pair.image)
    planes, _, rows, columns = source.shape
    if planes != 1:
        what = f"{pair.image} has {planes} planes."
        raise ImageError(what, hint="A simulation takes flat images; save the planes apart.")
    truth = read_mask(pair.mask, coding, (rows, columns))
    image = pair.image
    folder.mkdir(parents=True, exist_ok=True)
    if scale != 1:
        shape = max(1, round(rows * scale)), max(1, round(columns * scale))
        pixels = source.read(Tile("", 0, 0, rows, columns))
        image = _write_scaled(folder / f"{pair.image.stem}.tif", pixels, shape)
        truth = _scaled_truth(truth, shape)
    path = folder / f"{pair.image.stem}.truth.png"
    Image.fromarray(truth).save(path)
    return Item(image, path, pair.group, truth.shape[:2])


def _write_scaled(path: Path, pixels: NDArray[Any], shape: tuple[int, int]) -> Path:
    import tifffile

    scaled = np.stack([_resized(plane, shape) for plane in pixels])
    if pixels.dtype.kind in "ui":
        scaled = np.rint(scaled)
    kind = "rgb" if len(scaled) == 3 and pixels.dtype == np.uint8 else "minisblack"
    tifffile.imwrite(
        path, scaled.astype(pixels.dtype), photometric=kind, planarconfig="separate",
        tile=(256, 256), compression="zlib", metadata=None,
    )  # fmt: skip
    return path


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
