"""Masks that come as outlines or as numbers in JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from napari_phenoai.errors import AnswerError
from napari_phenoai.remote.reading import MaskValues
from napari_phenoai.remote.redaction import plain

__all__ = ["read_numbers", "read_outlines"]

_OUTLINES = (
    "segments", "segmentation", "polygon", "polygons", "points", "contour", "contours",
    "coordinates",
)  # fmt: skip
_NO_OUTLINE = re.compile(r"keypoint|landmark|skeleton|box|track|curve|history", re.IGNORECASE)
_NAMES = ("name", "label", "class", "category", "type")
_DEEPEST = 4
_MOST_OUTLINES = 20_000
_MOST_POINTS = 2_000_000
_SMALLEST = 16
_ASPECT = 0.05


def read_outlines(items: Sequence[object], shape: tuple[int, int]) -> MaskValues | None:
    """Paint objects that are told by their outlines.

    Each object is a mapping with an outline (``segments`` of x and y as YOLO writes them,
    ``segmentation`` as COCO does, ``polygon`` or ``points``, the ``geometry`` of GeoJSON) and
    a ``class`` or ``name``. Under other names, the only value that is an outline, and the only
    one that is a text, count. Later objects lie over earlier ones; holes are filled.

    Parameters
    ----------
    items : sequence
        The objects.
    shape : tuple of int
        Rows and columns to paint on, in the coordinates of the outlines.

    Returns
    -------
    MaskValues or None
        Values are numbers of classes from 1 on, 0 where there is no object; None if the
        items are something else.
    """
    from PIL import Image, ImageDraw

    plainer = [_flat(item) for item in items if isinstance(item, Mapping)]
    found = [(item, list(_outlines(item))) for item in plainer]
    if len(found) != len(items) or not any(outlines for _, outlines in found):
        return None
    points = sum(len(outline) for _, outlines in found for outline in outlines)
    if len(found) > _MOST_OUTLINES or points > _MOST_POINTS:
        raise AnswerError("The answer has too many outlines.", hint="Send smaller tiles.")
    keys = sorted({_key(item) for item, _ in found})
    numbers = {key: number for number, key in enumerate(keys, 1)}
    names = {numbers[_key(item)]: _name(item) for item, _ in found}
    canvas = Image.new("I", (shape[1], shape[0]), 0)
    draw = ImageDraw.Draw(canvas)
    scale = _scale([outline for _, outlines in found for outline in outlines], shape)
    for item, outlines in found:
        for outline in outlines:
            corners = (outline * scale).clip(-1e6, 1e6)
            draw.polygon([tuple(corner) for corner in corners.tolist()], fill=numbers[_key(item)])
    notes = ("Outlines were painted; later objects lie over earlier ones.",)
    return MaskValues(np.asarray(canvas).astype(np.int32), names, notes)


def read_numbers(data: object, shape: tuple[int, int]) -> MaskValues | None:
    """Return nested lists of numbers as a mask.

    Their size is that of the picture sent, or has its proportion, so that corners of boxes
    are not taken for pixels. Two axes are values, or probabilities of one class; three are
    ``(1, y, x)`` or probabilities of several classes, first or last: the largest counts.

    Returns
    -------
    MaskValues or None
        None if it is no array of numbers, or has no plane of pixels.
    """
    array = _array(data)
    if array is None:
        return None
    array = array.reshape(tuple(size for size in array.shape[:-2] if size > 1) + array.shape[-2:])
    if array.ndim == 3:
        axis = 2 if array.shape[:2] == shape or array.shape[2] < array.shape[0] else 0
        if not _is_plane(tuple(size for at, size in enumerate(array.shape) if at != axis), shape):
            return None
        values = array.squeeze(axis) if array.shape[axis] == 1 else array.argmax(axis=axis)
        note = "The answer holds a value per class: the largest one counts."
        notes = () if array.shape[axis] == 1 else (note,)
        return MaskValues(values.astype(np.int32), notes=notes)
    if array.ndim != 2 or not _is_plane(array.shape, shape):
        return None
    if (array == array.round()).all() and np.abs(array).max() < 2**31:
        return MaskValues(array.astype(np.int32))
    if array.min() < 0 or array.max() > 1:
        return None
    note = "The answer holds probabilities: 0.5 and more is taken as the object."
    return MaskValues((array >= 0.5).astype(np.int32), notes=(note,))


def _is_plane(found: tuple[int, ...], sent: tuple[int, int]) -> bool:
    """Tell numbers for pixels from corners of boxes and other small tables."""
    if found == sent:
        return True
    proportion = (found[0] * sent[1]) / (found[1] * sent[0])
    return min(found) >= _SMALLEST and abs(proportion - 1) < _ASPECT


def _array(data: object) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    if not isinstance(data, list) or not data or not isinstance(data[0], list):
        return None
    try:
        array = np.array(data, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        return None
    return np.nan_to_num(array, nan=0, posinf=0, neginf=0) if array.size else None


def _outlines(item: Mapping[str, Any]) -> Iterator[np.ndarray[Any, np.dtype[np.float64]]]:
    told = next((item[name] for name in _OUTLINES if item.get(name)), None)
    if told is None:
        fitting = (value for name, value in item.items() if not _NO_OUTLINE.search(str(name)))
        others = [value for value in fitting if _is_pairs(value)]
        told = others[0] if len(others) == 1 else None
    if isinstance(told, Mapping):
        told = list(zip(told.get("x") or [], told.get("y") or [], strict=False))
    for part in _parts(told):
        try:
            corners = np.array(part, np.float64).reshape(-1, 2)
        except (ValueError, TypeError):
            continue
        if len(corners) >= 3 and np.isfinite(corners).all():
            yield corners


def _flat(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an object with what GeoJSON keeps inside of it."""
    if not isinstance(item.get("geometry"), Mapping):
        return item
    told = item.get("properties")
    found = dict(told) if isinstance(told, Mapping) else {}
    kind = found.get("classification")
    found |= kind if isinstance(kind, Mapping) else {}
    return {**found, "coordinates": item["geometry"].get("coordinates")}


