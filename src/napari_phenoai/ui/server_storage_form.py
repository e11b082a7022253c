"""The form in which a person describes a storage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from napari_phenoai.ui.controls.form_view import say_wrong, wrong_label
from napari_phenoai.ui.controls.key_button import KeyButton
from napari_phenoai.ui.server_choice import choice_box
from napari_phenoai.ui.server_lines import lay_out

if TYPE_CHECKING:
    from napari_phenoai.io.storages import SavedStorage

__all__ = ["StorageForm"]


@dataclass(frozen=True)
class _Kind:
    """What is asked for one kind of storage: captions of the fields, by their options."""

    key: str
    title: str
    example: str
    address: str = "Address"
    options: tuple[tuple[str, str, str], ...] = ()
    secret: tuple[str, str] | None = None
    note: str = ""


_KINDS = (
    _Kind(
        "webdav",
        "WebDAV (Nextcloud)",
        "https://cloud.example.org/remote.php/dav/files/ann/phenoai",
        options=(("user", "User", "ann"),),
        secret=("password", "Password"),
        note="Clouds that ask for a second factor want an app password here.",
    ),
    _Kind(
        "s3",
        "S3 (MinIO, AWS)",
        "bucket/folder",
        address="Bucket",
        options=(
            ("endpoint_url", "Service", "its address; empty for AWS"),
            ("key", "Key", "the access key"),
        ),
        secret=("secret", "Secret"),
    ),
    _Kind(
        "folder",
        "shared folder",
        "/mnt/shared/phenoai",
        address="Folder",
        note="One that the server sees too: on this computer, or on a network drive of both.",
    ),
    _Kind(
        "other",
        "other (fsspec)",
        "gcs://bucket/folder",
        options=(("", "Options", "name=value name=value"),),
        note="Options that are secret are set in a terminal: phenoai storage.",
    ),
)
_KEPT = "It is kept in the keyring of this computer, in no file and no project."


class StorageForm(QWidget):
    """Asks for a storage; what is typed into the hidden line is gone once it was handed over."""

    wanted = QtSignal(str, str, dict, dict)
    put_off = QtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind_box = choice_box("Kind of storage")
        for kind in _KINDS:
            self.kind_box.addItem(kind.title, kind.key)
        self.address_edit = QLineEdit()
        self.option_edits = (QLineEdit(), QLineEdit())
        self.secret_edit = QLineEdit()
        self.secret_edit.setEchoMode(QLineEdit.EchoMode.Password)
        self.secret_edit.setToolTip(_KEPT)
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.problem = wrong_label()
        self.keep_button = KeyButton("Test and keep", primary=True)
        self.later_button = QPushButton("Cancel")
        self._rows = QFormLayout()
        self._compose()
        self.kind_box.currentIndexChanged.connect(self._on_kind)
        self.keep_button.clicked.connect(self._hand_over)
        for edit in (self.address_edit, *self.option_edits, self.secret_edit):
            edit.returnPressed.connect(self._hand_over)
        self.later_button.clicked.connect(self._put_off)
        self._on_kind()

    def show_saved(self, saved: SavedStorage | None) -> None:
        """Begin anew, from what is set up; secrets have to be typed in again."""
        found = _kind_of(saved)
        self.kind_box.setCurrentIndex(self.kind_box.findData(found.key))
        for edit in (self.address_edit, *self.option_edits, self.secret_edit):
            edit.clear()
        self.set_problem("")
        if saved is not None:
            self.address_edit.setText(saved.url.removeprefix("webdav+").removeprefix("s3://"))
            for edit, (name, _, _) in zip(self.option_edits, found.options, strict=False):
                pairs = " ".join(f"{one}={value}" for one, value in saved.options.items())
                edit.setText(str(saved.options.get(name, "")) if name else pairs)

    def set_problem(self, text: str) -> None:
        """Say what is wrong; an empty text takes that away."""
        say_wrong(self.problem, text)

    def set_busy(self, *, busy: bool) -> None:
        """Say that the storage is being tried."""
        self.keep_button.setEnabled(not busy)
        self.keep_button.set_caption("Trying it ..." if busy else "Test and keep")

    def _compose(self) -> None:
        self._rows.setVerticalSpacing(3)
        self._rows.addRow("Kind", self.kind_box)
        self._rows.addRow("Address", self.address_edit)
        for edit in (*self.option_edits, self.secret_edit):
            self._rows.addRow(QLabel(), edit)
        lines = (self._rows, self.note, self.problem)
        lay_out(self, lines, self.keep_button, self.later_button)

    def _on_kind(self) -> None:
        kind = self._kind
        self._name(self.address_edit, kind.address)
        self.address_edit.setPlaceholderText(kind.example)
        self.address_edit.setToolTip(f"For example {kind.example}")
        for number, edit in enumerate(self.option_edits):
            asked = number < len(kind.options)
            self._rows.setRowVisible(edit, asked)
            if asked:
                self._name(edit, kind.options[number][1])
                edit.setPlaceholderText(kind.options[number][2])
        self._rows.setRowVisible(self.secret_edit, kind.secret is not None)
        if kind.secret is not None:
            self._name(self.secret_edit, kind.secret[1])
        self.note.setText(f"{kind.note} {_KEPT}".strip() if kind.secret else kind.note)
        self.set_problem("")

    def _name(self, edit: QLineEdit, caption: str) -> None:
        edit.setAccessibleName(f"{caption} of the storage")
        label = self._rows.labelForField(edit)
        if isinstance(label, QLabel):
            label.setText(caption)

    @property
    def _kind(self) -> _Kind:
        return next(kind for kind in _KINDS if kind.key == self.kind_box.currentData())

    def _hand_over(self) -> None:
        if not self.keep_button.isEnabled():
            return
        kind = self._kind
        options: dict[str, str] = {}
        for edit, (name, _, _) in zip(self.option_edits, kind.options, strict=False):
            text = edit.text().strip()
            if text and name:
                options[name] = text
            elif text:
                options |= dict(pair.partition("=")[::2] for pair in text.split())
        secret = self.secret_edit.text()
        keys = {kind.secret[0]: secret} if kind.secret and secret else {}
        self.secret_edit.clear()
        self.set_problem("")
        self.wanted.emit(kind.key, self.address_edit.text(), options, keys)

    def _put_off(self) -> None:
        self.secret_edit.clear()
        self.put_off.emit()


def _kind_of(saved: SavedStorage | None) -> _Kind:
    """Return the kind that is proposed: that of a saved storage, else the first."""
    starts = {"webdav+": "webdav", "s3://": "s3"}
    if saved is None:
        return _KINDS[0]
    found = next((key for start, key in starts.items() if saved.url.startswith(start)), None)
    key = found or ("other" if "://" in saved.url else "folder")
    return next(kind for kind in _KINDS if kind.key == key)
