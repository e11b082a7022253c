"""Keys: one for each decision, tool and view; the table that is bound, and shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_phenoai.ui.key_choice import settle_keys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_phenoai.errors import InputError

__all__ = [
    "ALSO",
    "CLASS_KEYS",
    "IN_FORCE",
    "KEYS",
    "TOOL_KEYS",
    "Key",
    "KeyTable",
    "brief",
    "key_of",
    "key_or",
    "with_key",
]


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
        return re.sub("-(?=.)", "+", self.key.replace("Control", "Ctrl"))


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
    Key("P", "polygon", "Polygon (Accept closes it)", "Paint"),
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
"""All keys but the number keys, which choose a class; as long as nobody chose others."""

CLASS_KEYS: Sequence[Key] = tuple(
    Key(str(number), f"class_{number}", f"Choose class {number}", "Paint")
    for number in range(1, 10)
)
"""Keys of the first classes of the list."""

ALSO = {"Control-Z": "undo", "Control-Shift-Z": "redo", "0": "eraser"}
"""More keys for some actions, in the layer to paint in only; nobody can give them away."""

_TAKEN = {
    "Control-Z": "Undo",
    "Control-Shift-Z": "Redo",
    "0": "Eraser",
    "Space": "Move the image",
    "Tab": "Go to the next field",
    "Shift-Tab": "Go to the field before",
}
"""What cannot be chosen for an action."""


class KeyTable:
    """The keys in force: those of `KEYS` and `CLASS_KEYS`, or what the person chose instead.

    Signals
    -------
    changed
        An action has another key.
    """

    changed = Signal()

    def __init__(self) -> None:
        self.keys: tuple[Key, ...] = (*KEYS, *CLASS_KEYS)
        """All of them; the key of an action without one is empty."""

    def choose(self, wanted: Mapping[str, str]) -> list[InputError]:
        """Take what the person chose, by action; return why some of it was refused."""
        own = (*KEYS, *CLASS_KEYS)
        chosen, refused = settle_keys(own, wanted, _TAKEN)
        keys = tuple(replace(key, key=chosen[key.action]) for key in own)
        if keys != self.keys:
            self.keys = keys
            self.changed.emit()
        return refused

    def printed(self, action: str) -> str:
        """Return the key of an action as it is printed; empty for none."""
        return next(key.printed for key in self.keys if key.action == action)


IN_FORCE = KeyTable()
"""The one table that all windows bind, and show."""


def key_of(action: str) -> str:
    """Return the printed key of an action; empty where the person wants none.

    Examples
    --------
    >>> key_of("accept"), key_of("redo")
    ('Enter', 'Shift+Z')
    """
    return IN_FORCE.printed(action)


def key_or(action: str, otherwise: str) -> str:
    """Return the key of an action, short enough for a sentence, or `otherwise` without one.

    Examples
    --------
    >>> key_or("drop", "the button Drop")
    'Esc'
    """
    return brief(key_of(action)) or otherwise


def with_key(text: str, action: str) -> str:
    """Return `text` with the key of an action behind it, in brackets, where it has one.

    Examples
    --------
    >>> with_key("Leave this tile undecided", "skip")
    'Leave this tile undecided (S)'
    """
    key = brief(key_of(action))
    return f"{text} ({key})" if key else text


def brief(key: str) -> str:
    """Return a printed key with Escape shortened.

    Examples
    --------
    >>> brief("Escape"), brief("Enter")
    ('Esc', 'Enter')
    """
    return key.replace("Escape", "Esc")
