"""Bundles: a snapshot with its pixels, as files in a storage for a training elsewhere.

::

    manifest.json             written last: scheme, tiles, size and SHA-256 of every file
    snapshots/<hash>.json     the snapshot, byte for byte as in the project
    reviews/<id>.json         who decided what
    pixels/<id>-<hash>.tif    the pixels of a tile with their margin, (c, y, x)
    labels/<id>-<hash>.tif    their classes 1..K, (y, x); 0 where unknown, as in the margin

Any image program opens the TIFFs. A file's name changes with its content, so a transfer
that broke off goes on with what is missing, and several bundles may share a folder where
each has a manifest of its own name. Reading keeps everything in memory: nothing is
written to the disk, whatever a manifest says.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.ids import sha256_bytes
from napari_phenoai.core.ports import Sample
from napari_phenoai.core.progress import Progress
from napari_phenoai.core.records import Record, Review, Role, Snapshot
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.errors import ProjectError
from napari_phenoai.io.files import record_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_phenoai.core.places import Place
    from napari_phenoai.core.progress import Work

__all__ = [
    "MANIFEST",
    "SETS",
    "Bundle",
    "BundleFile",
    "BundleManifest",
    "BundleTile",
    "read_bundle",
    "write_bundle",
]

MANIFEST = "manifest.json"
SETS = "sets"
"""Folder for the manifests, where several bundles share their files."""
_MOST_MANIFEST = 64 * 1024 * 1024
_MOST_TILE = 1024 * 1024 * 1024
_MOST_TILES = 20_000
_HINT = "Make the bundle anew from the project and send it again."

_Name = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]{0,199}$")
_Hash = Field(pattern=r"^[0-9a-f]{64}$")


class BundleFile(Record):
    """One file of a bundle."""

    path: str = _Name
    bytes: int = Field(ge=0, le=_MOST_TILE)
    sha256: str = _Hash


class BundleTile(Record):
    """One tile as a training sees it; ``shape`` is that of its pixels, ``(c, y, x)``."""

    tile: str
    role: Role
    checked: tuple[int, ...]
    shape: tuple[int, int, int]
    dtype: str = Field(pattern=r"^(uint|int|float)(8|16|32|64)$")
    review: BundleFile
    pixels: BundleFile
    labels: BundleFile


class BundleManifest(Record):
    """``manifest.json``: what a bundle holds. ``snapshot`` is the hash of its file."""

    format: Literal[1] = 1
    kind: Literal["napari-phenoai bundle"] = "napari-phenoai bundle"
    snapshot: BundleFile
    scheme: ClassScheme
    pixel_um: float | None = Field(default=None, gt=0)
    tiles: tuple[BundleTile, ...] = Field(min_length=1, max_length=_MOST_TILES)


@dataclass(frozen=True)
class Bundle:
    """A bundle that was read, with every hash checked."""

    manifest: BundleManifest
    snapshot: Snapshot
    samples: tuple[Sample, ...]

    @property
    def snapshot_id(self) -> str:
        """Id of the snapshot, the same as in the project that it comes from."""
        return self.manifest.snapshot.sha256


def write_bundle(
    place: Place,
    snapshot: Snapshot,
    tiles: Iterable[tuple[Review, Sample]],
    *,
    pixel_um: float | None = None,
    manifest: str = MANIFEST,
) -> Work[BundleManifest]:
    """Write a bundle into the folder `place`; what is there already is not sent again.

    Parameters
    ----------
    place : Place
        The bundle's own folder.
    snapshot : Snapshot
        Which tiles, in which roles, under which scheme.
    tiles : iterable of (Review, Sample)
        One for each item of the snapshot, in its order.
    pixel_um : float, optional
        Edge length of a pixel in micrometres, where all images have the same.
    manifest : str
        Name of its manifest.

    Raises
    ------
    EndpointError
        If the storage cannot be written.
    """
    total = len(snapshot.items)
    entries: list[BundleTile] = []
    for number, (review, sample) in enumerate(tiles):
        yield Progress(number, total, f"sending tile {number + 1} of {total}")
        entries.append(_sent_tile(place, review, sample))
    data = record_bytes(snapshot)
    whole = BundleManifest(
        snapshot=_sent(place, f"snapshots/{sha256_bytes(data)[:16]}.json", data),
        scheme=snapshot.scheme,
        pixel_um=pixel_um,
        tiles=tuple(entries),
    )
    _sent(place, manifest, record_bytes(whole), always=True)
    yield Progress(total, total, "all tiles are there")
    return whole


def read_bundle(place: Place, manifest: str = MANIFEST) -> Work[Bundle]:
    """Read the bundle in the folder `place` and check all of it.

    Parameters
    ----------
    place : Place
        Its folder.
    manifest : str
        Name of its manifest.

    Raises
    ------
    ProjectError
        If a file is missing, was changed, or is not what the manifest says.
    NewerFormatError
        If a newer version of this package has written it.
    EndpointError
        If the storage cannot be read.
    """
    from pathlib import Path

    from napari_phenoai.io.files import parse_record

    data = place.get(manifest, _MOST_MANIFEST)
    whole = parse_record(data, Path(manifest), BundleManifest, "manifest of the bundle")
    content = _content(place, whole.snapshot)
    name = Path(whole.snapshot.path)
    snapshot = parse_record(content, name, Snapshot, "snapshot of the bundle")
    _check_same(whole, snapshot)
    samples = []
    for number, entry in enumerate(whole.tiles):
        yield Progress(number, len(whole.tiles), f"reading tile {number + 1} of the bundle")
        review = parse_record(
            _content(place, entry.review), Path(entry.review.path), Review, "review"
        )
        if review.id != snapshot.items[number].review or review.tile.key != entry.tile:
            raise _damaged(entry.review.path, "it is not the review that the snapshot names")
        samples.append(_sample(place, entry))
    return Bundle(whole, snapshot, tuple(samples))


def _check_same(manifest: BundleManifest, snapshot: Snapshot) -> None:
    """Raise unless manifest and snapshot speak of the same tiles and classes."""
    roles = [item.role for item in snapshot.items]
    if manifest.scheme != snapshot.scheme or [tile.role for tile in manifest.tiles] != roles:
        raise _damaged(MANIFEST, "it does not fit the snapshot")


def _sent_tile(place: Place, review: Review, sample: Sample) -> BundleTile:
    pixels, labels = _tiff(sample.pixels), _tiff(sample.labels)
    return BundleTile(
        tile=sample.tile.key,
        role=sample.role,
        checked=sample.checked,
        shape=sample.pixels.shape,
        dtype=str(sample.pixels.dtype),
        review=_sent(place, f"reviews/{review.id}.json", record_bytes(review)),
        pixels=_sent(place, f"pixels/{review.id}-{sha256_bytes(pixels)[:16]}.tif", pixels),
        labels=_sent(place, f"labels/{review.id}-{sha256_bytes(labels)[:16]}.tif", labels),
    )


def _sent(place: Place, name: str, data: bytes, *, always: bool = False) -> BundleFile:
    if always or place.size(name) != len(data):
        place.put(name, data)
    return BundleFile(path=name, bytes=len(data), sha256=sha256_bytes(data))


def _content(place: Place, file: BundleFile) -> bytes:
    data = place.get(file.path, file.bytes)
    if sha256_bytes(data) != file.sha256:
        raise _damaged(file.path, "its content is not what the manifest says")
    return data


def _sample(place: Place, entry: BundleTile) -> Sample:
    count, rows, columns = entry.shape
    dtype = np.dtype(entry.dtype)
    if min(entry.shape) < 1 or count * rows * columns * dtype.itemsize > _MOST_TILE:
        raise _damaged(entry.pixels.path, "such a tile is too large")
    pixels = _array(_content(place, entry.pixels), entry.pixels.path, entry.shape, dtype)
    plane = (1, rows, columns)
    labels = _array(_content(place, entry.labels), entry.labels.path, plane, np.dtype(np.uint8))
    tile = Tile.from_key(entry.tile)
    return Sample(pixels, labels[0].astype(np.uint8), entry.checked, tile, entry.role)


def _tiff(array: NDArray[np.generic]) -> bytes:
    """Return ``(c, y, x)`` or ``(y, x)`` as a deflated TIFF, the same for the same pixels."""
    import tifffile

    planes = array if array.ndim == 3 else array[np.newaxis]
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for plane in planes:
            writer.write(
                np.ascontiguousarray(plane),
                photometric="minisblack",
                compression="adobe_deflate",
                metadata=None,
                software=False,
                rowsperstrip=plane.shape[0],
            )
    return buffer.getvalue()


def _array(
    data: bytes, path: str, shape: tuple[int, int, int], dtype: np.dtype[np.generic]
) -> NDArray[np.generic]:
    """Return the planes of a TIFF; their size is checked before anything is decoded."""
    import tifffile

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            pages = list(file.pages)
            found = {(page.shape, page.dtype) for page in pages}
            if len(pages) != shape[0] or found != {(shape[1:], dtype)}:
                raise _damaged(path, "its size is not what the manifest says")
            return np.stack([page.asarray() for page in pages])
    except (tifffile.TiffFileError, ValueError, RuntimeError, OSError) as error:
        raise _damaged(path, "it cannot be decoded") from error


def _damaged(path: str, reason: str) -> ProjectError:
    return ProjectError(f"The file {path} of the bundle is damaged: {reason}.", hint=_HINT)
