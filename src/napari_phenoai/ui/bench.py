"""The bench: everything that one Workbench drives, without its widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_phenoai.ui.actions import Actions
from napari_phenoai.ui.class_marks import ClassMarks
from napari_phenoai.ui.keys import KeyBinder
from napari_phenoai.ui.layers import TileLayers
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
        self.actions = Actions(session, self.layers, self.tools, self.marks)
        self.table = self.actions.table()
        self._keys = KeyBinder(viewer, self.layers, self.table)
        self._open = True

    def close(self) -> None:
        """Unbind the keys and take the layers away; the project stays open."""
        if self._open:
            self._open = False
            self._keys.close()
            self.tools.close()
            self.marks.close()
            self.layers.close()

    def abandon(self) -> None:
        """Listen no more, because the whole window is going; layers are left alone."""
        if self._open:
            self._open = False
            self.tools.close()
            self.marks.close()
            self.layers.disconnect()
