"""Masks that come as pictures: label PNG, binary, palettes, and JPEG with its blur."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.errors import AnswerError
from napari_phenoai.remote.reading import MaskValues

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

__all__ = ["is_picture", "read_picture"]

_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"BM", b"GIF8")
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF")
_DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    MemoryError,
    ArithmeticError,
    LookupError,
    TypeError,
    struct.error,
    Warning,
)
"""What Pillow raises, or warns of, when a file is not what it should be."""

_MOST_PIXELS = 100_000_000
_MOST_COLOURS = 64
_SHARE = 0.002
_APART = 40.0
_REACH = 3
_CALM = 16
_MASK_HINT = "Ask the model for another kind of answer: it needs one that is a mask."


def is_picture(content: bytes) -> bool:
    """Tell by its first bytes whether `content` is a picture."""
    return content.startswith(_MAGIC)


def read_picture(content: bytes) -> MaskValues:
    """Return the values of a mask that came as a picture.

    Grey values and palette indices are taken as they are. Colours are numbered, brightest
    last, 0 being black where there is black. Values that JPEG has blurred go to the
    nearest of those that fill larger areas.

    Parameters
    ----------
    content : bytes
        A PNG, JPEG, TIFF, BMP or GIF.

    Raises
    ------
    AnswerError
        If it is damaged, too large, or a photo rather than a mask.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                size = f"{picture.height} x {picture.width} px"
                raise AnswerError(f"The answer is a picture of {size}.", hint="Send smaller tiles.")
            pixels, lossy = _pixels(picture), _is_lossy(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise AnswerError("The answer is far too large a picture.", hint=_MASK_HINT) from error
    except _DAMAGE as error:
        hint = "Ask again; if it happens each time, tell the owner of the model."
        raise AnswerError("The picture in the answer is damaged.", hint=hint) from error
    return _grey(pixels, lossy=lossy) if pixels.ndim == 2 else _coloured(pixels, lossy=lossy)


def _pixels(picture: Image) -> NDArray[Any]:
    """Return ``(y, x)`` of values or palette indices, or ``(y, x, 3)`` of colours."""
    if picture.mode in {"LA", "La"}:
        picture = picture.convert("L")
    elif picture.mode not in {"1", "L", "P", "I", "F", "I;16", "I;16B", "I;16L"}:
        picture = picture.convert("RGB")
    pixels: NDArray[Any] = np.asarray(picture)
    if pixels.ndim == 3 and (pixels[..., :1] == pixels).all():
        return pixels[..., 0]
    return pixels


def _is_lossy(picture: Image) -> bool:
    return picture.format == "JPEG" or picture.info.get("compression") == "jpeg"


def _grey(pixels: NDArray[Any], *, lossy: bool) -> MaskValues:
    if pixels.dtype == bool:
        return MaskValues(pixels.astype(np.int32))
    if pixels.dtype.kind == "f":
        return _decimals(pixels)
    values = pixels.astype(np.int32)
    if not lossy:
        return MaskValues(values)
    levels = _levels(values[..., np.newaxis])[:, 0]
    nearest = np.abs(np.arange(256)[:, np.newaxis] - levels).argmin(axis=1)
    table = levels.round().astype(np.int32)[nearest]
    table = np.where(table < 8, 0, np.where(table > 247, 255, table)).astype(np.int32)
    note = "The answer is a JPEG: values between the areas were set to the nearest one."
    return MaskValues(table[values.clip(0, 255)], notes=(note,))


def _decimals(pixels: NDArray[Any]) -> MaskValues:
    """Return whole numbers as they are, and probabilities as 0 and 1."""
    known = np.nan_to_num(pixels, nan=0, posinf=0, neginf=0)
    if (known == known.round()).all() and np.abs(known).max(initial=0) < 2**31:
        return MaskValues(known.astype(np.int32))
    if known.min() >= 0 and known.max() <= 1:
        note = "The answer holds probabilities: 0.5 and more is taken as the object."
        return MaskValues((known >= 0.5).astype(np.int32), notes=(note,))
    raise AnswerError("The answer is a picture of decimals, not a mask.", hint=_MASK_HINT)


def _coloured(pixels: NDArray[Any], *, lossy: bool) -> MaskValues:
    flat = pixels.reshape(-1, 3).astype(np.int32)
    codes = flat @ np.array([65536, 256, 1])
    colours = np.unique(codes)
    notes: tuple[str, ...] = ()
    if lossy:
        chosen = _levels(pixels.astype(np.int32)).round().astype(np.int32)
        chosen[chosen < 8], chosen[chosen > 247] = 0, 255
        codes = _nearest(flat, chosen) @ np.array([65536, 256, 1])
        colours = np.unique(codes)
        notes = ("The answer is a JPEG: colours were set to the nearest one of a larger area.",)
    if len(colours) > _MOST_COLOURS:
        what = f"The answer is a picture with {len(colours)} colours, not a mask."
        raise AnswerError(what, hint=_MASK_HINT)
    first = 0 if colours[0] == 0 else 1
    values = (np.searchsorted(colours, codes) + first).astype(np.int32)
    names = {number: f"colour #{code:06x}" for number, code in enumerate(colours, first)}
    return MaskValues(values.reshape(pixels.shape[:2]), names, notes)


def _nearest(flat: NDArray[np.int32], chosen: NDArray[np.int32]) -> NDArray[np.int32]:
    best = np.zeros(len(flat), np.intp)
    least = np.full(len(flat), np.iinfo(np.int32).max, np.int32)
    for number, colour in enumerate(chosen):
        far = ((flat - colour) ** 2).sum(axis=1, dtype=np.int32)
        nearer = far < least
        best[nearer], least[nearer] = number, far[nearer]
    return chosen[best]


def _levels(pixels: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return the values, ``(n, channels)``, that fill larger areas of a blurred picture."""
    flat = pixels[_inside(pixels)]
    bins = (flat >> 3) @ (64 ** np.arange(flat.shape[1]))
    found, where, counts = np.unique(bins, return_inverse=True, return_counts=True)
    means = np.stack(
        [np.bincount(where.ravel(), channel, len(found)) / counts for channel in flat.T], axis=1
    )
    chosen: list[NDArray[np.float64]] = []
    for number in counts.argsort()[::-1]:
        is_large = counts[number] >= max(_SHARE * len(flat), 1)
        far = all(np.abs(means[number] - other).max() > _APART for other in chosen)
        if (is_large and far) or not chosen:
            chosen.append(means[number])
        if len(chosen) == _MOST_COLOURS:
            break
    return np.array(chosen)


def _inside(pixels: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return where a picture looks the same a few pixels on: away from blurred borders."""
    calm = np.ones(pixels.shape[:2], np.bool_)
    for axis in (0, 1):
        for step in (-_REACH, _REACH):
            other = np.roll(pixels, step, axis=axis)
            calm &= (np.abs(pixels - other) <= _CALM).all(axis=-1)
    return calm if calm.mean() > 0.05 else np.ones_like(calm)
