"""Masks that other programs made: where they are and what their values mean.

Understood are

- a folder of masks with one whole number per pixel, named like their images (``_mask``,
  ``_label`` or ``_seg`` may follow the name);
- a folder or ZIP of napari-pixel-correction, with ``image/`` and ``mask/`` (or
  ``images/`` and ``masks/``) in it, at the top or one folder down; masks are 0 and 255;
- a project of RootPainter, with ``annotations/train`` and ``annotations/val``: RGBA
  pictures where red is foreground, green is background and the rest is unknown.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_phenoai.errors import ImageError, InputError, LabelError
from napari_phenoai.io.files import disk_errors, make_folder
from napari_phenoai.io.pairs import read_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.records import Role
    from napari_phenoai.core.scheme import ClassScheme

__all__ = ["ForeignMask", "Values", "find_masks", "read_foreign", "value_table"]

Values = Literal["auto", "ids", "indices", "binary"]

_PICTURES = {".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp", ".gif"}
_ENDINGS = ("_mask", "_masks", "_label", "_labels", "_seg", "_objects")
_MASKS = ("mask", "masks")
_IMAGES = ("image", "images")


@dataclass(frozen=True)
class ForeignMask:
    """A mask file.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        Name of its image without ending.
    painted : bool
        Whether it is a picture of strokes in red and green.
    role : str or None
        Whether it was made for training or for validation, where that is known.
    image : Path or None
        Its image, where that came along.
    """

    path: Path
    name: str
    painted: bool = False
    role: Role | None = None
    image: Path | None = None


def find_masks(source: Path, unpack: Path) -> list[ForeignMask]:
    """List the masks in a folder, a ZIP or a RootPainter project.

    Parameters
    ----------
    source : Path
        Where they are.
    unpack : Path
        Folder for the content of a ZIP; made when needed.

    Raises
    ------
    InputError
        If nothing is there, or it is not understood.
    """
    if source.is_file() and zipfile.is_zipfile(source):
        source = _unpacked(source, unpack)
    if not source.is_dir():
        hint = "Give a folder of masks, a ZIP with image/ and mask/, or a RootPainter project."
        raise InputError(f"{source} is no folder and no ZIP.", hint=hint)
    found = _rootpainter(source) or _beside_images(source) or _plain(source)
    if not found:
        hint = "Masks are PNG or TIFF files, named like their images."
        raise InputError(f"There are no masks in {source}.", hint=hint)
    return found


def value_table(
    masks: Iterable[ForeignMask], scheme: ClassScheme, values: Values = "auto"
) -> Mapping[int, int]:
    """Decide what the numbers in the masks mean, from all of them together.

    Parameters
    ----------
    masks : iterable of ForeignMask
        Those that are `painted` are left out.
    scheme : ClassScheme
        The classes.
    values : str
        ``ids``: numbers are class ids, 0 is unlabelled. ``indices``: 0 is the first
        class (the background), 1 the second and so on, 255 is unknown. ``binary``:
        0 is the first class, everything else the second. ``auto``: binary where the
        only numbers are 0 and 255; ids where the number of the last class occurs;
        else indices.

    Returns
    -------
    mapping of int to int
        From the numbers that occur to class ids, 0 for unknown.

    Raises
    ------
    LabelError
        If a number has no class; names the file.
    """
    found: dict[int, Path] = {}
    for mask in masks:
        if not mask.painted:
            found |= dict.fromkeys(np.unique(read_values(mask.path)).tolist(), mask.path)
    ids = scheme.ids
    meaning = _meaning(set(found), ids) if values == "auto" else values
    tables: dict[str, dict[int, int]] = {
        "ids": {0: 0, **{number: number for number in ids}},
        "indices": {255: 0, **dict(enumerate(ids))},
        "binary": {number: ids[1] if number else ids[0] for number in found},
    }
    table = tables[meaning]
    for number, path in found.items():
        if number not in table:
            listed = ", ".join(f"{value} {scheme.named(i).name}" for value, i in table.items() if i)
            text = f"The mask {path} has the value {number}, which is no class."
            hint = f"Read as {meaning}, the values are {listed}. Masks of objects: --values binary."
            raise LabelError(text, hint=hint)
    return table


def read_foreign(
    mask: ForeignMask, table: Mapping[int, int], scheme: ClassScheme, plane: tuple[int, int]
) -> NDArray[np.uint8]:
    """Read a mask as class ids, 0 where unknown.

    Parameters
    ----------
    mask : ForeignMask
        The file.
    table : mapping
        As `value_table` returns.
    scheme : ClassScheme
        The first two classes are what RootPainter calls background and foreground.
    plane : tuple of int
        Rows and columns of its image.

    Returns
    -------
    ndarray of uint8, shape (y, x)

    Raises
    ------
    LabelError
        If the size differs from the image's.
    ImageError
        If it cannot be read.
    """
    labels = _strokes(mask.path, scheme) if mask.painted else _coded(mask.path, table)
    if labels.shape != plane:
        sizes = [" x ".join(str(length) for length in shape) for shape in (labels.shape, plane)]
        text = f"The mask {mask.path} has {sizes[0]} px, its image {sizes[1]} px."
        raise LabelError(text, hint="Give each image a mask of its own size.")
    return labels


def _meaning(found: set[int], ids: Sequence[int]) -> str:
    if found <= {0, 255} and 255 in found:
        return "binary"
    return "ids" if max(ids) in found else "indices"


def _coded(path: Path, table: Mapping[int, int]) -> NDArray[np.uint8]:
    values = read_values(path)
    labels = np.zeros(values.shape, np.uint8)
    for number, class_id in table.items():
        if class_id:
            labels[values == number] = class_id
    return labels


def _strokes(path: Path, scheme: ClassScheme) -> NDArray[np.uint8]:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            rgba: NDArray[Any] = np.asarray(picture.convert("RGBA")).astype(np.int16)
    except (OSError, ValueError, SyntaxError) as error:
        hint = "Copy it again, or take it out of the folder."
        raise ImageError(f"The mask {path} cannot be read: {error}.", hint=hint) from error
    red, green, visible = rgba[..., 0], rgba[..., 1], rgba[..., 3] > 0
    labels = np.zeros(red.shape, np.uint8)
    labels[visible & (green > red)] = scheme.ids[0]
    labels[visible & (red > green)] = scheme.ids[1]
    return labels


def _rootpainter(source: Path) -> list[ForeignMask]:
    top = source if source.name == "annotations" else source / "annotations"
    roles: dict[str, Role] = {"train": "train", "val": "heldout"}
    return [
        ForeignMask(path, path.stem, painted=True, role=role)
        for name, role in roles.items()
        for path in _pictures(top / name)
    ]


def _beside_images(source: Path) -> list[ForeignMask]:
    for place in (source, *_folders(source)):
        masks = next((place / name for name in _MASKS if (place / name).is_dir()), None)
        if masks is None:
            continue
        images = [path for name in _IMAGES for path in _pictures(place / name)]
        by_name = {path.stem: path for path in images}
        names = {path: _image_name(path.stem, by_name) for path in _pictures(masks)}
        return [ForeignMask(path, n, image=by_name.get(n)) for path, n in names.items()]
    return []


def _plain(source: Path) -> list[ForeignMask]:
    return [ForeignMask(path, path.stem) for path in _pictures(source)]


def _image_name(stem: str, known: Iterable[str]) -> str:
    """Return the name of the image that a mask called `stem` belongs to."""
    if stem in known:
        return stem
    cut = next((stem.removesuffix(end) for end in _ENDINGS if stem.endswith(end)), stem)
    return cut if cut in known else stem


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    files = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(path for path in files if path.suffix.lower() in _PICTURES)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


def _unpacked(archive: Path, target: Path) -> Path:
    """Unpack the pictures in ``image`` and ``mask`` folders of a ZIP, and nothing else."""
    try:
        with zipfile.ZipFile(archive) as file:
            for member in file.infolist():
                place = PurePosixPath(member.filename.replace("\\", "/"))
                kind = place.parent.name.lower()
                if member.is_dir() or kind not in (*_MASKS, *_IMAGES):
                    continue
                if place.suffix.lower() in _PICTURES and not place.name.startswith("."):
                    _write(make_folder(target / kind) / place.name, file.read(member))
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        hint = "Pack it again without a password, or unpack it yourself and give the folder."
        raise InputError(f"The ZIP {archive} cannot be unpacked: {error}.", hint=hint) from error
    return make_folder(target)


def _write(path: Path, data: bytes) -> None:
    with disk_errors(path):
        path.write_bytes(data)
