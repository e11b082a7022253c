"""Convert an image to an OME-Zarr pyramid in bounded memory."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_phenoai.core.progress import Progress, Work, scaled
from napari_phenoai.errors import ImageError
from napari_phenoai.io.files import PARTIAL, disk_errors, fsync_dir
from napari_phenoai.io.images.fingerprint import file_sha256
from napari_phenoai.io.images.ome_metadata import display_range, ome_attributes
from napari_phenoai.io.images.opening import open_image
from napari_phenoai.io.images.problems import explained
from napari_phenoai.io.images.pyramid import plan_pyramid, write_levels
from napari_phenoai.io.images.stores import local_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_phenoai.io.images.lazy import LazyImage

__all__ = ["convert_image"]

_HASH_SHARE, _WRITE_SHARE = 0.04, 0.97


def convert_image(uri: str | os.PathLike[str], destination: Path) -> Work[Path]:
    """Write the image at `uri` as an OME-Zarr 0.5 pyramid to the folder `destination`.

    The arrays are ``(c, y, x)``, or ``(c, z, y, x)`` for several planes, of the
    same type as the image, in chunks of 512 px, with levels of half the size down
    to at most 512 px. Orientation is applied, names of channels, pixel size, name
    and SHA-256 of the source are kept. Memory stays below 1 GB whatever the size.

    The folder appears when it is complete; if the work is closed or fails before,
    nothing is left.

    Returns
    -------
    Path
        `destination`. Progress is between 0 and 1.

    Raises
    ------
    ImageError
        If `uri` cannot be read, or `destination` exists already.
    DiskError
        If the disk is full or read-only.
    """
    destination = Path(destination)
    image = open_image(uri)
    if os.path.lexists(destination):
        hint = "Choose another name, or move the old one away."
        raise ImageError(f"{destination} exists already.", hint=hint)
    stage = destination.with_name(f".{destination.name}.{secrets.token_hex(6)}{PARTIAL}")
    with disk_errors(destination):
        try:
            origin = yield from scaled(_origin(image), 0.0, _HASH_SHARE)
            yield from scaled(_write(image, stage, origin), _HASH_SHARE, _WRITE_SHARE)
            yield from scaled(_flush(stage), _WRITE_SHARE, 1.0)
            stage.replace(destination)
            fsync_dir(destination.parent)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    return destination


def _origin(image: LazyImage) -> Work[Mapping[str, Any]]:
    facts: dict[str, Any] = {"kind": image.kind, "orientation": image.orientation}
    path = local_path(image.uri)
    if image.remote or not path.is_file():
        name = image.uri if image.remote else path.name
        return {**facts, "name": name, "fingerprint": image.fingerprint}
    with explained(image.uri):
        nbytes = path.stat().st_size
        digest = yield from _hashed(path, nbytes)
    return {**facts, "name": path.name, "bytes": nbytes, "sha256": digest}


def _hashed(path: Path, nbytes: int) -> Work[str]:
    work = file_sha256(path)
    try:
        while True:
            yield Progress(next(work), nbytes, "checksum")
    except StopIteration as end:
        digest: str = end.value
        return digest


def _write(image: LazyImage, stage: Path, origin: Mapping[str, Any]) -> Work[None]:
    import zarr

    plan = plan_pyramid(image.shape, image.dtype)
    arrays = yield from write_levels(image, plan, stage)
    ome = ome_attributes(image, str(origin["name"]), plan, display_range(arrays[-1]))
    group = zarr.open_group(str(stage), mode="r+")
    group.update_attributes({"ome": ome, "phenoai": {"format": 1, "source": origin}})


def _flush(stage: Path) -> Work[None]:
    """Make sure that the files survive a power cut once the folder has its name."""
    folders = [Path(root) for root, _, _ in os.walk(stage)]
    for number, folder in enumerate(folders, start=1):
        for child in folder.iterdir():
            if child.is_file():
                with child.open("rb+") as stream:
                    os.fsync(stream.fileno())
        fsync_dir(folder)
        yield Progress(number, len(folders), "saving")
