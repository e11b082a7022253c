"""What all docks of a session have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal.qt import start_emitting_from_queue
from qtpy.QtCore import QSize
from qtpy.QtWidgets import QMainWindow, QWidget

from napari_phenoai.ui.docks import settle_soon
from napari_phenoai.ui.errors import show_errors_of
from napari_phenoai.ui.key_settings import hear_keys
from napari_phenoai.ui.listening import while_alive
from napari_phenoai.ui.preferences import Preferences, preferences, remember_reader
from napari_phenoai.ui.session import session_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari.viewer
    from qtpy.QtGui import QShowEvent

__all__ = ["SessionDock"]

_BEAT_MS = 10
_LEAST_WIDTH = 300
_LANE = "docks"


def _nothing(_: object) -> None:
    return


class SessionDock(QWidget):
    """A dock that works whichever of them is opened first.

    Answers of threads reach the window, errors are shown, the session learns what
    the person prefers, and it closes together with the window.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose session is shown.
    name : str
        Short title, as in the manifest.
    """

    def __init__(self, viewer: napari.viewer.Viewer, name: str) -> None:
        super().__init__()
        self.viewer = viewer
        self.session = session_of(viewer)
        self._name = name
        self._docked = False
        start_emitting_from_queue(msec=_BEAT_MS)
        show_errors_of(self.session)
        self.ask(preferences, self.on_preferences)

    def ask(
        self,
        work: Callable[[], Any],
        then: Callable[[Any], object] | None = None,
        otherwise: Callable[[Exception], object] | None = None,
        *,
        lane: str = _LANE,
    ) -> None:
        """Run `work` in a thread and hand its answer to `then`, unless the dock has gone.

        Parameters
        ----------
        work : callable
            Must not touch widgets.
        then, otherwise : callable
            Get the result or the error on the main thread; errors are shown by default.
        lane : str
            Works of one lane run one after the other.
        """
        self.session.background.do(
            lane,
            work,
            then=while_alive(self, then or _nothing),
            otherwise=while_alive(self, otherwise or self.session.error_raised.emit),
        )

    def minimumSizeHint(self) -> QSize:
        """Return a size in which nothing is cut off, and 300 px at least."""
        return super().minimumSizeHint().expandedTo(QSize(_LEAST_WIDTH, 0))

    def on_preferences(self, wanted: Preferences) -> None:
        """Hear what the person prefers."""
        self.session.introduce(wanted.signature, wanted.place)
        hear_keys()
        remember_reader()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Take the place in the window, and close the session with it."""
        super().showEvent(event)
        window = self.window()
        if isinstance(window, QMainWindow) and not self._docked:
            self._docked = True
            settle_soon(self.viewer, self._name)
            window.destroyed.connect(self.session.close)
