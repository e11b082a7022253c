"""Open TIFF files of any layout."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.io.images.axes import stack_axes
from napari_phenoai.io.images.fingerprint import file_fingerprint
from napari_phenoai.io.images.lazy import LazyImage
from napari_phenoai.io.images.orientation import UPRIGHT, Orientation
from napari_phenoai.io.images.planes import Oriented, Planes
from napari_phenoai.io.images.problems import DAMAGED_HINT, explained, unsupported
from napari_phenoai.io.images.raster import vips_pixels
from napari_phenoai.io.images.tiff_colour import coloured
from napari_phenoai.io.images.tiff_pages import (
    MappedPages,
    Pages,
    Segments,
    StackedPages,
    TiledPages,
)
from napari_phenoai.io.images.tiff_size import tiff_channels, tiff_pixel_um

if TYPE_CHECKING:
    from collections.abc import Callable

    import tifffile

__all__ = ["open_tiff"]

_ORIENTATION = 274
_PLAIN = (1, 2)
_HUGE_STRIP_BYTES = 16 << 20


def open_tiff(path: Path) -> LazyImage:
    """Open a TIFF file; of several series of pages the first is taken.

    Raises
    ------
    ImageError
        If the file is truncated or damaged, or has axes or values that no image
        here can have.
    """
    import tifffile

    uri = str(path)
    with explained(uri, "cannot be read as TIFF"), tifffile.TiffFile(path) as file:
        if not file.series:
            raise unsupported(uri, "holds no image", DAMAGED_HINT)
        _check_chain(file)
        series = file.series[0]
        _check_values(series, uri)
        orientation = _orientation(series)
        pyramid = tuple(_level(path, level, orientation) for level in series.levels)
        pixel_um, z_um = tiff_pixel_um(file, series)
        channels = tiff_channels(file, series, pyramid[0].shape[1])
        return LazyImage(
            uri=uri,
            kind="BigTIFF" if file.is_bigtiff else "TIFF",
            pyramid=pyramid,
            axes=str(series.axes),
            sign=lambda: file_fingerprint(path),
            channels=channels,
            pixel_um=pixel_um,
            z_um=z_um,
            orientation=orientation.tag,
            stream=_stream(path, series, pyramid[0]),
        )


def _check_chain(file: tifffile.TiffFile) -> None:
    """Raise an error if the chain of pages leads out of the file."""
    count, place = len(file.pages), file.pages.next_page_offset
    if place is None or file.is_ndpi:
        return
    file.filehandle.seek(place)
    following = file.filehandle.read(file.tiff.offsetsize)
    if len(following) < file.tiff.offsetsize or any(following):
        raise EOFError(f"it is truncated, the list of pages breaks off after {count}")


def _check_values(series: tifffile.TiffPageSeries, uri: str) -> None:
    kind = str(getattr(series.dtype, "name", "unknown"))
    if kind.rstrip("0123456789") not in ("bool", "uint", "int", "float"):
        hint = "Save it with whole numbers or floating point numbers."
        raise unsupported(uri, f"has pixel values of the kind {kind}", hint)
    if math.prod(series.shape) == 0 or "Y" not in series.axes or "X" not in series.axes:
        hint = "Save it as an image with rows and columns."
        raise unsupported(uri, f"has no image plane, but the axes {series.axes}", hint)


def _orientation(series: tifffile.TiffPageSeries) -> Orientation:
    tag = series.keyframe.tags.get(_ORIENTATION)
    return UPRIGHT if tag is None else Orientation.from_tag(int(tag.value))


def _level(path: Path, series: tifffile.TiffPageSeries, orientation: Orientation) -> Planes:
    names, lengths = _leading(series, str(path))
    z, c = stack_axes(names, lengths, str(path))
    pages = _pages(path, series, math.prod(lengths))
    numbers = np.arange(math.prod(lengths)).reshape(lengths)
    kept = [axis for axis in (z, c) if axis is not None]
    rest = [axis for axis in range(len(lengths)) if axis not in kept]
    sizes = (lengths[z] if z is not None else 1, lengths[c] if c is not None else 1)
    order = numbers.transpose(*kept, *rest).reshape(sizes).tolist()
    planes: Planes = coloured(StackedPages(pages, order), series.keyframe, str(path))
    return planes if orientation == UPRIGHT else Oriented(planes, orientation)


def _stream(
    path: Path, series: tifffile.TiffPageSeries, planes: Planes
) -> Callable[[int], Any] | None:
    """Return how to read planes line by line if they come in huge compressed strips."""
    if isinstance(planes, Oriented):
        planes = planes.planes
    if not isinstance(planes, StackedPages) or not isinstance(planes.pages, TiledPages):
        return None
    pages = planes.pages
    strip_bytes = math.prod(planes.chunk) * pages.dtype.itemsize
    plain = int(series.keyframe.photometric) in _PLAIN and pages.shaped[0] == 1
    stacked = len(planes.order[0]) == 1 and None not in pages.pages
    if strip_bytes < _HUGE_STRIP_BYTES or series.keyframe.is_tiled or not (plain and stacked):
        return None
    frames = [series[page] for (page,) in planes.order]
    numbers = [-1 if frame is None else frame.index for frame in frames]
    return lambda z: vips_pixels(path, page=numbers[z])


def _leading(series: tifffile.TiffPageSeries, uri: str) -> tuple[str, tuple[int, ...]]:
    axes, shape = series.get_axes(squeeze=False), series.get_shape(squeeze=False)
    kept = [(name, n) for name, n in zip(axes, shape, strict=True) if name not in "YXS"]
    page_count = math.prod(n for _, n in kept)
    samples = math.prod(n for name, n in zip(axes, shape, strict=True) if name == "S")
    page = series.keyframe.shaped
    fits = samples == page[0] * page[4] and page[1] == 1
    if not fits or (len(series.pages) not in (1, page_count)):
        hint = "Save it anew as TIFF with Fiji, or as OME-Zarr."
        raise unsupported(uri, f"has an unusual layout of pages (axes {axes}, {shape})", hint)
    return "".join(name for name, _ in kept).lower(), tuple(n for _, n in kept)


def _pages(path: Path, series: tifffile.TiffPageSeries, count: int) -> Pages:
    frame = series.keyframe
    offset = series.dataoffset
    nbytes = path.stat().st_size
    if offset is not None and frame.parent.filehandle.path == str(path.resolve()):
        stored = np.dtype(frame.parent.byteorder + series.dtype.char)
        planar, _, rows, columns, samples = frame.shaped
        mapped = MappedPages(path, stored, offset, (count, planar, rows, columns, samples))
        _check_end(offset + math.prod(mapped.shaped) * stored.itemsize, nbytes)
        return mapped
    if len(series.pages) != count:
        raise EOFError(f"{count} pages are announced and {len(series.pages)} are there")
    tables = tuple(_segments(page) for page in series)
    segment = _segment(frame)
    expected = frame.shaped[0] * math.prod(
        -(-n // step) for n, step in zip(frame.shaped[2:4], segment, strict=True)
    )
    for table in tables:
        _check_table(table, expected, nbytes)
    return TiledPages(
        path=path,
        decoder=_warm(frame),
        shaped=frame.shaped,
        segment=segment,
        dtype=np.dtype(series.dtype).newbyteorder("="),
        pages=tables,
        nodata=frame.nodata,
    )


def _check_table(table: Segments | None, expected: int, nbytes: int) -> None:
    if table is None:
        return
    found = min(len(table.offsets), len(table.sizes))
    if found < expected:
        raise EOFError(f"it lists {found} of {expected} strips or tiles")
    ends = (a + n for a, n in zip(table.offsets, table.sizes, strict=True))
    _check_end(max(ends, default=0), nbytes)


def _check_end(end: int, nbytes: int) -> None:
    if end > nbytes:
        raise EOFError(f"it is truncated, {nbytes} of at least {end} bytes are there")


def _segment(frame: tifffile.TiffPage) -> tuple[int, int]:
    if frame.is_tiled:
        return frame.tilelength, frame.tilewidth
    return max(1, min(frame.rowsperstrip, frame.imagelength)), frame.imagewidth


def _segments(page: Any) -> Segments | None:
    if page is None:
        return None
    return Segments(tuple(page.dataoffsets), tuple(page.databytecounts), page.jpegtables)


def _warm(frame: tifffile.TiffPage) -> tifffile.TiffPage:
    """Make the parts of `frame` that decoding needs while the file is still open."""
    for name in ("decode", "jpegheader", "nodata"):
        getattr(frame, name)
    return frame
