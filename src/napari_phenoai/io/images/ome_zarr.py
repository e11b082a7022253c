"""Open OME-Zarr images of all versions, and plain zarr arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.errors import ImageError
from napari_phenoai.io.images.axes import stack_axes
from napari_phenoai.io.images.fingerprint import stored_fingerprint
from napari_phenoai.io.images.lazy import LazyImage
from napari_phenoai.io.images.problems import DAMAGED_HINT, NETWORK_HINT, explained, unsupported
from napari_phenoai.io.images.stores import documents, is_address, zarr_store
from napari_phenoai.io.images.units import RGB_NAMES, in_um, square

if TYPE_CHECKING:
    import zarr
    from numpy.typing import NDArray
    from zarr.abc.store import Store

__all__ = ["ZarrPlanes", "open_zarr"]

_FEW = 4
_NO_ZARR_HINT = "Check the address: it must end at the folder with zarr.json, .zattrs or .zarray."


@dataclass(frozen=True)
class ZarrPlanes:
    """A zarr array with its axes sorted; ``z`` and ``c`` are axis numbers or None."""

    array: zarr.Array[Any]
    z: int | None
    c: int | None
    y: int
    x: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Extent ``(z, c, y, x)``."""
        sizes = self.array.shape
        z, c = (1 if axis is None else sizes[axis] for axis in (self.z, self.c))
        return z, c, sizes[self.y], sizes[self.x]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixel values in the byte order of this machine."""
        return np.dtype(self.array.dtype).newbyteorder("=")

    @property
    def chunk(self) -> tuple[int, int, int]:
        """Extent ``(c, y, x)`` of a chunk."""
        chunks = self.array.chunks
        c = 1 if self.c is None else chunks[self.c]
        return c, chunks[self.y], chunks[self.x]

    def read(self, z: int, c: slice, y: slice, x: slice) -> NDArray[Any]:
        """Return the window as ``(c, y, x)``."""
        key: list[int | slice] = [0] * self.array.ndim
        kept = {self.y: y, self.x: x}
        if self.c is not None:
            kept[self.c] = c
        if self.z is not None:
            key[self.z] = z
        for axis, window in kept.items():
            key[axis] = window
        pixels = np.asarray(self.array[tuple(key)])
        left = sorted(kept)
        wanted = [left.index(axis) for axis in (self.c, self.y, self.x) if axis is not None]
        pixels = pixels.transpose(wanted)
        return pixels if self.c is not None else pixels[None]


def open_zarr(uri: str) -> LazyImage:
    """Open an OME-Zarr image (0.1 to 0.5) or a zarr array, in a folder or at an address.

    A group that bioformats2raw made holds several images; its first is opened.
    The axes of a plain array are its dimension names. Without names, an axis of
    1 to 4 at the end or the beginning of three holds the channels, and the first
    of three longer ones the planes.

    Raises
    ------
    ImageError
        If there is no such image, it cannot be reached, or its axes do not fit.
    """
    store = zarr_store(uri)
    found = documents(store, uri)
    if not found:
        raise ImageError(f"{uri} holds no zarr image.", hint=_NO_ZARR_HINT)
    with explained(uri, "cannot be opened as zarr", _hint(uri)):
        attributes = _attributes(found)
        if "multiscales" not in attributes and "bioformats2raw.layout" in attributes:
            found = documents(store, uri, "0")
            attributes = _attributes(found)
            return _opened(store, uri, found, attributes, folder="0/")
        return _opened(store, uri, found, attributes, folder="")


def _hint(uri: str) -> str:
    return NETWORK_HINT if is_address(uri) else DAMAGED_HINT


def _attributes(found: Mapping[str, Any]) -> Mapping[str, Any]:
    attributes = found.get("zarr.json", {}).get("attributes", found.get(".zattrs", {}))
    ome = attributes.get("ome")
    return ome if isinstance(ome, Mapping) else attributes


def _opened(
    store: Store, uri: str, found: Mapping[str, Any], attributes: Mapping[str, Any], folder: str
) -> LazyImage:
    if attributes.get("multiscales"):
        return _multiscale(store, uri, attributes, folder)
    if ".zarray" in found or found.get("zarr.json", {}).get("node_type") == "array":
        return _plain(store, uri, found)
    what = "is a plate of images" if "plate" in attributes else "is a zarr group without an image"
    hint = "Give the address of one image or array in it."
    raise unsupported(uri, what, hint)


def _multiscale(store: Store, uri: str, attributes: Mapping[str, Any], folder: str) -> LazyImage:
    scales = attributes["multiscales"][0]
    paths = [str(level["path"]) for level in scales["datasets"]]
    arrays = [_array(store, folder + path) for path in paths]
    axes = _axis_list(scales.get("axes"), arrays[0].ndim)
    pyramid = tuple(_sorted_planes(array, axes, uri) for array in arrays)
    pixel_um, z_um = _scale_um(scales, axes, pyramid[0])
    version = attributes.get("version", scales.get("version", ""))
    facts = [attributes, *(_facts(array) for array in arrays)]
    return LazyImage(
        uri=uri,
        kind=f"OME-Zarr {version}".strip(),
        pyramid=pyramid,
        axes="".join(axis["name"] for axis in axes).upper(),
        sign=lambda: stored_fingerprint(facts, pyramid[-1]),
        channels=_channel_names(attributes.get("omero"), pyramid[0].shape[1]),
        pixel_um=pixel_um,
        z_um=z_um,
        remote=is_address(uri),
    )


def _plain(store: Store, uri: str, found: Mapping[str, Any]) -> LazyImage:
    array = _array(store, "")
    names = found.get("zarr.json", {}).get("dimension_names")
    names = names or found.get(".zattrs", {}).get("_ARRAY_DIMENSIONS")
    if names and all(isinstance(name, str) for name in names):
        axes = _axis_list([str(name) for name in names], array.ndim)
    else:
        axes = _axis_list(list(_guessed_axes(array.shape, uri)), array.ndim)
    planes = _sorted_planes(array, axes, uri)
    return LazyImage(
        uri=uri,
        kind="zarr array",
        pyramid=(planes,),
        axes="".join(axis["name"] for axis in axes).upper(),
        sign=lambda: stored_fingerprint(_facts(array), planes),
        channels=RGB_NAMES if axes[-1]["name"] == "c" and planes.shape[1] == 3 else (),
        remote=is_address(uri),
    )


def _array(store: Store, path: str) -> zarr.Array[Any]:
    import zarr

    return zarr.open_array(store=store, path=path, mode="r")


def _facts(array: zarr.Array[Any]) -> Mapping[str, Any]:
    return {"shape": array.shape, "chunks": array.chunks, "dtype": str(array.dtype)}


def _axis_list(axes: Any, ndim: int) -> list[dict[str, str]]:
    if not axes:
        axes = list("tczyx"[-ndim:])
    listed = [axis if isinstance(axis, Mapping) else {"name": str(axis)} for axis in axes]
    if len(listed) != ndim:
        raise ValueError(f"{len(listed)} axes are named for an array of {ndim}")
    return [{key: str(value).lower() for key, value in axis.items()} for axis in listed]


def _guessed_axes(shape: Sequence[int], uri: str) -> str:
    if len(shape) == 2:
        return "yx"
    if len(shape) in (3, 4) and shape[-1] <= _FEW:
        return "zyxc"[-len(shape) :]
    if len(shape) == 3:
        return "cyx" if shape[0] <= _FEW else "zyx"
    hint = "Save it as OME-Zarr, which names the axes."
    raise unsupported(uri, f"has {len(shape)} axes without names", hint)


def _sorted_planes(
    array: zarr.Array[Any], axes: Sequence[Mapping[str, str]], uri: str
) -> ZarrPlanes:
    if array.dtype.kind not in "buif":
        hint = "Save it with whole numbers or floating point numbers."
        raise unsupported(uri, f"has pixel values of the kind {array.dtype}", hint)
    names = [axis["name"] for axis in axes]
    if "y" in names and "x" in names:
        y, x = names.index("y"), names.index("x")
    else:
        spaces = [i for i, axis in enumerate(axes) if axis.get("type") == "space"]
        if len(spaces) < 2:
            hint = "Save it as OME-Zarr, which names the axes."
            raise unsupported(uri, f"has no axes y and x, but {', '.join(names)}", hint)
        y, x = spaces[-2:]
    others = [i for i in range(len(axes)) if i not in (y, x)]
    labels = ["c" if axes[i].get("type") == "channel" else names[i] for i in others]
    z, c = stack_axes(labels, [array.shape[i] for i in others], uri)
    return ZarrPlanes(array, _pick(others, z), _pick(others, c), y, x)


def _pick(others: Sequence[int], place: int | None) -> int | None:
    return None if place is None else others[place]


def _scale_um(
    scales: Mapping[str, Any], axes: Sequence[Mapping[str, str]], planes: ZarrPlanes
) -> tuple[float | None, float | None]:
    """Return pixel edge and plane distance; only axes with a unit of length have one."""
    total = [1.0] * len(axes)
    for holder in (scales["datasets"][0], scales):
        for step in holder.get("coordinateTransformations") or ():
            if step.get("type") == "scale" and "scale" in step:
                total = [a * float(b) for a, b in zip(total, step["scale"], strict=True)]
    lengths = [in_um(value, axis.get("unit")) for value, axis in zip(total, axes, strict=True)]
    z_um = lengths[planes.z] if planes.z is not None else None
    return square(lengths[planes.y], lengths[planes.x]), z_um


def _channel_names(omero: Any, count: int) -> tuple[str, ...]:
    if not isinstance(omero, Mapping) or not isinstance(omero.get("channels"), Sequence):
        return ()
    names = tuple(str(channel.get("label") or "") for channel in omero["channels"])
    return names if len(names) == count and all(names) else ()
