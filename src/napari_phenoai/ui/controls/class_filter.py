"""A box to choose one class, or any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QComboBox, QSizePolicy, QWidget

if TYPE_CHECKING:
    from napari_phenoai.core.scheme import ClassScheme

__all__ = ["ClassFilter"]

_ICON_PX = 12
_WIDEST_PX = 170


class ClassFilter(QComboBox):
    """Lists the classes in use with their colours.

    Signals
    -------
    wanted : int or None
        Another class is to be seen; None stands for any.
    """

    wanted = QtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scheme: ClassScheme | None = None
        self.setSizeAdjustPolicy(self.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(5)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMaximumWidth(_WIDEST_PX)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setToolTip(
            "Only tiles with this class: painted there, predicted and stored,\n"
            "or named as the reason why the tile was chosen"
        )
        self.setAccessibleName("Class of the tiles that are shown")
        self.addItem("Any class", None)
        self.currentIndexChanged.connect(lambda _: self.wanted.emit(self.chosen))

    @property
    def chosen(self) -> int | None:
        """The class; None for any."""
        found: int | None = self.currentData()
        return found

    def set_scheme(self, scheme: ClassScheme | None) -> None:
        """List the classes of `scheme`; the chosen one stays where it is still there."""
        if scheme == self._scheme:
            return
        before, self._scheme = self.chosen, scheme
        blocked = self.blockSignals(True)
        while self.count() > 1:
            self.removeItem(1)
        for item in scheme.active if scheme is not None else ():
            self.addItem(_icon(item.colour), item.name, item.id)
            self.setItemData(self.count() - 1, item.name, Qt.ItemDataRole.ToolTipRole)
        self.setCurrentIndex(max(0, self.findData(before)) if before is not None else 0)
        self.blockSignals(blocked)
        if self.chosen != before:
            self.wanted.emit(self.chosen)


def _icon(colour: str) -> QIcon:
    pixmap = QPixmap(_ICON_PX, _ICON_PX)
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)
