"""Keys: one for each decision, tool and view, bound through napari's own key maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import napari
    from napari.layers import Labels

    from napari_phenoai.ui.layers import TileLayers

__all__ = ["KEYS", "TOOL_KEYS", "Key", "KeyBinder", "key_of"]


@dataclass(frozen=True, slots=True)
class Key:
    """A key and what it does.

    Parameters
    ----------
    key : str
        As napari writes it: ``Shift-Z``.
    action : str
        Name of the action.
    text : str
        What it does, for the overlay.
    group : str
        Under which heading the overlay lists it.
    everywhere : bool
        Whether it also works while another layer is selected, where that layer
        does not use the key itself.
    """

    key: str
    action: str
    text: str
    group: str
    everywhere: bool = False

    @property
    def printed(self) -> str:
        """The key as it is printed on buttons."""
        return self.key.replace("-", "+") if len(self.key) > 1 else self.key


TOOL_KEYS: Sequence[Key] = (
    Key("A", "point", "Outline what is clicked; Shift+click: not this", "Tools"),
    Key("R", "box", "Outline what is in a box", "Tools"),
    Key("Shift-A", "everything", "Outline everything in the tile", "Tools"),
    Key("C", "cut", "Cut what touches", "Tools"),
    Key("M", "merge", "Merge by a stroke", "Tools"),
    Key("V", "split", "Split at the necks", "Tools"),
    Key("Shift-V", "part", "Part all objects of the tile, by a slider", "Tools"),
    Key("Shift-M", "pieces", "Make loose pieces objects of their own", "Tools"),
    Key("Delete", "delete", "Delete an object", "Tools"),
    Key("W", "wand", "Magic wand", "Tools"),
    Key("U", "superpixel", "Superpixel brush", "Tools"),
    Key("L", "livewire", "Livewire along edges", "Tools"),
    Key("Shift-L", "slices", "Fill between slices of a stack", "Tools"),
    Key("Shift-W", "threshold", "Threshold in a box", "Tools"),
    Key("N", "holes", "Fill holes", "Tools"),
    Key("Shift-N", "specks", "Remove specks", "Tools"),
    Key("J", "grow", "Grow", "Tools"),
    Key("Shift-J", "shrink", "Shrink", "Tools"),
    Key("Y", "smooth", "Smooth outlines", "Tools"),
    Key("Shift-G", "replace", "Replace a class", "Tools"),
    Key("Shift-D", "copy", "Copy the prediction", "Tools"),
)
"""Keys of the tools that napari does not have; each is listed on the page of keys."""

KEYS: Sequence[Key] = (
    Key("Enter", "accept", "Accept, or save the correction", "Decide", everywhere=True),
    Key("Shift-Enter", "accept_whole", "Accept, unpainted pixels too", "Decide", everywhere=True),
    Key("S", "skip", "Skip", "Decide", everywhere=True),
    Key("X", "reject", "Reject: this tile teaches nothing", "Decide"),
    Key("F", "flag", "Flag, to talk about later", "Decide", everywhere=True),
    Key("Backspace", "back", "Back to the last tile", "Decide", everywhere=True),
    Key("Left", "tile_before", "Look at the tile before, undecided", "Decide"),
    Key("Right", "tile_after", "Look at the tile after, undecided", "Decide"),
    Key("B", "brush", "Brush", "Paint"),
    Key("E", "eraser", "Eraser", "Paint"),
    Key("G", "fill", "Fill", "Paint"),
    Key("P", "polygon", "Polygon (Enter closes it)", "Paint"),
    Key("[", "smaller", "Smaller brush; less of the tool", "Paint"),
    Key("]", "larger", "Larger brush; more of the tool", "Paint"),
    Key("\\", "switch", "Switch of the tool on or off", "Paint"),
    Key("Z", "undo", "Undo", "Paint"),
    Key("Shift-Z", "redo", "Redo", "Paint"),
    Key("-", "class_before", "Class before", "Paint"),
    Key("=", "class_after", "Class after", "Paint"),
    Key("K", "lock", "Lock or unlock the class", "Paint"),
    Key("Shift-C", "add_class", "Add a class", "Paint"),
    Key("Shift-P", "paint_only", "Paint only, or the whole tile", "Paint"),
    Key("Q", "paint", "Paint anywhere, or back to the queue", "Paint", everywhere=True),
    Key("PageUp", "plane_before", "Plane before, in a stack", "Paint"),
    Key("PageDown", "plane_after", "Plane after, in a stack", "Paint"),
    Key("Escape", "drop", "Drop what is under way", "Paint"),
    Key(",", "new_object", "New object of this class", "Objects"),
    Key(".", "pick_object", "Take up the object under the mouse", "Objects"),
    Key("Tab", "next", "Next proposal", "Paint"),
    *TOOL_KEYS,
    Key("O", "outline", "Outlines or filled", "View"),
    Key("H", "hide", "Hide or show labels", "View", everywhere=True),
    Key("I", "eye", "Hide or show the class", "View"),
    Key("Shift-I", "all_eyes", "Show all classes", "View"),
    Key("Down", "fainter", "Fainter labels", "View", everywhere=True),
    Key("Up", "stronger", "Stronger labels", "View", everywhere=True),
    Key("D", "prediction", "Outline of the prediction", "View", everywhere=True),
    Key("Home", "zoom", "Zoom to the tile", "View", everywhere=True),
    Key("T", "train", "Train now", "Learn", everywhere=True),
    Key("F1", "help", "This list", "Help", everywhere=True),
)
"""All keys but the number keys, which choose a class."""

_ALSO = {"Control-Z": "undo", "Control-Shift-Z": "redo", "0": "eraser"}
"""More keys for some actions, in the layer to paint in only."""

_UNUSED: Sequence[str] = ()
"""Keys of napari that make no sense in the tile."""


def key_of(action: str) -> str:
    """Return the printed key of an action.

    Examples
    --------
    >>> key_of("accept"), key_of("redo")
    ('Enter', 'Shift+Z')
    """
    return next(key.printed for key in KEYS if key.action == action)


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
        By the names in `KEYS`, and ``class_1`` to ``class_9``.
    """

    def __init__(
        self, viewer: napari.Viewer, layers: TileLayers, actions: Mapping[str, Callable[[], object]]
    ) -> None:
        self._viewer = viewer
        self._layers = layers
        self._actions = actions
        self._layer: Labels | None = None
        self._former: dict[str, Any] = {}
        for key in KEYS:
            if key.everywhere:
                self._former[key.key] = viewer.bind_key(key.key, None)
                viewer.bind_key(key.key, self._call(key.action), overwrite=True)
        layers.tile_shown.connect(self._on_tile)
        self._on_tile()

    def close(self) -> None:
        """Unbind all keys and put back what they did before."""
        self._layers.tile_shown.disconnect(self._on_tile, missing_ok=True)
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
        keys = {key.key: key.action for key in KEYS}
        keys |= _ALSO
        keys |= {str(number): f"class_{number}" for number in range(1, 10)}
        for key, action in keys.items():
            layer.bind_key(key, self._call(action) if bound else None, overwrite=True)
        for key in _UNUSED:
            layer.bind_key(key, _do_nothing if bound else None, overwrite=True)

    def _call(self, action: str) -> Callable[[Any], None]:
        def call(_: Any) -> None:
            self._actions[action]()

        return call


def _do_nothing(_: Any) -> None:
    return
