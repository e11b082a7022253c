"""The chunk files of one zarr array: read, and replaced one by one."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.errors import DiskError, ProjectError
from napari_phenoai.io.chunk_parts import CHUNK_PX, ChunkPart, chunk_parts
from napari_phenoai.io.files import (
    PARTIAL,
    disk_error,
    disk_errors,
    fsync_dir,
    replacing,
    write_atomic,
)
from napari_phenoai.io.packing import ZSTD_LEVEL, packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["CHUNK_PX", "Chunks", "read_group", "write_group"]


def write_group(folder: Path, attributes: dict[str, Any]) -> None:
    """Make `folder` a zarr group with OME `attributes`, or give it new ones.

    Raises
    ------
    DiskError
        If the disk is full or read-only.
    """
    content = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": attributes}}
    write_atomic(folder / "zarr.json", json.dumps(content, indent=2).encode())


def read_group(folder: Path) -> dict[str, Any] | None:
    """Return the OME attributes of the zarr group `folder`; None when it has none.

    Raises
    ------
    ProjectError
        If its description is damaged.
    """
    content = _json(folder / "zarr.json") or {}
    attributes = content.get("attributes", {}).get("ome")
    return attributes if isinstance(attributes, dict) else None


class Chunks:
    """A zarr 3 array in 512 x 512 chunks, compressed by zstd with checksums.

    A chunk that holds nothing but the fill value has no file. Chunks that a write
    covers in part are read first, so there must be one writer at a time.

    Parameters
    ----------
    folder : Path
        The zarr array.
    shape : tuple of int
        Extent ``(y, x)`` or ``(z, y, x)``.
    fill : int
        Value where nothing was written.
    truth : bool
        Whether its content cannot be made again: such chunks are flushed to the
        disk, and a damaged one is an error. Otherwise it reads as fill value.
    dtype : type
        uint8 for classes, uint32 for ids of objects.
    """

    def __init__(
        self,
        folder: Path,
        shape: tuple[int, ...],
        *,
        fill: int,
        truth: bool,
        dtype: type[np.unsignedinteger[Any]] = np.uint8,
    ) -> None:
        self.folder = folder
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._fill = dtype(fill)
        self._truth = truth
        self._found = False

    def create(self, folder: Path) -> None:
        """Write the description of the array into `folder`, which has no chunks yet."""
        write_atomic(folder / "zarr.json", json.dumps(self._description(), indent=2).encode())

    def path(self, z: int, row: int, column: int) -> Path:
        """Return the file of one chunk."""
        stack = [str(z)] if len(self.shape) == 3 else []
        return self.folder.joinpath("c", *stack, str(row), str(column))

    def read(self, z: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return the pixels ``(y, x)`` of a window that lies inside plane `z`.

        Raises
        ------
        ProjectError
            If a chunk is damaged and cannot be made again.
        DiskError
            If the folder was there before and is gone, or cannot be read.
        """
        self._check_there()
        height, width = rows.stop - rows.start, columns.stop - columns.start
        result = np.full((height, width), self._fill)
        for part in chunk_parts(rows, columns):
            chunk = self._load(self.path(z, part.row, part.column))
            if chunk is not None:
                result[part.window] = chunk[part.inside]
        return result

    def write(self, z: int, rows: slice, columns: slice, values: NDArray[Any]) -> bool:
        """Write the pixels ``(y, x)`` of a window that lies inside plane `z`.

        Chunks of truth that stay as they are are not written.

        Returns
        -------
        bool
            Whether a file has changed.

        Raises
        ------
        ProjectError
            If a chunk of truth is damaged that is covered in part.
        DiskError
            If the disk is full, read-only or gone; then all chunks are as they were.
        """
        with self.writing(z, rows, columns, values) as put:
            return put()

    @contextmanager
    def writing(
        self, z: int, rows: slice, columns: slice, values: NDArray[Any]
    ) -> Iterator[Callable[[], bool]]:
        """Prepare what `write` does, and give a function that does it, hardly able to fail."""
        changes = self._changes(z, rows, columns, values)
        with replacing(changes, flush=self._truth) as put:

            def finish() -> bool:
                put()
                return bool(changes)

            yield finish

    def _changes(
        self, z: int, rows: slice, columns: slice, values: NDArray[Any]
    ) -> list[tuple[Path, bytes | None]]:
        self._check_there()
        changes: list[tuple[Path, bytes | None]] = []
        for part in chunk_parts(rows, columns):
            path = self.path(z, part.row, part.column)
            chunk = self._mixed(path, part, values[part.window])
            if chunk is None:
                continue
            if (chunk != self._fill).any():
                changes.append((path, packed(chunk)))
            elif path.exists():
                changes.append((path, None))
        return changes

    def discard_damaged(self, z: int, rows: slice, columns: slice) -> None:
        """Remove the chunks that cannot be decoded and that a window covers.

        Raises
        ------
        ProjectError
            If one is covered in part; then none is removed.
        """
        lost = []
        for part in chunk_parts(rows, columns):
            path = self.path(z, part.row, part.column)
            try:
                self._load(path)
            except ProjectError:
                if not part.whole:
                    raise
                lost.append(path)
        for path in lost:
            with disk_errors(path, "removed"):
                path.unlink(missing_ok=True)
                fsync_dir(path.parent)

    def _mixed(self, path: Path, part: ChunkPart, values: NDArray[Any]) -> NDArray[Any] | None:
        if part.whole and not self._truth:
            return values
        try:
            chunk = self._load(path)
        except ProjectError:
            if not part.whole:
                raise
            return values
        if chunk is None:
            chunk = np.full((CHUNK_PX, CHUNK_PX), self._fill)
        if np.array_equal(chunk[part.inside], values):
            return None
        chunk[part.inside] = values
        return chunk

    def damaged(self) -> Iterator[Path]:
        """Yield the chunk files that cannot be decoded."""
        for path in sorted(self.folder.glob("c/**/*")):
            if path.suffix == PARTIAL or not path.is_file():
                continue
            try:
                self._decoded(path.read_bytes())
            except (RuntimeError, ValueError):
                yield path

    def _load(self, path: Path) -> NDArray[Any] | None:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise disk_error(error, path, "read") from error
        try:
            return self._decoded(data)
        except (RuntimeError, ValueError) as error:
            if not self._truth:
                return None
            hint = "Put that file back from a backup; without it, its 512 x 512 px are unlabelled."
            raise ProjectError(f"{path} is damaged ({error}).", hint=hint) from error

    def _decoded(self, data: bytes) -> NDArray[Any]:
        return unpacked(data, (CHUNK_PX, CHUNK_PX), self._fill.dtype)

    def _check_there(self) -> None:
        file = self.folder / "zarr.json"
        if self._found:
            if not file.exists():
                hint = "Plug the disk in again, or put the folder back, and try again."
                raise DiskError(f"{self.folder} cannot be used: it is not there.", hint=hint)
            return
        found = _json(file)
        if found is None:
            return
        if any(found.get(key) != value for key, value in self._description().items()):
            text = f"{self.folder} has another shape or layout than this image needs."
            hint = "It belongs to another image or program; move it out of the project."
            raise ProjectError(text, hint=hint)
        self._found = True

    def _description(self) -> dict[str, Any]:
        chunk = [1] * (len(self.shape) - 2) + [CHUNK_PX, CHUNK_PX]
        coded: dict[str, Any] = {"name": "bytes"}
        if self.dtype.itemsize > 1:
            coded["configuration"] = {"endian": "little"}
        zstd = {"name": "zstd", "configuration": {"level": ZSTD_LEVEL, "checksum": True}}
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": list(self.shape),
            "data_type": self.dtype.name,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": int(self._fill),
            "codecs": [coded, zstd],
            "attributes": {},
            "dimension_names": ["z", "y", "x"][-len(self.shape) :],
        }


def _json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise disk_error(error, path, "read") from error
    except ValueError as error:
        hint = "Put that file back from a backup; the chunks beside it are not touched."
        raise ProjectError(f"{path} is damaged ({error}).", hint=hint) from error
    return dict(content)
