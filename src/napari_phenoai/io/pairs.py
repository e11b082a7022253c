"""Images with ground truth: a folder of images, a folder of masks, perhaps a ``dataset.json``.

Masks have the names of their images (another ending is fine, and so is ``_mask``,
``_label`` or ``_seg`` behind the name) and hold one whole number per pixel: 0, 1, ...
for the classes in order, or 0 and 255 for two classes. Where there are more classes,
255 means unknown. A ``dataset.json`` beside the two folders may name the classes
(``classes: [{"id": 0, "name": "soil"}, ...]``), the pixel size (``pixel_um``) and per
item ``image``, ``split`` and ``group``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.errors import ImageError, InputError, LabelError
from napari_phenoai.io.images import image_uris

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = [
    "Coding",
    "Pair",
    "PairedFolder",
    "class_coding",
    "paired_folder",
    "read_mask",
    "read_values",
]

_UNKNOWN = 255
_MOST_CLASSES = 20
_ENDINGS = ("", "_mask", "_masks", "_label", "_labels", "_seg")


@dataclass(frozen=True)
class Pair:
    """An image file with its mask; ``split`` and ``group`` from ``dataset.json``."""

    image: Path
    mask: Path
    split: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class PairedFolder:
    """All pairs of two folders, in the order of the image names.

    ``class_values`` maps mask value to class name, as ``dataset.json`` has it;
    None where it says nothing. ``instances`` tells that mask values are ids of objects.
    """

    name: str
    pairs: tuple[Pair, ...]
    class_values: Mapping[int, str] | None = None
    instances: bool = False
    pixel_um: float | None = None


@dataclass(frozen=True)
class Coding:
    """What mask values mean: `names` of the classes 1..K, and value -> class value.

    Values that `table` lacks are not allowed; with `binary`, all values above 0
    are the second class.
    """

    names: tuple[str, ...]
    table: Mapping[int, int]
    binary: bool = False


def paired_folder(images: Path, masks: Path) -> PairedFolder:
    """Find the mask of each image.

    Raises
    ------
    InputError
        If a folder is missing or empty, or an image has no mask.
    """
    for folder in (images, masks):
        if not folder.is_dir():
            raise InputError(f"There is no folder {folder}.", hint="Give a folder that exists.")
    files = [Path(uri) for uri in image_uris(images)]
    if not files:
        raise InputError(f"There are no images in {images}.", hint="Give a folder with images.")
    about = _about(images)
    items = {Path(str(item.get("image", ""))).stem: item for item in about.get("items", [])}
    known = {path.stem: path for path in sorted(masks.iterdir()) if path.is_file()}
    pairs = tuple(_pair(path, masks, known, items.get(path.stem, {})) for path in files)
    values, instances = _class_values(about)
    name = str(about.get("name") or images.resolve().parent.name)
    return PairedFolder(name, _grouped(pairs), values, instances, about.get("pixel_um"))


def class_coding(
    folder: PairedFolder, classes: Sequence[str] | None = None, *, binary: bool = False
) -> Coding:
    """Decide what the mask values of `folder` mean.

    Parameters
    ----------
    folder : PairedFolder
        Its masks are read if ``dataset.json`` does not name the values.
    classes : sequence of str, optional
        Names to use, the background first.
    binary : bool
        Whether all values above 0 are one class, as for masks with object ids.

    Raises
    ------
    InputError
        If the number of names differs from that of the classes.
    LabelError
        If the masks look like object ids and `binary` is not set.
    """
    if binary or folder.instances:
        names = classes or tuple((folder.class_values or {0: "background", 1: "object"}).values())
        return _checked(Coding(tuple(names), {}, binary=True), 2)
    if folder.class_values:
        values = sorted(folder.class_values)
        names = classes or [folder.class_values[value] for value in values]
        table = {value: index for index, value in enumerate(values, start=1)}
        return _checked(Coding(tuple(names), {_UNKNOWN: 0, **table}), len(values))
    found = _values(folder.pairs)
    if found <= {0, _UNKNOWN}:
        return _checked(Coding(tuple(classes or ("background", "object")), {0: 1, 255: 2}), 2)
    count = max(max(found - {_UNKNOWN}) + 1, len(classes or ()))
    if count > _MOST_CLASSES:
        what = f"The masks in {folder.pairs[0].mask.parent} have values up to {count - 1}."
        hint = "If these are ids of objects, use the option binarise; else number the classes 0 on."
        raise LabelError(what, hint=hint)
    names = classes or ["background", *(f"class {number}" for number in range(1, count))]
    table = {value: value + 1 for value in range(count)} | {_UNKNOWN: 0}
    return _checked(Coding(tuple(names), table), count)


def read_mask(
    path: Path, coding: Coding, shape: tuple[int, int], planes: int = 1
) -> NDArray[np.uint8]:
    """Read a mask as class values 1..K, 0 where unknown, shape (planes, y, x).

    Parameters
    ----------
    path : Path
        TIFF, PNG or another picture with one channel.
    coding : Coding
        What the values mean.
    shape : tuple of int
        Rows and columns of its image.
    planes : int
        Number of planes of its image.

    Raises
    ------
    LabelError
        If the size differs, or a value has no class.
    ImageError
        If it cannot be read.
    """
    values = read_values(path, stack=planes > 1)
    values = values.reshape(-1, *values.shape[-2:])
    if values.shape != (planes, *shape):
        own, other = (_size(size[size[0] == 1 :]) for size in (values.shape, (planes, *shape)))
        what = f"The mask {path} has {own} px, its image {other} px."
        raise LabelError(what, hint="Give each image a mask of its own size.")
    if coding.binary:
        return (1 + (values > 0)).astype(np.uint8)
    wrong = sorted(set(np.unique(values).tolist()) - set(coding.table))
    if wrong:
        listed = ", ".join(str(value) for value in wrong[:5])
        allowed = ", ".join(str(value) for value in sorted(coding.table))
        what = f"The mask {path} has values without a class: {listed}."
        raise LabelError(what, hint=f"Allowed are {allowed}.")
    table = np.zeros(256, np.uint8)
    for value, class_value in coding.table.items():
        table[value] = class_value
    return np.asarray(table[values.astype(np.uint8)])


def _pair(image: Path, masks: Path, known: Mapping[str, Path], item: Mapping[str, Any]) -> Pair:
    found = next((known[image.stem + end] for end in _ENDINGS if image.stem + end in known), None)
    if found is None:
        hint = f"Put {image.stem}.png or {image.stem}.tif there, or take the image out."
        raise InputError(f"The image {image} has no mask in {masks}.", hint=hint)
    group = item.get("group")
    return Pair(image, found, item.get("split"), None if group is None else str(group))


def _grouped(pairs: tuple[Pair, ...]) -> tuple[Pair, ...]:
    """Give pairs without a group that of their file name, where names show groups.

    The part before the first ``_`` counts as one when at least eight different ones
    occur and at least one of them more than once.
    """
    if any(pair.group is not None for pair in pairs):
        return pairs
    starts = [pair.image.stem.split("_")[0] for pair in pairs]
    if not 8 <= len(set(starts)) < len(pairs):
        return pairs
    return tuple(replace(pair, group=start) for pair, start in zip(pairs, starts, strict=True))


def _about(images: Path) -> dict[str, Any]:
    path = images.parent / "dataset.json"
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        hint = "Mend it, or move it away; it is not needed."
        raise InputError(f"{path} cannot be read: {error}.", hint=hint) from error
    return content if isinstance(content, dict) else {}


def _class_values(about: Mapping[str, Any]) -> tuple[dict[int, str] | None, bool]:
    """Return value -> name, and whether the values above 0 are ids of objects (``1..n``)."""
    classes = about.get("classes") or []
    if any(not isinstance(item.get("id"), int) for item in classes):
        return dict(enumerate(str(item["name"]) for item in classes[:2])), True
    return {int(item["id"]): str(item["name"]) for item in classes} or None, False


def _values(pairs: Iterable[Pair]) -> set[int]:
    found: set[int] = set()
    for pair in pairs:
        found.update(np.unique(read_values(pair.mask, stack=True)).tolist())
    return found


def read_values(path: Path, *, stack: bool = False) -> NDArray[np.integer[Any]]:
    """Return the whole numbers of a mask file, shape (y, x), or (z, y, x) for a stack.

    Parameters
    ----------
    path : Path
        TIFF, PNG or another picture.
    stack : bool
        Whether several planes are allowed.

    Raises
    ------
    ImageError
        If it cannot be read.
    LabelError
        If it has several channels or is not of whole numbers.
    """
    try:
        values = _opened(path)
    except (OSError, ValueError, SyntaxError) as error:
        hint = "Save it again as a PNG or TIFF with one channel."
        raise ImageError(f"The mask {path} cannot be read: {error}.", hint=hint) from error
    values = _grey(values)
    coloured = values.ndim == 3 and values.shape[2] in (3, 4)
    if values.ndim not in ((2, 3) if stack else (2,)) or coloured or values.dtype.kind not in "uib":
        what = f"The mask {path} has shape {values.shape} and type {values.dtype}."
        raise LabelError(what, hint="Save it with one channel of whole numbers, not as colours.")
    return values.astype(np.int64) if values.dtype.kind != "u" else values


def _grey(values: NDArray[Any]) -> NDArray[Any]:
    """Return ``(y, x)`` of a grey picture that was saved as ``(y, x, rgb or rgba)``."""
    if values.ndim != 3 or values.shape[2] not in (3, 4):
        return values
    first = values[:, :, 0]
    same = all(np.array_equal(first, values[:, :, channel]) for channel in (1, 2))
    return first if same else values


def _opened(path: Path) -> NDArray[Any]:
    if path.suffix.lower() in (".tif", ".tiff"):
        import tifffile

        return np.asarray(tifffile.imread(path)).squeeze()
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image)


def _checked(coding: Coding, count: int) -> Coding:
    if len(coding.names) != count:
        what = f"{len(coding.names)} class names ({', '.join(coding.names)}) for {count} classes."
        raise InputError(what, hint="Name each class once, the background first.")
    return coding


def _size(shape: Sequence[int]) -> str:
    return " x ".join(str(length) for length in shape)
