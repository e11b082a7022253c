"""Pictures: one plane of an image made ready for a viewer, without making it wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.ui.pyramid import PatientPyramid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.ports import ImageSource
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.blocks import BlockReader

__all__ = ["Picture", "PictureChannel", "is_colour", "open_picture", "read_lazily"]

_TINTS = ("gray", "green", "magenta", "cyan", "yellow", "red", "blue")
_SAMPLE_PX = 1024

_Pixels = Callable[[int, int, slice, slice, slice], "NDArray[Any]"]
"""Reads ``(c, y, x)`` by level, plane, channels, rows and columns."""


@dataclass(frozen=True)
class PictureChannel:
    """What becomes one image layer: a colour image or one channel.

    ``limits`` are the values drawn black and white.
    """

    name: str
    pyramid: PatientPyramid
    limits: tuple[float, float]
    tint: str
    visible: bool


@dataclass(frozen=True)
class Picture:
    """One plane of one image of a project, ready to be shown.

    ``pixel_um`` is the edge length of a pixel; None where it is not known.
    """

    image: str
    z: int
    shape: tuple[int, int]
    pixel_um: float | None
    colour: bool
    channels: tuple[PictureChannel, ...]

    @property
    def scale(self) -> float:
        """World units per pixel: micrometres, or pixels where the size is not known."""
        return self.pixel_um or 1.0

    def close(self) -> None:
        """Let go of the blocks in memory."""
        for channel in self.channels:
            channel.pyramid.release()


def is_colour(source: ImageSource) -> bool:
    """Tell whether the channels of an image are red, green and blue (and opacity)."""
    names = {name.strip().lower() for name in source.channels if name.strip()}
    usual = names <= {"red", "green", "blue", "alpha", "r", "g", "b", "a", "rgb", "opacity"}
    return source.shape[1] in (3, 4) and usual and source.dtype in (np.uint8, np.uint16)


def read_lazily(level: Any, *key: Any) -> NDArray[Any]:
    """Return a part of a lazy array, computed in this thread."""
    part = level[key]
    compute = getattr(part, "compute", None)
    return np.asarray(compute(scheduler="synchronous") if compute else part)


def _reader_of(source: ImageSource) -> _Pixels:
    """Return ``read(level, z, channels, rows, columns)``, the shortest way to the pixels.

    A lazy array of a very large image has so many chunks that looking for those of a block
    takes longer than reading them.
    """
    window = getattr(source, "window", None)
    levels: Sequence[Any] = source.levels

    def read(level: int, z: int, channels: slice, rows: slice, columns: slice) -> NDArray[Any]:
        if window is None:
            return read_lazily(levels[level], z, channels, rows, columns)
        pixels: NDArray[Any] = window(z, channels, rows, columns, level=level)
        return pixels

    return read


def open_picture(project: Project, image: str, z: int, reader: BlockReader) -> Picture:
    """Open an image of `project` and look at its values; takes long for a remote one."""
    source, record = project.source(image), project.image(image)
    levels, pixels = list(source.levels), _reader_of(source)
    colour = is_colour(source)
    count = 3 if colour else source.shape[1]
    limits = _limits(levels[-1], z, count, source.dtype)
    if colour:
        white = (float(min(low for low, _ in limits)), float(max(high for _, high in limits)))
        pyramid = _colour_pyramid(levels, pixels, z, reader, white)
        channels = [PictureChannel(record.name, pyramid, (0, 255), "gray", visible=True)]
    else:
        names = source.channels if len(source.channels) == count else ("",) * count
        channels = [
            PictureChannel(
                _channel_name(record.name, names[at], at, count),
                _plain_pyramid(levels, pixels, z, at, reader),
                limits[at],
                "gray" if count == 1 else _TINTS[1 + at % (len(_TINTS) - 1)],
                at < 3,
            )
            for at in range(count)
        ]
    for channel in channels:
        if channel.visible:
            channel.pyramid.prepare()
    return Picture(image, z, record.plane, record.pixel_um, colour, tuple(channels))


def _channel_name(image: str, name: str, at: int, count: int) -> str:
    return image if count == 1 else f"{image} {name or f'channel {at + 1}'}"


def _plain_pyramid(
    levels: Sequence[Any], pixels: _Pixels, z: int, at: int, reader: BlockReader
) -> PatientPyramid:
    def read(level: int, rows: slice, columns: slice) -> NDArray[Any]:
        plane: NDArray[Any] = pixels(level, z, slice(at, at + 1), rows, columns)[0]
        return plane

    return PatientPyramid(_planes(levels), levels[0].dtype, read, reader)


def _colour_pyramid(
    levels: Sequence[Any], pixels: _Pixels, z: int, reader: BlockReader, limits: tuple[float, float]
) -> PatientPyramid:
    plain = levels[0].dtype == np.uint8
    convert = _unchanged if plain else partial(_to_bytes, limits=limits)

    def read(level: int, rows: slice, columns: slice) -> NDArray[Any]:
        return convert(np.moveaxis(pixels(level, z, slice(0, 3), rows, columns), 0, -1))

    return PatientPyramid(_planes(levels), np.dtype(np.uint8), read, reader, samples=3)


def _planes(levels: Sequence[Any]) -> list[tuple[int, int]]:
    return [(level.shape[-2], level.shape[-1]) for level in levels]


def _limits(level: Any, z: int, count: int, dtype: np.dtype[Any]) -> list[tuple[float, float]]:
    if dtype == np.uint8:
        return [(0.0, 255.0)] * count
    step_y, step_x = (max(1, size // _SAMPLE_PX) for size in level.shape[-2:])
    rows, columns = slice(None, None, step_y), slice(None, None, step_x)
    sample = read_lazily(level, z, slice(0, count), rows, columns)
    return [_range(channel) for channel in sample]


def _range(values: NDArray[Any]) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = np.percentile(finite, (0.2, 99.8))
    return float(low), float(max(high, low + np.finfo(np.float32).eps, low + abs(low) * 1e-6))


def _to_bytes(pixels: NDArray[Any], limits: tuple[float, float]) -> NDArray[np.uint8]:
    low, high = limits
    scaled = (pixels.astype(np.float32) - low) * (255 / (high - low))
    return scaled.clip(0, 255).astype(np.uint8)


def _unchanged(pixels: NDArray[Any]) -> NDArray[Any]:
    return pixels
