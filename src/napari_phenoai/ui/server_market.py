"""The page of the Servers dock with the modules of the AI4OS marketplace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_phenoai.ui.controls.form_view import plain_tip, say_wrong, wrong_label
from napari_phenoai.ui.controls.key_button import KeyButton
from napari_phenoai.ui.errors import explain
from napari_phenoai.ui.listening import while_alive
from napari_phenoai.ui.server_words import module_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_phenoai.remote.catalogue import Catalogue, CatalogueModule
    from napari_phenoai.ui.server_desk import ServerDesk

__all__ = ["MarketPage"]

_MODULE = Qt.ItemDataRole.UserRole
_INTRO = (
    "Modules that people offer on the AI4OS marketplace. No login is needed to look. To use one, "
    "start it on the platform, or on a machine of your own, and add its address under Servers."
)


def _market() -> Catalogue:
    from napari_phenoai.remote.catalogue import Catalogue

    return Catalogue()


class MarketPage(QWidget):
    """Lists modules and shows what their authors write of them.

    Parameters
    ----------
    desk : ServerDesk
        Whose errands are used.
    market : callable, optional
        Opens the marketplace; by default that of AI4OS.
    """

    def __init__(
        self,
        desk: ServerDesk,
        market: Callable[[], Catalogue] = _market,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.desk = desk
        self.market = market
        self.intro = QLabel(_INTRO)
        self.intro.setWordWrap(True)
        self.load_button = KeyButton("Load the list", primary=True)
        self.again_button = QPushButton("Load again")
        self.search_edit = QLineEdit()
        self.search_edit.setPlaceholderText("Search name, task, tag")
        self.search_edit.setClearButtonEnabled(True)
        self.list = QListWidget()
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.problem = wrong_label()
        self._compose()
        self._connect()
        self._show_list(known=False)

    def load(self) -> None:
        """Ask for the list of all modules."""
        market = self.market

        def ask() -> list[CatalogueModule]:
            catalogue = market()
            try:
                return catalogue.modules()
            finally:
                catalogue.close()

        self._say("")
        self._run("market", ask, self._on_modules)
        self._set_busy(busy=True)

    def _compose(self) -> None:
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 6, 6, 6)
        box.setSpacing(5)
        box.addWidget(self.intro)
        box.addWidget(self.load_button)
        line = QHBoxLayout()
        line.addWidget(self.search_edit, 1)
        line.addWidget(self.again_button)
        box.addLayout(line)
        box.addWidget(self.list, 3)
        box.addWidget(self.details, 2)
        box.addWidget(self.problem)
        box.addStretch(0)

    def _connect(self) -> None:
        self.load_button.clicked.connect(self.load)
        self.again_button.clicked.connect(self.load)
        self.search_edit.textChanged.connect(self._filter)
        self.list.currentItemChanged.connect(lambda *_: self._on_chosen())

    def _run(self, key: str, work: Callable[[], Any], then: Callable[[Any], object]) -> None:
        self.desk.errands.run(key, work, while_alive(self, then), while_alive(self, self._on_error))

    def _on_modules(self, modules: list[CatalogueModule]) -> None:
        self._set_busy(busy=False)
        self.list.clear()
        for module in sorted(modules, key=lambda one: (one.title or one.id).casefold()):
            item = QListWidgetItem(module.title or module.name or module.id)
            item.setData(_MODULE, module)
            item.setToolTip(plain_tip(module.summary))
            self.list.addItem(item)
        self._show_list(known=True)
        self._filter(self.search_edit.text())
        if not modules:
            self._say("The marketplace lists no modules at the moment.")

    def _on_chosen(self) -> None:
        item = self.list.currentItem()
        module: CatalogueModule | None = item.data(_MODULE) if item is not None else None
        self.details.setVisible(module is not None)
        if module is None:
            return
        self.details.setPlainText(module_words(module))
        self._say("")
        market, name = self.market, module.id or module.name

        def ask() -> CatalogueModule:
            catalogue = market()
            try:
                return catalogue.module(name)
            finally:
                catalogue.close()

        if name:
            self._run("module", ask, self._on_module)

    def _on_module(self, module: CatalogueModule) -> None:
        self.details.setPlainText(module_words(module))

    def _on_error(self, error: Exception) -> None:
        self._set_busy(busy=False)
        self._say(explain(error))

    def _filter(self, words: str) -> None:
        wanted = words.casefold().split()
        for row in range(self.list.count()):
            item = self.list.item(row)
            if item is None:
                continue
            one: CatalogueModule = item.data(_MODULE)
            listed = (one.id, one.title, one.summary, *one.tags, *one.tasks, *one.categories)
            text = " ".join(listed).casefold()
            item.setHidden(not all(word in text for word in wanted))

    def _show_list(self, *, known: bool) -> None:
        self.load_button.setVisible(not known)
        for widget in (self.again_button, self.search_edit, self.list):
            widget.setVisible(known)
        self.details.setVisible(known and self.list.currentItem() is not None)

    def _set_busy(self, *, busy: bool) -> None:
        self.load_button.setEnabled(not busy)
        self.again_button.setEnabled(not busy)
        self.load_button.set_caption("Loading ..." if busy else "Load the list")

    def _say(self, text: str) -> None:
        say_wrong(self.problem, text)
