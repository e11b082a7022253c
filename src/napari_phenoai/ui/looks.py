"""Looks: how labels are drawn, and which overlays are seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from napari_phenoai.ui.layer_list import LayerListRest
from napari_phenoai.ui.layer_stack import LayerStack
from napari_phenoai.ui.objects_now import objects_now

if TYPE_CHECKING:
    import napari

    from napari_phenoai.ui.session import Session

__all__ = ["OPACITIES", "Looks"]

OPACITIES = (0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0)
"""Steps of `Looks.fade`."""


class Looks:
    """The wishes of a person about how the layers of one viewer are drawn.

    Parameters
    ----------
    viewer : napari.Viewer
        Has the layers.
    session : Session
        Knows the classes and their colours.

    Attributes
    ----------
    stack : LayerStack
        The layers themselves; ``stack.tile`` is the one to paint in.
    rests : tuple of Rest
        What waits while the canvas is got ready.
    """

    view_changed = Signal()

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        self.session = session
        self.stack = LayerStack(viewer)
        self.outline = False
        self.hidden = False
        self.opacity = 0.55
        self.rests = (LayerListRest(viewer), session.background.rest)
        self._before: bool | None = None

    def set_outline(self, outline: bool) -> None:
        """Draw classes as outlines, or filled."""
        self.outline = outline
        self.restyle()

    def set_hidden(self, hidden: bool) -> None:
        """Hide everything that lies over the image, or show it again."""
        self.hidden = hidden
        self.restyle()

    def set_opacity(self, opacity: float) -> None:
        """Draw labels with `opacity` in [0, 1]."""
        self.opacity = opacity
        self.restyle()

    def fade(self, direction: int) -> None:
        """Draw labels a step stronger, or with -1 a step fainter; see `OPACITIES`."""
        steps = [step for step in OPACITIES[::direction] if (step - self.opacity) * direction > 0]
        if steps:
            self.set_opacity(steps[0])

    def show(self, name: str, *, visible: bool) -> None:
        """Show or hide the overlay ``labels``, ``prediction`` or ``uncertainty``."""
        self.stack.wanted[name] = visible
        self.restyle()

    def shows(self, name: str) -> bool:
        """Whether the overlay of this name is wanted."""
        return self.stack.wanted[name]

    def look_below(self, *, served: bool) -> None:
        """Show what the model says while one paints anywhere, and afterwards as it was.

        Parameters
        ----------
        served : bool
            Whether there is a model.
        """
        painting = self.session.paints_anywhere
        if painting and self._before is None and served:
            self._before = self.shows("prediction")
            self.show("prediction", visible=True)
        elif not painting and self._before is not None:
            wanted, self._before = self._before, None
            self.show("prediction", visible=wanted)

    def restyle(self) -> None:
        """Draw the layers as it is wanted."""
        project = self.session.project
        if project is not None:
            desk = None if self.session.paints_anywhere else self.session.desk
            covers = desk is not None and desk.has_prediction and not desk.paint_only
            self.stack.style(
                project.scheme,
                background_alpha=0.0 if covers else 0.5,
                opacity=self.opacity,
                outline=self.outline,
                hidden=self.hidden,
                objects=objects_now(self.session),
                coded=project.spec.has_objects,
            )
        self.view_changed.emit()
