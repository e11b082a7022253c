"""From the bytes that a model sent to a mask of the size that was sent."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.errors import AnswerError, ServerFailedError
from napari_phenoai.remote.archives import is_archive, read_archive
from napari_phenoai.remote.pictures import is_picture, read_picture
from napari_phenoai.remote.polygons import read_numbers, read_outlines
from napari_phenoai.remote.reading import MaskValues, fitted
from napari_phenoai.remote.redaction import plain
from napari_phenoai.remote.replies import read_json

if TYPE_CHECKING:
    from napari_phenoai.remote.transport import Answer

__all__ = ["read_answer", "read_bytes"]

_DATA_URI = re.compile(r"^data:[\w/+.-]*(?:;[\w=.-]+)*;base64,")
_SHORTEST = 60
_DEEPEST = 8
_MOST_PLACES = 50_000
_HINT = "Ask the model for another kind of answer: a label picture is the surest."


def read_answer(answer: Answer, shape: tuple[int, int], sent: str = "tile.png") -> MaskValues:
    """Return the mask in the answer of a prediction.

    The bytes decide what it is, not what the server calls them. Understood are pictures,
    a ZIP of pictures, and JSON that holds a picture in base64, nested lists or outlines.

    Parameters
    ----------
    answer : Answer
        With success as its status.
    shape : tuple of int
        Rows and columns that were sent, and that come back.
    sent : str
        Name of the file that was sent.

    Raises
    ------
    ServerFailedError
        If the server reports a failure inside of its answer.
    AnswerError
        If no mask can be read from it.
    """
    mask = read_bytes(answer.content, sent)
    if mask is None:
        mask = _from_json(read_json(answer), shape, sent)
    if mask is None:
        raise AnswerError("The answer of the model holds no mask.", hint=_HINT)
    return fitted(mask, shape)


def read_bytes(content: bytes, sent: str) -> MaskValues | None:
    """Return the mask in a picture or a ZIP; None if `content` is neither."""
    if not content:
        raise AnswerError("The answer of the model is empty.", hint=_HINT)
    if is_picture(content):
        return read_picture(content)
    return read_archive(content, sent) if is_archive(content) else None


def _from_json(data: object, shape: tuple[int, int], sent: str) -> MaskValues | None:
    data = _unwrapped(data)
    if _is_bare(data):
        note = "The model found nothing."
        return MaskValues(np.zeros(shape, np.int32), notes=(note,))
    places = list(_places(data))
    lists = [value for value in places if isinstance(value, list) and value]
    texts = (_decoded(value) for value in places if isinstance(value, str))
    found = (read_bytes(content, sent) for content in texts if content is not None)
    numbers = (read_numbers(value, shape) for value in lists)
    outlines = (read_outlines(value, shape) for value in lists)
    return next((mask for mask in chain(found, outlines, numbers) if mask is not None), None)


def _unwrapped(data: object) -> object:
    """Return what a server wraps in status and predictions.

    Raises
    ------
    ServerFailedError
        If the status is a failure.
    """
    if isinstance(data, Mapping):
        status = str(data.get("status", "")).lower()
        if status in {"error", "fail", "failed"}:
            said = next(
                (data[n] for n in ("message", "error_msg", "error", "detail") if n in data), ""
            )
            hint = "Check the picture and the values; the text is the model's own."
            raise ServerFailedError(f"The model reports a failure: {plain(said)}", hint=hint)
        if "predictions" in data:
            return _unwrapped(data["predictions"])
    if isinstance(data, str) and data.lstrip()[:1] in {"[", "{"}:
        try:
            return _unwrapped(json.loads(data, parse_constant=lambda _: None))
        except (ValueError, RecursionError):
            return data
    return data


def _places(data: object) -> Iterator[Any]:
    """Yield values inside of JSON, outer ones first; numbers and lists of them are left out."""
    level: list[object] = [data]
    seen = 0
    for _ in range(_DEEPEST):
        below: list[object] = []
        for value in level:
            seen += 1
            if seen > _MOST_PLACES:
                return
            yield value
            if isinstance(value, Mapping):
                below += value.values()
            elif isinstance(value, list) and not _is_numbers(value):
                below += value
        level = [value for value in below if isinstance(value, str | list | Mapping)]


def _is_bare(data: object) -> bool:
    """Tell whether this is a list without any object in it."""
    return isinstance(data, list) and all(_is_bare(item) for item in data[:_MOST_PLACES])


def _is_numbers(value: list[object]) -> bool:
    inner: object = value
    while isinstance(inner, list) and inner:
        inner = inner[0]
    return isinstance(inner, int | float)


def _decoded(text: str) -> bytes | None:
    """Return the bytes in a data URI or in base64; None if it is neither."""
    start = _DATA_URI.match(text[:200])
    body = text[start.end() :] if start else text
    if start is None and len(body) < _SHORTEST:
        return None
    body = re.sub(r"\s+", "", body)
    try:
        content = base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return content if is_picture(content) or is_archive(content) else None
