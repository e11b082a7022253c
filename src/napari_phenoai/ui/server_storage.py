"""The part of the Servers dock for the storage that a server takes its data from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_phenoai.errors import PhenoError
from napari_phenoai.ui.errors import explain
from napari_phenoai.ui.listening import listen
from napari_phenoai.ui.server_answer import plain_text
from napari_phenoai.ui.server_storage_form import StorageForm
from napari_phenoai.ui.server_storages import StorageDesk

if TYPE_CHECKING:
    from napari_phenoai.ui.server_desk import ServerDesk

__all__ = ["StoragePart"]

_NONE = (
    "Trainings send their data through a storage that you and {} can both reach. A server of "
    "our own kind may take them without one; any other needs one. It has to be the folder that "
    "the server itself calls its storage: ask its owner."
)


class StoragePart(QWidget):
    """Says which storage a server has; sets it up, tries it, takes it off the list.

    Parameters
    ----------
    desk : ServerDesk
        The servers.
    """

    def __init__(self, desk: ServerDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.storages = StorageDesk(desk)
        self.server = ""
        self.words = plain_text("")
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.set_button = QPushButton("Set up ...")
        self.test_button = QPushButton("Test")
        self.test_button.setToolTip("Write a small file there, read it back and remove it")
        self.remove_button = QPushButton("Remove")
        self.remove_button.setToolTip("Take it off the list, with its keys; what lies there stays")
        self.message = plain_text("")
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.form = StorageForm()
        self.form.hide()
        self._compose()
        self._connect()
        listen(self, desk.done, self._on_server)
        self.storages.reload()

    def show_server(self, server: str) -> None:
        """Show the storage of the server called `server`."""
        if server != self.server:
            self.server = server
            self.form.hide()
            self._say("")
        self._show()

    # --- inside

    def _compose(self) -> None:
        line = QHBoxLayout()
        for button in (self.set_button, self.test_button, self.remove_button):
            line.addWidget(button, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(8, 0, 0, 4)
        box.setSpacing(4)
        box.addWidget(self.words)
        box.addLayout(line)
        box.addWidget(self.message)
        box.addWidget(self.form)

    def _connect(self) -> None:
        storages = self.storages
        listen(self, storages.changed, self._show)
        listen(self, storages.done, self._on_done)
        listen(self, storages.failed, self._on_failed)
        self.destroyed.connect(storages.close)
        self.set_button.clicked.connect(self._open_form)
        self.test_button.clicked.connect(self._test)
        self.remove_button.clicked.connect(self._remove)
        self.form.wanted.connect(self._keep)
        self.form.put_off.connect(self._put_off)

    def _show(self) -> None:
        from napari_phenoai.loop.storage_setup import storage_words

        saved, busy = self.storages.storages.get(self.server), self.storages.is_busy(self.server)
        self.words.setText(_NONE.format(self.server) if saved is None else storage_words(saved))
        self.set_button.setText("Set up ..." if saved is None else "Change ...")
        for button in (self.test_button, self.remove_button):
            button.setVisible(saved is not None)
            button.setEnabled(not busy)
        self.set_button.setVisible(self.form.isHidden())
        self.form.set_busy(busy=busy)
        if not busy and self.message.text().endswith("..."):
            self._say("")

    def _open_form(self) -> None:
        self.form.show_saved(self.storages.storages.get(self.server))
        self.form.show()
        self._say("")
        self._show()
        self.form.address_edit.setFocus()

    def _put_off(self) -> None:
        self.storages.give_up(self.server)
        self.form.hide()
        self._show()

    def _keep(
        self, kind: str, typed: str, options: dict[str, object], keys: dict[str, str]
    ) -> None:
        from napari_phenoai.loop.storage_setup import StorageWish, address_of

        try:
            url = address_of(kind, typed)  # type: ignore[arg-type]
        except PhenoError as error:
            self.form.set_problem(explain(error))
            return
        self.storages.keep(StorageWish(self.server, url, options, keys))

    def _test(self) -> None:
        self._say("Writing, reading and removing a small file ...")
        self.storages.test(self.server)

    def _remove(self) -> None:
        self._say("")
        self.storages.remove(self.server)

    def _on_done(self, act: str, server: str, seconds: float) -> None:
        if server == self.server:
            self.form.hide()
            took = f" in {seconds:.1f} s" if seconds else ""
            words = {"remove": "", "keep": "✓ It works, and is kept."}
            self._say(words.get(act, f"✓ It works: a file was written, read and removed{took}."))

    def _on_failed(self, act: str, server: str, error: Exception) -> None:
        if server not in {self.server, ""}:
            return
        if act == "keep" and not self.form.isHidden():
            self.form.set_problem(f"{explain(error)} Nothing was changed.")
        else:
            self._say(f"▲ {explain(error)}")

    def _on_server(self, act: str, _: str) -> None:
        if act == "remove":  # its storage went with it
            self.storages.reload()

    def _say(self, text: str) -> None:
        self.message.setText(text)
        self.message.setVisible(bool(text))
