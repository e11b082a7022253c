"""Embeddings on disk: computed once for each tile, network and image."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from napari_phenoai.core.progress import Progress
from napari_phenoai.ml.sam.embedding import Embedding
from napari_phenoai.ml.sam.view import View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.ports import ImageSource
    from napari_phenoai.core.progress import Work

__all__ = ["EmbeddingCache", "Encoder", "cache_folder", "embedding_of", "embeddings_for"]

_FORMAT = 1
_ENDING = ".safetensors"
_PART = ".part"
_OLD_SECONDS = 3600.0
_ALL = View()
_log = logging.getLogger(__name__)


class Encoder(Protocol):
    """What makes embeddings; a `Prompter` is one."""

    @property
    def fingerprint(self) -> str:
        """Text that changes with the network and its precision."""
        ...

    def embed(
        self, pixels: np.ndarray, view: View = ..., *, go_on: Callable[[], bool] | None = ...
    ) -> Embedding:
        """Return the embedding of a tile ``(c, y, x)``."""
        ...


def cache_folder() -> Path:
    """Return where embeddings are kept; it may be deleted at any time."""
    from platformdirs import user_cache_path

    return user_cache_path("napari-phenoai", appauthor=False) / "sam-embeddings"


class EmbeddingCache:
    """Embeddings in a folder that never grows beyond a limit; those used last stay.

    Any number of processes may use one folder. A file appears whole or not at all, and
    one that is damaged is removed and counts as missing. A disk that is full or cannot
    be written is done without.

    Parameters
    ----------
    folder : Path, optional
        The cache folder of the user, unless told otherwise.
    limit_bytes : int
        Bytes of all files together; the default, 2 GiB, holds about 500 embeddings.
    dtype : str
        ``float32`` gives back what was put in. ``float16`` takes half the space and rounds
        each number by up to 2 ** -11 of itself, which may move single pixels of an outline.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        limit_bytes: int = 2 * 2**30,
        dtype: Literal["float32", "float16"] = "float32",
    ) -> None:
        self.folder = cache_folder() if folder is None else folder
        self.limit_bytes = limit_bytes
        self._dtype = np.dtype(dtype)

    @staticmethod
    def key(model: str, image: str, tile: Tile, view: View = _ALL) -> str:
        """Return the name of an embedding.

        Parameters
        ----------
        model, image : str
            Fingerprints of the network and of the image.
        tile : Tile
            Which pixels; the id of its image does not count.
        view : View
            How they were made RGB.
        """
        place = (tile.z, tile.y, tile.x, tile.height, tile.width)
        text = repr((_FORMAT, model, image, place, view.key))
        return hashlib.sha256(text.encode()).hexdigest()[:40]

    def __contains__(self, key: str) -> bool:
        return self._path(key).is_file()

    @property
    def bytes_used(self) -> int:
        """Bytes of all embeddings."""
        return sum(size for _, size, _ in self._files())

    def get(self, key: str) -> Embedding | None:
        """Return an embedding, or None where there is none or it is damaged."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        found = _read(data)
        if found is None:
            _log.warning("The embedding %s is damaged and is made anew.", path)
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):
            os.utime(path)
        return found

    def put(self, key: str, embedding: Embedding) -> bool:
        """Keep an embedding; return whether it could be written."""
        path = self._path(key)
        beside = path.with_name(f".{key}.{secrets.token_hex(6)}{_PART}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(_written(embedding, self._dtype))
            beside.replace(path)
        except OSError as error:
            _log.warning("The embedding %s cannot be kept: %s", path, error)
            return False
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
        self._make_room(path)
        return True

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_ENDING}"

    def _files(self) -> list[tuple[float, int, Path]]:
        """Return when each was used last, its size and its path; clear what crashes left."""
        found = []
        try:
            entries = list(os.scandir(self.folder))
        except OSError:
            return []
        for entry in entries:
            with suppress(OSError):
                stat = entry.stat()
                if entry.name.endswith(_ENDING):
                    found.append((stat.st_mtime, stat.st_size, Path(entry.path)))
                elif entry.name.endswith(_PART) and time.time() - stat.st_mtime > _OLD_SECONDS:
                    Path(entry.path).unlink()
        return found

    def _make_room(self, newest: Path) -> None:
        files = self._files()
        used = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if used <= self.limit_bytes:
                return
            if path != newest:
                with suppress(OSError):
                    path.unlink()
                used -= size


def embedding_of(
    encoder: Encoder,
    cache: EmbeddingCache,
    source: ImageSource,
    tile: Tile,
    view: View = _ALL,
    *,
    go_on: Callable[[], bool] | None = None,
) -> Embedding:
    """Return the embedding of a tile from the cache, or make it and keep it there.

    Making it can be stopped: see `Prompter.embed` about `go_on`.

    Raises
    ------
    GivenUpError
        If it was stopped.
    ImageError
        If the pixels cannot be read.
    DeviceMemoryError
        If the memory is too small for it.
    """
    key = cache.key(encoder.fingerprint, source.fingerprint, tile, view)
    found = cache.get(key)
    if found is None or found.size != tile.shape:
        found = encoder.embed(source.read(tile), view, go_on=go_on)
        cache.put(key, found)
    return found


def embeddings_for(
    encoder: Encoder,
    cache: EmbeddingCache,
    source_of: Callable[[str], ImageSource],
    tiles: Iterable[Tile],
    view: View = _ALL,
) -> Work[int]:
    """Fill the cache for tiles that come next, so that their first prompt does not wait.

    It can be stopped between two tiles; those that are done stay.

    Parameters
    ----------
    encoder : Encoder
        A `Prompter`.
    cache : EmbeddingCache
        What is filled.
    source_of : callable
        Returns the image of an id.
    tiles : iterable of Tile
        In the order that they are needed.
    view : View
        How they are made RGB.

    Returns
    -------
    int
        How many had to be computed.
    """
    wanted = list(tiles)
    made = 0
    for number, tile in enumerate(wanted):
        yield Progress(number, len(wanted), f"preparing outlines of {tile.key}")
        source = source_of(tile.image)
        if cache.key(encoder.fingerprint, source.fingerprint, tile, view) in cache:
            continue
        embedding_of(encoder, cache, source, tile, view)
        made += 1
    yield Progress(len(wanted), len(wanted), "outlines prepared", {"computed": made})
    return made


def _written(embedding: Embedding, dtype: np.dtype[np.generic]) -> bytes:
    from safetensors.numpy import save

    features = embedding.features.astype(np.float32)
    with np.errstate(over="ignore"):
        shorter = features.astype(dtype)
    kept = shorter if np.isfinite(shorter).all() else features
    kept = np.ascontiguousarray(kept)
    size = np.array(embedding.size, np.int64)
    return save({"features": kept, "size": size, "crc": _sum(kept, size)})


def _read(data: bytes) -> Embedding | None:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(data)
        features, size = arrays["features"], arrays["size"]
        whole = int(arrays["crc"][0]) == int(_sum(features, size)[0])
    except (SafetensorError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None
    if not whole or features.ndim != 3 or size.shape != (2,):
        return None
    return Embedding(features.astype(np.float32, copy=False), (int(size[0]), int(size[1])))


def _sum(features: np.ndarray, size: np.ndarray) -> np.ndarray:
    return np.array([zlib.crc32(size.tobytes(), zlib.crc32(features.data))], np.int64)
