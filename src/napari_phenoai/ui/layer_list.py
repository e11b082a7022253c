"""napari's list of layers, kept still while layers change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive

from napari_phenoai.ui.inner_view import inner_view

if TYPE_CHECKING:
    import napari

__all__ = ["LayerListRest"]


class LayerListRest:
    """Keeps the list of layers from hearing of every property that is set.

    napari tells the list some forty times while one tile follows another, and each time it
    is laid out and drawn anew. Layers that come and go are told in any case.

    Parameters
    ----------
    viewer : napari.Viewer
        Without a window, nothing happens.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self._viewer = viewer
        self._model: Any = None

    def begin(self) -> None:
        """Let the list rest from now on."""
        model = _model_of(self._viewer)
        if self._model is None and model is not None:
            self._model = model
            self._viewer.layers.events.block(model._process_event)  # noqa: SLF001 - its only way

    def end(self) -> None:
        """Let the list show once what has changed meanwhile."""
        model, self._model = self._model, None
        if model is None:
            return
        self._viewer.layers.events.unblock(model._process_event)  # noqa: SLF001
        if isalive(model) and model.rowCount():  # type: ignore[no-untyped-call]
            model.dataChanged.emit(model.index(0), model.index(model.rowCount() - 1), [])


def _model_of(viewer: Any) -> Any:
    """Return what tells the list about layers; None where napari keeps it elsewhere."""
    view: Any = getattr(inner_view(viewer), "layers", None)
    model: Any = view.model() if view is not None else None
    source = model.sourceModel() if hasattr(model, "sourceModel") else model
    return source if hasattr(source, "_process_event") else None
