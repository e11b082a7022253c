"""The list of all tool buttons, and how one looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QLabel

from napari_phenoai.ui.controls.key_button import KeyButton
from napari_phenoai.ui.handtools.status import closing_words
from napari_phenoai.ui.keyed import keyed
from napari_phenoai.ui.keys import key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TOOL_BUTTONS", "SmallKeyButton", "ToolButton"]

_SMALL = "font-size: 11px; padding: 0px 1px;"
_CLOSES = "Enter or a double click closes it"
_CHECKED = "KeyButton:checked { background-color: #0072b2; }"


@dataclass(frozen=True, slots=True)
class ToolButton:
    """A button of the tools.

    Parameters
    ----------
    tool : str
        Name of the tool; its key is the one of the action of this name.
    text : str
        What it says.
    tip : str
        One sentence for the tooltip, without the key.
    more : bool
        Whether it is folded away with the rarer tools.
    """

    tool: str
    text: str
    tip: str
    more: bool = False


TOOL_BUTTONS: Sequence[ToolButton] = (
    ToolButton("brush", "Brush", "Paint the chosen class"),
    ToolButton(
        "eraser",
        "Eraser",
        "Paint background; in a tile without prediction, make pixels unlabelled again",
    ),
    ToolButton("fill", "Fill", "Fill a patch of one class with the chosen class"),
    ToolButton(
        "polygon", "Polygon", "Click the corners of an area; Enter or a double click closes it"
    ),
    ToolButton("cut", "Cut", "Drag across a neck: parts what touches"),
    ToolButton("merge", "Merge", "Drag from one object to another: joins them"),
    ToolButton("split", "Split", "Click an object: parts it where it is narrow"),
    ToolButton("delete", "Delete", "Click an object: takes it away"),
    ToolButton("wand", "Wand", "Click: paints what has this colour"),
    ToolButton("point", "Points", "Click a thing: a network outlines it; Shift+click: not this"),
    ToolButton("box", "Box", "Drag a box round a thing: a network outlines it"),
    ToolButton("everything", "All", "A network outlines everything in the tile"),
    ToolButton("superpixel", "Patches", "Drag: paints whole patches of one colour"),
    ToolButton("livewire", "Livewire", "Click along an edge; Enter or a double click closes it"),
    ToolButton("holes", "Holes", "Click a hole to fill it; or fill all of them"),
    ToolButton(
        "part", "Part", "Part all objects of the tile anew: a slider shows where", more=True
    ),
    ToolButton("pieces", "Pieces", "Click an object: its loose pieces become objects", more=True),
    ToolButton("slices", "Slices", "Click an object in two planes: fills those between", more=True),
    ToolButton("specks", "Specks", "Remove all small islands", more=True),
    ToolButton("grow", "Grow", "Click an object to let it grow into the background", more=True),
    ToolButton("shrink", "Shrink", "Click an object to take away its rim", more=True),
    ToolButton("smooth", "Smooth", "Click an object to smooth its outline", more=True),
    ToolButton("replace", "Replace", "Click a region to give it the chosen class", more=True),
    ToolButton("copy", "Copy", "Click a region to take over what was predicted", more=True),
    ToolButton(
        "threshold", "Threshold", "Drag a box: paints what is bright, or dark, in it", more=True
    ),
)
"""All buttons in their order; a tool of another module is added here."""


class SmallKeyButton(KeyButton):
    """A button of a tool, narrow enough for three in a line of a narrow dock.

    Parameters
    ----------
    item : ToolButton
        What it says.
    """

    def __init__(self, item: ToolButton) -> None:
        super().__init__(item.text)
        self.item = item
        self.setCheckable(True)
        keyed(self, SmallKeyButton._show_keys)
        self.setStyleSheet(_CHECKED)
        box = self.layout()
        if box is not None:
            box.setContentsMargins(1, 3, 1, 3)
            box.setSpacing(3)
        self._shrink()
        self.toggled.connect(self._shrink)

    def _show_keys(self) -> None:
        key = key_of(self.item.tool)
        self.set_key(short(key), key)
        tip = self.item.tip.replace(_CLOSES, closing_words())
        self.setToolTip(f"{tip} ({key})" if key else tip)

    def _shrink(self) -> None:
        """Make text and key smaller; the colours change when it is chosen."""
        for label in self.findChildren(QLabel):
            label.setStyleSheet(label.styleSheet() + _SMALL)


def short(key: str) -> str:
    """Return a key as it is printed where there is little room.

    Examples
    --------
    >>> short("Shift+W"), short("Delete"), short("C")
    ('⇧W', 'Del', 'C')
    """
    return key.replace("Shift+", "⇧").replace("Delete", "Del")
