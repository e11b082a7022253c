"""The bench: everything that one Workbench drives, without its widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_phenoai.ui.actions import Actions
from napari_phenoai.ui.canvas_focus import CanvasFocus
from napari_phenoai.ui.class_marks import ClassMarks
from napari_phenoai.ui.handtools.hand import Hand
from napari_phenoai.ui.handtools.preview import PreviewLayer
from napari_phenoai.ui.handtools.wiring import pixel_modes
from napari_phenoai.ui.key_binder import KeyBinder
from napari_phenoai.ui.layers import TileLayers
from napari_phenoai.ui.objects import ObjectHand
from napari_phenoai.ui.prompting_hand import PromptHand
from napari_phenoai.ui.tools import Tools

if TYPE_CHECKING:
    import napari.viewer
    from qtpy.QtCore import QObject

    from napari_phenoai.ui.session import Session

__all__ = ["Bench"]


class Bench:
    """Layers, classes, tools, actions and keys of one viewer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Gets layers and keys.
    session : Session
        What the viewer has open.
    parent : QObject
        Owns the timers.
    """

    def __init__(self, viewer: napari.viewer.Viewer, session: Session, parent: QObject) -> None:
        self.viewer = viewer
        self.session = session
        self.layers = TileLayers(viewer, session, parent)
        self.marks = ClassMarks(self.layers, session)
        self.tools = Tools(self.layers, session, self.marks)
        self.objects = ObjectHand(self.layers, session, self.tools)
        self.hand = Hand(self.layers, session, self.tools)
        self.preview = PreviewLayer(self.layers)
        for mode in pixel_modes(self):
            self.hand.add(mode)
        self.prompts = PromptHand(self, parent)
        self.actions = Actions(session, self.layers, self.tools, self.marks, self.hand)
        self.table = self.actions.table() | {"everything": self.prompts.outline_everything}
        self.table |= {"new_object": self.objects.begin_new, "pick_object": self.objects.pick}
        self._keys = KeyBinder(viewer, self.layers, self.table)
        self._focus = CanvasFocus(viewer, parent)
        session.project_changed.connect(self._on_project)
        self._project = session.project
        self._open = True

    def close(self) -> None:
        """Unbind the keys and take the layers away; the project stays open."""
        if self._open:
            self._open = False
            self._keys.close()
            self._focus.close()
            self.session.project_changed.disconnect(self._on_project, missing_ok=True)
            self.prompts.close()
            self.hand.close()
            self.objects.close()
            self.tools.close()
            self.marks.close()
            self.layers.close()

    def abandon(self) -> None:
        """Listen no more, because the whole window is going; layers are left alone."""
        if self._open:
            self._open = False
            self._keys.abandon()
            self.session.project_changed.disconnect(self._on_project, missing_ok=True)
            self.prompts.abandon()
            self.hand.abandon()
            self.objects.close()
            self.tools.close()
            self.marks.close()
            self.layers.disconnect()

    def take_keyboard(self) -> None:
        """Let keys work at once, as what was typed into a field is done."""
        self._focus.take()

    def _on_project(self) -> None:
        """Let the keys of the Workbench work at once in a project that was opened."""
        former, self._project = self._project, self.session.project
        if self._project is not None and self._project is not former:
            self._focus.take()
