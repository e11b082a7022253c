"""File > Open Sample: scenes with exact truth, and a project to try everything on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_phenoai.testing.scenes import Scene, roots, rosettes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["lesions_scene", "roots_scene", "rosettes_scene", "sample_field"]

LayerData = tuple[Any, ...]

_SIZE = (768, 768)


def rosettes_scene() -> list[LayerData]:
    """Return a tray of rosettes and its exact mask."""
    return _layers(rosettes(1, _SIZE), "rosettes")


def lesions_scene() -> list[LayerData]:
    """Return leaves with lesions and their exact mask."""
    return _layers(rosettes(2, _SIZE, lesions=True), "lesions")


def roots_scene() -> list[LayerData]:
    """Return roots on paper and their exact mask."""
    return _layers(roots(3, _SIZE), "roots")


def sample_field() -> list[LayerData]:
    """Open the sample project in the workbench, and return its first image, hidden.

    napari wants a layer from every sample; the workbench shows the image itself.
    """
    from napari import current_viewer

    from napari_phenoai.io.images import open_image
    from napari_phenoai.plugin.readers import image_layer
    from napari_phenoai.testing.samples import samples_folder
    from napari_phenoai.ui.docks import show_dock
    from napari_phenoai.ui.sample_field import open_sample_field
    from napari_phenoai.ui.session import session_of

    viewer = current_viewer()
    if viewer is not None:
        show_dock(viewer, "Workbench")
        open_sample_field(session_of(viewer))
    first = min((samples_folder() / "images").iterdir())
    data, options, kind = image_layer(open_image(first), f"{first.stem} (sample)")
    return [(data, {**options, "visible": viewer is None}, kind)]


def _layers(scene: Scene, name: str) -> list[LayerData]:
    image: NDArray[np.uint8] = scene.image
    about = {"classes": dict(enumerate(scene.class_names, start=1))}
    return [
        (image, {"name": name, "rgb": True}, "image"),
        (scene.classes, {"name": f"{name} truth", "opacity": 0.4, "metadata": about}, "labels"),
    ]
