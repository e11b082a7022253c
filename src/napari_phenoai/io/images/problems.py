"""Foreign exceptions become `ImageError`, which names the file and the remedy."""

from __future__ import annotations

import struct
import sys
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_phenoai.errors import ImageError, PhenoError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DAMAGED_HINT", "NETWORK_HINT", "explained", "reason", "unsupported"]

DAMAGED_HINT = (
    "Try the file in another program; if it fails there too, copy it again from its origin."
)
NETWORK_HINT = "Check the address, the connection and your right to read it, then try again."

_READ_ERRORS: tuple[type[Exception], ...] = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
_FOREIGN = (
    ("aiohttp", "ClientError"),
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("pyvips", "Error"),
)


@contextmanager
def explained(uri: str, doing: str = "cannot be read", hint: str = DAMAGED_HINT) -> Iterator[None]:
    """Turn what libraries raise inside the block into an `ImageError` about `uri`.

    Parameters
    ----------
    uri : str
        The file or address, named in the message.
    doing : str
        What does not work, after the name: ``cannot be read as TIFF``.
    hint : str
        What the person can do about it.

    Raises
    ------
    ImageError
        For anything that reading a bad file, or a bad connection, raises. An
        error of our own passes through as it is.
    """
    try:
        yield
    except PhenoError:
        raise
    except read_errors() as error:
        raise ImageError(f"{uri} {doing}: {reason(error)}.", hint=hint) from error


def read_errors() -> tuple[type[Exception], ...]:
    """Return all exception types that reading pixels may raise.

    Those of a library that nobody has imported yet cannot be raised and are left out.
    """
    found: list[type[Exception]] = []
    for module, name in _FOREIGN:
        if module in sys.modules:
            found.append(getattr(sys.modules[module], name))
    return (*_READ_ERRORS, *found)


def reason(error: BaseException) -> str:
    """Return what `error` says, in one line without a full stop, never empty."""
    text = " ".join(str(error).split()).rstrip(".")
    return text or type(error).__name__


def unsupported(uri: str, what: str, hint: str) -> ImageError:
    """Return the error for a sound image of a kind that is not supported."""
    return ImageError(f"{uri} {what}.", hint=hint)
