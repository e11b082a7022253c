"""The tile on top: the layer to paint in while it shows the tile on the desk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.ui.strokes import Strokes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.ui.desk import Desk
    from napari_phenoai.ui.layer_stack import LayerStack
    from napari_phenoai.ui.session import Session

__all__ = ["TileOnTop"]


class TileOnTop:
    """Lays a tile on the canvas, hidden at first, and tells the session of strokes in it.

    Parameters
    ----------
    stack : LayerStack
        Has the layer.
    session : Session
        Hears when the mask on its desk was edited.

    Attributes
    ----------
    laid : Desk or None
        Whose mask the layer has.
    placed : str or None
        Key of the tile that is seen and can be painted.
    """

    def __init__(self, stack: LayerStack, session: Session) -> None:
        self._stack = stack
        self._session = session
        self._seen: NDArray[np.uint8] | None = None
        self._strokes: Strokes | None = None
        self.laid: Desk | None = None
        self.placed: str | None = None

    def lay(self, desk: Desk) -> None:
        """Give the layer the mask of `desk`; a hidden one stays hidden."""
        self._seen = desk.labels.copy()
        layer = self._stack.show_tile(desk)
        if self._strokes is None or layer is not self._strokes.layer:
            self._strokes = Strokes(layer, self._on_paint)
        self.laid = desk

    def lift(self) -> None:
        """Hide the layer at once: nobody paints in a tile that has gone."""
        self.laid = self.placed = None
        self._stack.hide_tile()

    def clear(self) -> None:
        """Forget the tile, as its layer has gone."""
        self.laid = self.placed = self._seen = None

    def _on_paint(self, *_: Any) -> None:
        layer, desk = self._stack.tile, self._session.desk
        if layer is None or desk is None or desk.tile.key != self.placed:
            return
        data = np.asarray(layer.data)
        if data is not desk.labels and data.shape == desk.labels.shape:
            desk.labels[...] = data
        if self._seen is None or not np.array_equal(self._seen, desk.labels):
            if self._seen is not None and desk.objects is not None:
                desk.objects.follow(self._seen, desk.labels)
            self._seen = desk.labels.copy()
            self._session.mark_edited()
