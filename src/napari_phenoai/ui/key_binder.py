"""Binds the keys in force through napari's own key maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_phenoai.ui.keys import ALSO, IN_FORCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import napari
    from napari.layers import Labels

    from napari_phenoai.ui.layers import TileLayers

__all__ = ["KeyBinder"]


class KeyBinder:
    """Binds our keys to the tile layer, the harmless ones to the viewer too.

    napari asks the selected layer first and the viewer last, so a key that a layer
    of another kind uses keeps its meaning there. What was bound before comes back
    with `close`.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose keys are bound.
    layers : TileLayers
        Tells which layer is the tile.
    actions : mapping of str to callable
        By the names in `KEYS` and `CLASS_KEYS`.
    """

    def __init__(
        self, viewer: napari.Viewer, layers: TileLayers, actions: Mapping[str, Callable[[], object]]
    ) -> None:
        self._viewer = viewer
        self._layers = layers
        self._actions = actions
        self._layer: Labels | None = None
        self._former: dict[str, Any] = {}
        self._bound: dict[str, str] = {}
        self._take_keys()
        IN_FORCE.changed.connect(self._on_keys)
        layers.tile_shown.connect(self._on_tile)

    def close(self) -> None:
        """Unbind all keys and put back what they did before."""
        self.abandon()
        self._layers.tile_shown.disconnect(self._on_tile, missing_ok=True)
        self._give_keys_back()

    def abandon(self) -> None:
        """Hear of other keys no more, because the whole window is going."""
        IN_FORCE.changed.disconnect(self._on_keys, missing_ok=True)

    def _on_keys(self) -> None:
        self._give_keys_back()
        self._take_keys()

    def _take_keys(self) -> None:
        keys = [key for key in IN_FORCE.keys if key.key]
        self._bound = ALSO | {key.key: key.action for key in keys}
        for key in keys:
            if key.everywhere:
                self._former[key.key] = self._viewer.bind_key(key.key, None)
                self._viewer.bind_key(key.key, self._call(key.action), overwrite=True)
        self._on_tile()

    def _give_keys_back(self) -> None:
        for key, former in self._former.items():
            self._viewer.bind_key(key, former, overwrite=True)
        self._former.clear()
        if self._layer is not None:
            self._bind(self._layer, bound=False)
            self._layer = None

    def _on_tile(self) -> None:
        layer = self._layers.stack.tile
        if layer is not None and layer is not self._layer:
            self._bind(layer, bound=True)
            self._layer = layer

    def _bind(self, layer: Labels, *, bound: bool) -> None:
        for key, action in self._bound.items():
            layer.bind_key(key, self._call(action) if bound else None, overwrite=True)

    def _call(self, action: str) -> Callable[[Any], None]:
        def call(_: Any) -> None:
            self._actions[action]()

        return call
