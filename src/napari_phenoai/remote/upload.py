"""Files on their way to a server: streamed, with progress, never whole in memory."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from napari_phenoai.errors import DiskError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = ["Body", "Upload", "multipart"]

_STEPS = 100


@dataclass(frozen=True)
class Upload:
    """A file to send.

    Parameters
    ----------
    name : str
        What the server gets as its name; never a path.
    source : Path or bytes
        The content.
    media_type : str
        What it is.
    """

    name: str
    source: Path | bytes = field(repr=False)
    media_type: str = "application/octet-stream"

    def opened(self) -> IO[bytes]:
        """Open the content for reading.

        Raises
        ------
        DiskError
            If the file cannot be read.
        """
        if isinstance(self.source, bytes):
            return io.BytesIO(self.source)
        try:
            return self.source.open("rb")
        except OSError as error:
            hint = "Check that it is still there and can be read."
            text = f"The file {self.source} cannot be read: {error.strerror}."
            raise DiskError(text, hint=hint) from error


@dataclass(frozen=True)
class Body:
    """The body of a request: what `requests` streams, its media type and its size."""

    stream: Any
    content_type: str | None
    size: int


@contextlib.contextmanager
def multipart(
    files: Mapping[str, Upload],
    texts: Iterable[tuple[str, str]] = (),
    on_progress: Callable[[int, int], object] | None = None,
) -> Iterator[Body]:
    """Give a body of `files` and `texts`; the files are closed afterwards.

    Where there are none of both, the body is empty.

    Parameters
    ----------
    files : mapping of str to Upload
        By the names of their fields.
    texts : iterable of (str, str)
        Further fields.
    on_progress : callable, optional
        Is called with the bytes sent and the bytes in all, about a hundred times.

    Raises
    ------
    DiskError
        If a file cannot be read.
    """
    from requests_toolbelt import MultipartEncoder, MultipartEncoderMonitor

    texts = list(texts)
    if not files and not texts:
        yield Body(None, None, 0)
        return
    with contextlib.ExitStack() as stack:
        parts: list[tuple[str, Any]] = list(texts)
        for name, upload in files.items():
            handle = stack.enter_context(upload.opened())
            parts.append((name, (_safe(upload.name), handle, upload.media_type)))
        encoder = MultipartEncoder(parts)
        told = _Told(on_progress, encoder.len)
        yield Body(MultipartEncoderMonitor(encoder, told), encoder.content_type, encoder.len)


class _Told:
    """Passes on how far a body has been read, in steps that can be seen."""

    def __init__(self, listener: Callable[[int, int], object] | None, size: int) -> None:
        self._listener = listener
        self._size = size
        self._next = 0

    def __call__(self, monitor: Any) -> None:
        done = int(monitor.bytes_read)
        if self._listener is not None and (done >= self._next or done >= self._size):
            self._next = done + max(1, self._size // _STEPS)
            self._listener(min(done, self._size), self._size)


def _safe(name: str) -> str:
    """Return the last part of a name, without what would break a header."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join("_" if char in '"\r\n\0' else char for char in last) or "file"