def _parts(told: object, depth: int = 0) -> Iterator[list[Any]]:
    """Yield each outline in lists of them, or of lists of them."""
    if not isinstance(told, list) or depth > _DEEPEST:
        return
    if _is_outline(told):
        yield told
        return
    for part in told:
        yield from _parts(part, depth + 1)


def _is_pairs(value: object) -> bool:
    """Tell whether this can only be an outline: three or more pairs of numbers."""
    return (
        isinstance(value, list)
        and len(value) > 2
        and all(
            isinstance(pair, list)
            and len(pair) == 2
            and all(isinstance(number, int | float) for number in pair)
            for pair in value
        )
    )


def _is_outline(told: list[Any]) -> bool:
    """Tell whether this is one outline, of pairs or of numbers in a row."""
    first = told[0] if told else None
    if isinstance(first, int | float):
        return True
    if not isinstance(first, list | tuple) or len(first) != 2:
        return False
    return isinstance(first[0], int | float)


def _scale(
    outlines: list[np.ndarray[Any, np.dtype[np.float64]]], shape: tuple[int, int]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the factors of x and y: coordinates from 0 to 1 are shares of the picture."""
    largest = max(float(np.abs(outline).max()) for outline in outlines)
    is_share = largest <= 1.0 and max(shape) > 2
    return np.array([shape[1], shape[0]] if is_share else [1, 1], np.float64)


def _key(item: Mapping[str, Any]) -> tuple[int, float, str]:
    """Return what sorts classes: by number where there is one, else by name."""
    number = _number(item)
    return (1, 0.0, _name(item)) if number is None else (0, number, "")


def _number(item: Mapping[str, Any]) -> float | None:
    told = next((item[n] for n in ("class", "class_id", "category_id") if n in item), None)
    return float(told) if isinstance(told, int | float) and not isinstance(told, bool) else None


def _name(item: Mapping[str, Any]) -> str:
    """Return what the class of an object is called; by its number where it has no name."""
    told = next((item[name] for name in _NAMES if isinstance(item.get(name), str)), None)
    if told is None:
        texts = [value for value in item.values() if isinstance(value, str)]
        number = _number(item)
        other = "" if number is None else f"class {number:g}"
        told = texts[0] if len(texts) == 1 else other
    return plain(told, 80)
