"""The page of the Servers dock that lists them: add, test, log in, remove."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from qtpy.QtCore import Qt
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_phenoai.errors import CertificateError, SignInError
from napari_phenoai.ui.controls.form_view import say_wrong, wrong_label
from napari_phenoai.ui.controls.key_button import KeyButton
from napari_phenoai.ui.errors import explain
from napari_phenoai.ui.listening import listen
from napari_phenoai.ui.server_login import LoginForm
from napari_phenoai.ui.server_storage import StoragePart
from napari_phenoai.ui.server_words import details_of, line_of
from napari_phenoai.ui.train_box import Fold

if TYPE_CHECKING:
    from napari_phenoai.remote.oidc import DeviceCode
    from napari_phenoai.ui.server_desk import ServerDesk
    from napari_phenoai.ui.server_state import ServerState

__all__ = ["ServerPage"]

_NAME = Qt.ItemDataRole.UserRole
_EMPTY = (
    "A server can predict your images where this computer is too slow. Your institute may have "
    "one that speaks DEEPaaS, as those of AI4EOSC and iMagine do. Paste its address:"
)
_MORE = "Another server:"
_CERTIFICATES = "Certificates (*.pem *.crt *.cer);;All files (*)"


class ServerPage(QWidget):
    """Shows the servers of a desk, and changes the list.

    Parameters
    ----------
    desk : ServerDesk
        What is shown and driven.
    """

    market_wanted = QtSignal()
    predict_wanted = QtSignal(str)

    def __init__(self, desk: ServerDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.desk = desk
        self._login_for = ""
        self.intro = _text(_EMPTY)
        self.url_edit = QLineEdit()
        self.url_edit.setPlaceholderText("https://server.example.org")
        self.url_edit.setAccessibleName("Address of a server")
        self.add_button = KeyButton("Add")
        self.oscar_box = QCheckBox("It is an OSCAR cluster")
        self.oscar_box.setToolTip("Its services stand for the models of a server")
        self.problem = wrong_label()
        self.trust_button = QPushButton("Choose the certificate of its institute ...")
        self.trust_button.hide()
        self.market_button = QPushButton("Look at the modules of AI4OS")
        self.list = _list()
        self.details = _text("")
        self.details.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.predict_button = KeyButton("Predict there ...", primary=True)
        self.test_button = QPushButton("Test")
        self.login_button = QPushButton("Log in ...")
        self.remove_button = QPushButton("Remove")
        self.login_form = LoginForm()
        self.login_form.hide()
        self.storage = StoragePart(desk)
        self._compose()
        self._connect()
        self._on_changed()

    @property
    def chosen(self) -> str | None:
        """Name of the server that is chosen."""
        item = self.list.currentItem()
        return None if item is None else str(item.data(_NAME))

    def choose(self, name: str) -> None:
        """Choose the server called `name`."""
        for row in range(self.list.count()):
            item = self.list.item(row)
            if item is not None and item.data(_NAME) == name:
                self.list.setCurrentRow(row)

    def see_to(self, name: str) -> None:
        """Choose the server called `name`, ask it, and open the login where it wants one."""
        self._login_for = name
        self.choose(name)
        self.desk.test(name)

    # --- building

    def _compose(self) -> None:
        self.remove_button.setToolTip("Take it off the list, with its login; add it again any time")
        self.storage_fold = Fold("Storage for trainings", self.storage)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 6, 6, 6)
        box.setSpacing(5)
        box.addWidget(self.list)
        box.addWidget(self.details)
        box.addWidget(self.predict_button)
        line = QHBoxLayout()
        for button in (self.test_button, self.login_button, self.remove_button):
            line.addWidget(button, 1)
        box.addLayout(line)
        for widget in (self.login_form, self.storage_fold, self.intro):
            box.addWidget(widget)
        add = QHBoxLayout()
        add.addWidget(self.url_edit, 1)
        add.addWidget(self.add_button)
        box.addLayout(add)
        for part in (self.oscar_box, self.problem, self.trust_button, self.market_button):
            box.addWidget(part)
        box.addStretch(1)

    def _connect(self) -> None:
        desk = self.desk
        listen(self, desk.changed, self._on_changed)
        listen(self, desk.done, self._on_done)
        listen(self, desk.failed, self._on_failed)
        self.add_button.clicked.connect(self._add)
        self.url_edit.returnPressed.connect(self._add)
        self.trust_button.clicked.connect(self._trust)
        self.url_edit.textEdited.connect(lambda _: self._say(""))
        self.market_button.clicked.connect(self.market_wanted)
        self.list.currentItemChanged.connect(lambda *_: self._on_chosen())
        self.test_button.clicked.connect(lambda: desk.test(self.chosen or ""))
        self.predict_button.clicked.connect(lambda: self.predict_wanted.emit(self.chosen or ""))
        self.login_button.clicked.connect(self._on_login)
        self.remove_button.clicked.connect(lambda: desk.remove(self.chosen or ""))
        self.login_form.wanted.connect(self._log_in)
        self.login_form.put_off.connect(self._give_up_login)
        listen(self, desk.coded, self._on_code)

    # --- answers

    def _on_changed(self) -> None:
        chosen = self.chosen
        self.list.blockSignals(True)
        self.list.clear()
        for name, state in self.desk.states.items():
            item = QListWidgetItem(line_of(state))
            item.setData(_NAME, name)
            self.list.addItem(item)
            if name == chosen:
                self.list.setCurrentItem(item)
        if self.list.currentRow() < 0 and self.list.count():
            self.list.setCurrentRow(0)
        self.list.blockSignals(False)
        if self._login_for:
            self.choose(self._login_for)
        busy = self.desk.is_under_way("add")
        self.add_button.setEnabled(not busy)
        self.add_button.set_caption("Asking it ..." if busy else "Add")
        self.login_form.set_busy(busy=self.desk.is_under_way("log in"))
        self._show_state()

    def _show_state(self) -> None:
        state = self._state
        some = bool(self.desk.states)
        self.intro.setText(_MORE if some else _EMPTY)
        self.market_button.setVisible(not some)
        self.list.setVisible(some)
        for widget in (self.test_button, self.login_button, self.remove_button):
            widget.setVisible(some)
        self.details.setVisible(state is not None)
        self.storage_fold.setVisible(state is not None)
        self.storage.show_server(self.chosen or "")
        predicts = state is not None and any(offer.predict for offer in state.offers)
        self.predict_button.setVisible(predicts)
        if state is not None:
            self.details.setText(details_of(state))
            self.test_button.setEnabled(state.health != "asking")
            known = state.endpoint.credential is not None and not _wants_login(state)
            self.login_button.setText("Log out" if known else "Log in ...")
            self._offer_login(state)

    @property
    def _state(self) -> ServerState | None:
        return self.desk.states.get(self.chosen or "")

    def _on_chosen(self) -> None:
        self.login_form.hide()
        self._show_state()
        state = self._state
        if state is not None and state.health == "unknown":
            self.desk.test(state.endpoint.name)

    def _on_done(self, act: str, name: str) -> None:
        if act == "add":
            self.url_edit.clear()
            self.oscar_box.setChecked(False)
            self._on_changed()
            self.choose(name)
        elif act == "log in":
            self.login_form.hide()

    def _on_failed(self, act: str, error: Exception) -> None:
        if act == "log in" and self.login_form.isVisibleTo(self):
            self.login_form.set_problem(explain(error))
        else:
            self._say(explain(error))
            self.trust_button.setVisible(act == "add" and isinstance(error, CertificateError))

    # --- wishes

    def _trust(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Certificate", "", _CERTIFICATES)
        if path:
            self._ask(path)

    def _add(self) -> None:
        self._ask(None)

    def _ask(self, ca_file: str | None) -> None:
        """Ask the server of the address that was typed in, and put it on the list."""
        if self.add_button.isEnabled() and self.url_edit.text().strip():
            self._say("")
            kind: Literal["deepaas", "oscar"]
            kind = "oscar" if self.oscar_box.isChecked() else "deepaas"
            self.desk.add(self.url_edit.text(), kind=kind, ca_file=ca_file)

    def _on_login(self) -> None:
        state = self._state
        if state is None:
            return
        if state.endpoint.credential is not None and not _wants_login(state):
            self.desk.log_out(state.endpoint.name)
        else:
            self.login_form.ask(state.endpoint.name)
            self.login_form.show()

    def _offer_login(self, state: ServerState) -> None:
        """Open the login of the server that was to be seen to, once it has said how it is."""
        if state.endpoint.name == self._login_for and state.health in {"well", "wrong"}:
            self._login_for = ""
            if _wants_login(state):
                self.login_form.ask(state.endpoint.name)
                self.login_form.show()

    def _log_in(self, kind: str, told: dict[str, str]) -> None:
        if self.chosen is None:
            return
        issuer, client = told.pop("issuer"), told.pop("client")
        if kind == "oidc":
            self.desk.log_in_by_code(self.chosen, issuer, client)
        elif kind in {"token", "basic", "command"}:
            self.desk.log_in(self.chosen, kind, **told)  # type: ignore[arg-type]

    def _on_code(self, code: DeviceCode) -> None:
        self.login_form.show_code(code.code, code.address, code.direct)

    def _give_up_login(self) -> None:
        self.desk.give_up_login()
        self.login_form.hide()

    def _say(self, text: str) -> None:
        say_wrong(self.problem, text)
        self.trust_button.hide()


def _wants_login(state: ServerState) -> bool:
    return isinstance(state.error, SignInError)


def _list() -> QListWidget:
    """Return a list as high as its lines, which are cut off where the dock ends."""
    found = QListWidget()
    found.setSpacing(2)
    found.setTextElideMode(Qt.TextElideMode.ElideRight)
    found.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    found.setSizeAdjustPolicy(QListWidget.SizeAdjustPolicy.AdjustToContents)
    found.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
    return found


def _text(words: str) -> QLabel:
    label = QLabel(words)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label
