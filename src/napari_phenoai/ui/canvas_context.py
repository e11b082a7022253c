"""What layers leave on the graphics card is deleted where it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_phenoai.ui.inner_view import canvas_part

if TYPE_CHECKING:
    import napari

__all__ = ["delete_in_its_context"]


def delete_in_its_context(viewer: napari.Viewer) -> None:
    """Let `viewer` make the context of its canvas current before a layer is removed.

    napari 0.9 deletes the programs and textures of a removed layer at once, in whichever
    context is current then; between two drawings that is Qt's own. Mesa 22.3 keeps programs
    that are deleted so for later, and when it deletes them it forgets the one that is about
    to draw: where the next pictures consist of a single program, the process ends.
    """
    scene = canvas_part(viewer, "_scene_canvas")
    if scene is not None:
        viewer.layers.events.removing.connect(scene.set_current)  # once, however often asked
