"""Masks that come in a ZIP: read in memory, within limits, never unpacked to a disk."""

from __future__ import annotations

import io
import re
import stat
import zipfile
import zlib
from pathlib import PurePosixPath

import numpy as np

from napari_phenoai.errors import AnswerError
from napari_phenoai.remote.pictures import is_picture, read_picture
from napari_phenoai.remote.reading import MaskValues, fitted
from napari_phenoai.remote.redaction import plain

__all__ = ["is_archive", "read_archive", "safe_members"]

_MOST_FILES = 1000
_MOST_BYTES = 512 * 1024 * 1024
_RATIO = 200
_RATIO_FROM = 16 * 1024 * 1024
_MASK = re.compile(
    r"(^|[^a-z])(masks?|labels?|segmentations?|predictions?)([^a-z]|$)", re.IGNORECASE
)
_HINT = "Nothing of it was unpacked. Tell the owner of the model."


def is_archive(content: bytes) -> bool:
    """Tell by its first bytes whether `content` is a ZIP."""
    return content.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def read_archive(content: bytes, sent: str) -> MaskValues:
    """Return the mask in a ZIP.

    It is the one picture in it, or the one named like the picture that was sent. Several
    binary pictures with other names are taken as one class each. Where files or folders are
    called masks, labels, segmentations or predictions, pictures beside them do not count.

    Parameters
    ----------
    content : bytes
        The ZIP.
    sent : str
        Name of the picture that was sent.

    Raises
    ------
    AnswerError
        If it is damaged, dangerous, or holds no mask that fits.
    """
    pictures = {name: data for name, data in safe_members(content).items() if is_picture(data)}
    pictures = {name: pictures[name] for name in pictures if _MASK.search(name)} or pictures
    stem = PurePosixPath(sent).stem
    named = [name for name in pictures if PurePosixPath(name).stem == stem]
    if len(pictures) == 1 or len(named) == 1:
        return read_picture(pictures[(named or list(pictures))[0]])
    if not pictures:
        hint = "Ask the model for another kind of answer."
        raise AnswerError("The ZIP in the answer holds no mask.", hint=hint)
    return _layered({PurePosixPath(name).stem: data for name, data in pictures.items()})


def safe_members(content: bytes) -> dict[str, bytes]:
    """Return the files in a ZIP by name.

    Raises
    ------
    AnswerError
        If it is damaged or locked, has too many files, grows too large, or names paths
        outside of itself, or links.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [item for item in archive.infolist() if not item.is_dir()]
            _check(members)
            found, left = {}, _MOST_BYTES
            for item in members:
                with archive.open(item) as file:
                    data = file.read(left + 1)
                left -= len(data)
                if left < 0:
                    raise _bomb()
                found[item.filename] = data
            return found
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        raise AnswerError("The ZIP in the answer is damaged.", hint="Ask again.") from error
    except (RuntimeError, NotImplementedError) as error:
        raise AnswerError("The ZIP in the answer cannot be opened.", hint=_HINT) from error


def _check(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > _MOST_FILES:
        raise AnswerError(f"The ZIP in the answer has {len(members)} files.", hint=_HINT)
    for item in members:
        name = item.filename.replace("\\", "/")
        path = PurePosixPath(name)
        outside = path.is_absolute() or ".." in path.parts or ":" in path.parts[0]
        if outside or stat.S_ISLNK(item.external_attr >> 16):
            text = f"The ZIP in the answer points outside of itself: {plain(name, 80)}."
            raise AnswerError(text, hint=_HINT)
    total = sum(item.file_size for item in members)
    packed = sum(item.compress_size for item in members)
    if total > _MOST_BYTES or (total > _RATIO_FROM and total > _RATIO * max(packed, 1)):
        raise _bomb()


def _bomb() -> AnswerError:
    return AnswerError("The ZIP in the answer would grow far too large.", hint=_HINT)


def _layered(pictures: dict[str, bytes]) -> MaskValues:
    """Put binary masks, one per class, over each other in the order of their names."""
    masks = {name: read_picture(pictures[name]) for name in sorted(pictures)}
    first = next(iter(masks.values()))
    if len(masks) > 254 or any(len(mask.distinct) > 2 for mask in masks.values()):
        hint = "Send one picture at a time, or ask the model for another kind of answer."
        raise AnswerError("The ZIP holds several masks, none with the name sent.", hint=hint)
    values = np.zeros(first.shape, np.int32)
    for number, mask in enumerate(masks.values(), 1):
        values[fitted(mask, first.shape).values != 0] = number
    names = {number: plain(name, 80) for number, name in enumerate(masks, 1)}
    note = "The ZIP held one mask per class; where they overlap, the last one counts."
    return MaskValues(values, names, (note,))
