"""Which value stands for which class in an exported mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.scheme import ClassScheme, LabelClass

__all__ = ["ValueStyle", "Values"]

ValueStyle = Literal["index", "ids"]


@dataclass(frozen=True)
class Values:
    """The values of an exported mask.

    With ``index`` the background is 0 and the other classes 1, 2, ... in their
    order; unlabelled pixels are 255. With ``ids`` they are the label values of
    the project, and unlabelled pixels are 0.
    """

    scheme: ClassScheme
    style: ValueStyle = "index"

    def __post_init__(self) -> None:
        if self.style not in ("index", "ids"):
            raise InputError(f"There is no value style {self.style!r}.", hint="Use index or ids.")

    @property
    def unlabelled(self) -> int:
        """Value of pixels without a class."""
        return 255 if self.style == "index" else 0

    def classes(self) -> list[tuple[int, LabelClass]]:
        """Return each class in use with its value."""
        pairs = enumerate(self.scheme.active)
        return [(index if self.style == "index" else item.id, item) for index, item in pairs]

    def table(self) -> NDArray[np.uint8]:
        """Return the value for each label value 0 to 255."""
        table = np.full(256, self.unlabelled, np.uint8)
        for value, item in self.classes():
            table[item.id] = value
        return table

    def palette(self) -> NDArray[np.uint8]:
        """Return the colours ``(256, 3)``: those of the classes, black for all else."""
        palette = np.zeros((256, 3), np.uint8)
        for value, item in self.classes():
            palette[value] = tuple(bytes.fromhex(item.colour[1:]))
        return palette

    def legend(self) -> list[dict[str, object]]:
        """Return the classes with value, id, name, colour and term, for a JSON file."""
        return [
            {
                "value": value,
                "class_id": item.id,
                "name": item.name,
                "colour": item.colour,
                "term": item.term,
            }
            for value, item in self.classes()
        ]
