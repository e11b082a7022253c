"""Draws layers anew when more of their pixels have come, not too often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_phenoai.ui.links import hear_from_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Layer

    from napari_phenoai.ui.pyramid import PatientPyramid

__all__ = ["Refresher"]

_PAUSE_MS = 40


class Refresher(QObject):
    """Refreshes layers whose pyramids got new blocks, one at a time, 25 times a second.

    Parameters
    ----------
    parent : QObject
        Owner of this object and its timer.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._watched: dict[int, tuple[PatientPyramid, Layer]] = {}
        self._links: dict[int, Callable[[Any], None]] = {}
        self._dirty: dict[int, None] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE_MS)
        self._timer.timeout.connect(self._refresh)

    def listen(self, pyramid: PatientPyramid) -> None:
        """Hear of news of `pyramid`, before a layer shows it: so that none gets lost.

        A call of `watch` must follow before the event loop goes on.
        """
        if id(pyramid) not in self._links:
            self._links[id(pyramid)] = hear_from_thread(pyramid.arrived, self._hear)

    def watch(self, pyramid: PatientPyramid, layer: Layer) -> None:
        """Refresh `layer` from now on when `pyramid` has news; end what it watched before."""
        former, _ = self._watched.get(id(layer), (None, None))
        if former is not pyramid:
            self.forget(layer)
        self._watched[id(layer)] = (pyramid, layer)
        self.listen(pyramid)

    def forget(self, layer: Layer) -> None:
        """Stop watching for `layer`."""
        pyramid, _ = self._watched.pop(id(layer), (None, None))
        others = any(other is pyramid for other, _ in self._watched.values())
        if pyramid is not None and not others:
            pyramid.arrived.disconnect(self._links.pop(id(pyramid)))

    def stop(self) -> None:
        """Stop watching for all layers."""
        for _, layer in list(self._watched.values()):
            self.forget(layer)
        self._timer.stop()

    def soon(self, layer: Any) -> None:
        """Refresh `layer` at the next beat."""
        self._dirty[id(layer)] = None
        self._start()

    def _hear(self, pyramid: PatientPyramid) -> None:
        keys = (key for key, (other, _) in self._watched.items() if other is pyramid)
        self._dirty |= dict.fromkeys(keys)
        self._start()

    def _start(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _refresh(self) -> None:
        """Refresh one layer, as outlines take 50 ms each; the others have their turns later."""
        while self._dirty:
            key = next(iter(self._dirty))
            del self._dirty[key]
            _, layer = self._watched.get(key, (None, None))
            if layer is not None and layer.visible:
                layer.refresh(extent=False)
                break
        if self._dirty:
            self._start()
