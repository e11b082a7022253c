"""The form in which a person logs in at a server."""

from __future__ import annotations

from qtpy.QtCore import Qt, QUrl
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from napari_phenoai.ui.controls.form_view import say_wrong, wrong_label
from napari_phenoai.ui.controls.key_button import KeyButton
from napari_phenoai.ui.server_choice import keep_narrow
from napari_phenoai.ui.server_lines import lay_out

__all__ = ["LoginForm"]

_KINDS = (
    ("token", "a token that I paste"),
    ("basic", "user and password"),
    ("oidc", "browser (EGI, AI4EOSC)"),
    ("command", "token of a command"),
)
_NOTES = {
    "token": "The token is kept in the keyring of this computer and goes to this server only.",
    "basic": "The password is kept in the keyring of this computer and goes to this server only.",
    "oidc": "You get a code to type in on the pages of the issuer; no password comes here.",
    "command": "The command is run when a token is needed; no token is kept.",
}


class LoginForm(QWidget):
    """Asks for a login; what is typed into hidden lines is gone once it was handed over."""

    wanted = QtSignal(str, dict)
    put_off = QtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = QLabel()
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.title.setStyleSheet("font-weight: bold;")
        self.kind_box = QComboBox()
        for kind, words in _KINDS:
            self.kind_box.addItem(words, kind)
        keep_narrow(self.kind_box)
        self.user_edit = QLineEdit()
        self.secret_edit = QLineEdit()
        self.secret_edit.setEchoMode(QLineEdit.EchoMode.Password)
        self.command_edit = QLineEdit()
        self.command_edit.setPlaceholderText("oidc-token egi")
        self._add_browser()
        self._page = ""
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.problem = wrong_label()
        self.keep_button = KeyButton("Log in", primary=True)
        self.later_button = QPushButton("Cancel")
        self._rows = QFormLayout()
        self._compose()
        self._connect()
        self._on_kind()

    @property
    def kind(self) -> str:
        """``token``, ``basic``, ``oidc`` or ``command``."""
        return str(self.kind_box.currentData())

    def ask(self, server: str) -> None:
        """Begin anew, for `server`."""
        self.title.setText(f"Log in at {server}")
        for edit in (self.user_edit, self.secret_edit, self.command_edit):
            edit.clear()
        self.set_problem("")
        self.set_busy(busy=False)
        self.secret_edit.setFocus()

    def show_code(self, code: str, address: str, page: str) -> None:
        """Show what a person has to type in, and where; an empty code takes that away."""
        self.code.setText(f"Open {address} and type in the code\n{code}" if code else "")
        self._page = page or address
        for widget in (self.code, self.open_button):
            widget.setVisible(bool(code))
        self.note.setVisible(not code)
        if code:
            self.keep_button.set_caption("Waiting for the code ...")

    def set_problem(self, text: str) -> None:
        """Say what is wrong, in place of a code; an empty text takes that away."""
        self.show_code("", "", "")
        say_wrong(self.problem, text)

    def set_busy(self, *, busy: bool) -> None:
        """Say that the login is being tried."""
        self.keep_button.setEnabled(not busy)
        waiting = "Waiting for the code ..." if self.code.text() else "Logging in ..."
        self.keep_button.set_caption(waiting if busy else "Log in")

    def _add_browser(self) -> None:
        self.issuer_box = QComboBox()
        self.issuer_box.setEditable(True)
        self.issuer_box.addItems(["egi", "ai4eosc"])
        keep_narrow(self.issuer_box)
        self.issuer_box.setToolTip("egi, ai4eosc, or the address of an issuer")
        self.client_edit = QLineEdit()
        self.client_edit.setToolTip("Whoever runs the issuer tells you the id of this program")
        self.code = QLabel()
        self.code.setTextFormat(Qt.TextFormat.PlainText)
        self.code.setWordWrap(True)
        self.code.setStyleSheet("font-size: 14px; font-weight: bold;")
        self.code.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.open_button = QPushButton("Open that page in the browser")

    def _compose(self) -> None:
        self._rows.setVerticalSpacing(3)
        self._rows.addRow("With", self.kind_box)
        self._rows.addRow("User", self.user_edit)
        self._rows.addRow("Token", self.secret_edit)
        self._rows.addRow("Command", self.command_edit)
        self._rows.addRow("Issuer", self.issuer_box)
        self._rows.addRow("Program id", self.client_edit)
        lines = (self.title, self._rows, self.note, self.code, self.open_button, self.problem)
        lay_out(self, lines, self.keep_button, self.later_button)

    def _connect(self) -> None:
        self.kind_box.currentIndexChanged.connect(self._on_kind)
        self.keep_button.clicked.connect(self._hand_over)
        for edit in (self.secret_edit, self.command_edit, self.client_edit):
            edit.returnPressed.connect(self._hand_over)
        self.later_button.clicked.connect(self._put_off)
        self.open_button.clicked.connect(self._open_page)

    def _hand_over(self) -> None:
        if not self.keep_button.isEnabled():
            return
        told = {
            "user": self.user_edit.text(),
            "secret": self.secret_edit.text(),
            "command": self.command_edit.text(),
            "issuer": self.issuer_box.currentText(),
            "client": self.client_edit.text(),
        }
        self.secret_edit.clear()
        self.set_problem("")
        self.wanted.emit(self.kind, told)

    def _open_page(self) -> None:
        page = QUrl(self._page)
        if page.scheme() in {"https", "http"}:
            QDesktopServices.openUrl(page)

    def _put_off(self) -> None:
        self.secret_edit.clear()
        self.put_off.emit()

    def _on_kind(self) -> None:
        kind = self.kind
        self._rows.setRowVisible(self.user_edit, kind == "basic")
        self._rows.setRowVisible(self.secret_edit, kind in {"token", "basic"})
        for widget in (self.issuer_box, self.client_edit):
            self._rows.setRowVisible(widget, kind == "oidc")
        self._rows.setRowVisible(self.command_edit, kind == "command")
        label = self._rows.labelForField(self.secret_edit)
        if isinstance(label, QLabel):
            label.setText("Password" if kind == "basic" else "Token")
        self.note.setText(_NOTES[kind])
