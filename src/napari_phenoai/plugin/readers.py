"""Readers: a project folder into the workbench, an image as a lazy layer.

napari asks the person whenever two readers claim a name, so this plugin claims few:
folders (there is no narrower claim for them) and the TIFF families that tend to be
too large for memory. Everything else opens lazily with *File > IO Utilities >
PhenoAI > Open image lazily*, or when it is dropped on the Project dock.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_phenoai.io.images import image_uris, open_image
from napari_phenoai.io.project import Project, is_project
from napari_phenoai.ui.docks import show_dock
from napari_phenoai.ui.picture import is_colour
from napari_phenoai.ui.preferences import remember_reader
from napari_phenoai.ui.session import session_of

if TYPE_CHECKING:
    from napari_phenoai.core.ports import ImageSource

__all__ = ["folder_reader", "image_layer", "image_reader"]

LayerData = tuple[Any, ...]
Reader = Callable[[str], list[LayerData]]

_NO_LAYERS: list[LayerData] = [(None,)]


def folder_reader(path: str | list[str]) -> Reader | None:
    """Return what reads a project, or a folder of images; None for anything else.

    Zarr folders are left to the readers that are made for them.
    """
    if not isinstance(path, str) or Path(path).suffix.lower() == ".zarr":
        return None
    if is_project(Path(path)):
        return _read_project
    return _read_folder if Path(path).is_dir() else None


def image_reader(path: str | list[str]) -> Reader | None:
    """Return what opens an image file lazily; None for a list of files."""
    return _read_image if isinstance(path, str) else None


def image_layer(source: ImageSource, name: str) -> LayerData:
    """Return an image as a lazy, multiscale layer.

    Parameters
    ----------
    source : ImageSource
        The image.
    name : str
        Name of the layer.

    Returns
    -------
    tuple
        Data, arguments of the layer and ``image``. Colour images are one layer;
        of others, each channel is one.
    """
    import dask.array as da

    colour = is_colour(source)
    levels = [da.asarray(level) for level in source.levels]
    options: dict[str, Any] = {"name": name, "rgb": colour}
    if colour:
        levels = [da.moveaxis(level[:, :3], 1, -1) for level in levels]
    else:
        options |= _channels(source, name)
    levels, stack = (levels, True) if source.shape[0] > 1 else ([lv[0] for lv in levels], False)
    if source.pixel_um is not None:
        options["scale"] = [*([1.0] if stack else []), source.pixel_um, source.pixel_um]
        options["units"] = [*(["pixel"] if stack else []), "um", "um"]
    many = len(levels) > 1
    return levels if many else levels[0], {**options, "multiscale": many}, "image"


def _channels(source: ImageSource, name: str) -> dict[str, Any]:
    count = source.shape[1]
    if count == 1:
        return {"channel_axis": 1 if source.shape[0] > 1 else 0, "name": [name]}
    names = source.channels if len(source.channels) == count else [""] * count
    named = [f"{name} {label or number}" for number, label in enumerate(names, start=1)]
    return {"channel_axis": 1 if source.shape[0] > 1 else 0, "name": named}


def _read_image(path: str) -> list[LayerData]:
    return [image_layer(open_image(path), Path(path).name)]


def _read_folder(path: str) -> list[LayerData]:
    return [layer for uri in image_uris(path) for layer in _read_image(uri)]


def _read_project(path: str) -> list[LayerData]:
    """Open the project in the current viewer; without one, return its images as layers."""
    from napari import current_viewer

    viewer = current_viewer()
    if viewer is None:
        with Project.open(path) as project:
            images = project.images()
            return [image_layer(project.source(item.id), item.name) for item in images]
    remember_reader()
    show_dock(viewer, "Workbench")
    session_of(viewer).open_project(path)
    return _NO_LAYERS
