"""Which images a person means by a folder, a pattern or an address."""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path

from napari_phenoai.errors import ImageError
from napari_phenoai.io.images.stores import DOCUMENTS, is_address, local_path

__all__ = ["image_uris"]

_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".btf", ".tf8"})
_HIDDEN = frozenset({"thumbs", "thumbs.db", "desktop.ini", "__macosx"})


def image_uris(path: str | os.PathLike[str]) -> list[str]:
    """Return the images that `path` stands for, in the order in which people count.

    A file, an address or an OME-Zarr folder stands for itself. A folder stands
    for the image files and zarr folders directly in it, and a pattern
    (``plots/*.tif``) for what it matches. Hidden files and the leftovers of file
    managers do not count, and ``2.png`` comes before ``10.png``.

    Raises
    ------
    ImageError
        If there is nothing there, or no image in it.
    """
    text = os.fspath(path)
    if is_address(text):
        return [text]
    place = local_path(text)
    if place.is_file() or _is_zarr(place):
        return [str(place)]
    if place.is_dir():
        found = [child for child in place.iterdir() if _is_image(child)]
    else:
        matches = (Path(match) for match in glob.iglob(str(place), recursive=True))  # noqa: PTH207
        found = [match for match in matches if _is_image(match)]
    if not found:
        hint = "Check the path; images are PNG, JPEG, TIFF and OME-Zarr."
        what = "holds no images" if place.is_dir() else "does not exist"
        raise ImageError(f"{place} {what}.", hint=hint)
    return [str(child) for child in sorted(found, key=_counting)]


def _is_image(path: Path) -> bool:
    name = path.name.lower()
    if name.startswith(".") or name in _HIDDEN:
        return False
    if path.is_dir():
        return _is_zarr(path)
    return path.suffix.lower() in _SUFFIXES and path.is_file()


def _is_zarr(path: Path) -> bool:
    return path.is_dir() and any((path / name).is_file() for name in DOCUMENTS)


def _counting(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    parts = re.split(r"(\d+)", str(path).lower())
    key = [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
    return key, str(path)
