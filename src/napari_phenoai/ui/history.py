"""The History dock: all edits of labels, and the way back to any of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from qtpy.QtCore import QModelIndex, QTimer
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
)

from napari_phenoai.ui.controls.key_button import KeyButton
from napari_phenoai.ui.history_model import WHO, HistoryModel, grouped, tool_words
from napari_phenoai.ui.keyed import keyed
from napari_phenoai.ui.keys import key_of, key_or
from napari_phenoai.ui.listening import listen
from napari_phenoai.ui.row_table import row_view
from napari_phenoai.ui.session_dock import SessionDock

if TYPE_CHECKING:
    import napari.viewer

    from napari_phenoai.io.journal_entry import JournalEntry
    from napari_phenoai.io.project import Project

__all__ = ["HistoryDock"]

_PAGE = 200
_PAUSE_MS = 120
_LANE = "history"
_EMPTY = "Nothing has been painted yet. Press {key} in the Workbench to paint anywhere on an image."


class HistoryDock(SessionDock):
    """Lists strokes, decisions and imports, newest first; a click goes back to one.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose session is shown.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "History")
        self.model = HistoryModel(self)
        self.view = row_view(self.model, stretched=2)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.undo, self.redo = KeyButton("Undo"), KeyButton("Redo")
        keyed(self.undo, lambda button: button.set_key(key_of("undo")))
        keyed(self.redo, lambda button: button.set_key(key_of("redo")))
        self.stop = QPushButton("Stop")
        self.stop.setToolTip("Stay at the edit that has been reached")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE_MS)
        self._timer.timeout.connect(self._read)
        self._compose()
        self._connect()
        self._on_project()

    def turn(self, direction: Literal["undo", "redo"]) -> None:
        """Take back the last edit that counts, or do it again, wherever it was made."""
        painting = self.session.painting
        if painting is not None:
            if not painting.active:
                self.session.paint_anywhere()
            painting.turn(direction)

    # --- inside

    def _compose(self) -> None:
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 4, 6, 4)
        box.addWidget(self.words)
        box.addWidget(self.view, 1)
        line = QHBoxLayout()
        for button in (self.undo, self.redo, self.stop):
            line.addWidget(button, 1)
        box.addLayout(line)

    def _connect(self) -> None:
        session = self.session
        listen(self, session.project_changed, self._on_project)
        listen(self, session.standing_changed, self._on_standing)
        listen(self, session.history_changed, self._later)
        self.model.wanted.connect(self._fetch)
        self.view.clicked.connect(self._on_clicked)
        self.view.activated.connect(self._on_clicked)
        self.undo.clicked.connect(lambda: self.turn("undo"))
        self.redo.clicked.connect(lambda: self.turn("redo"))
        self.stop.clicked.connect(self._stop)

    def _on_project(self) -> None:
        self.model.set_entries([], more=False)
        self._on_standing()
        self._say()
        self._later()

    def _on_standing(self) -> None:
        self.model.images = self.session.standing.images

    def _later(self) -> None:
        """Read anew in a moment: edits may come in quick succession."""
        if not self._timer.isActive():
            self._timer.start()

    def _read(self) -> None:
        project = self.session.project
        if project is not None:
            count = max(_PAGE, len(self.model.entries))
            read = partial(project.journal.entries, count)
            self.ask(read, partial(self._on_entries, project, count), lane=_LANE)

    def _on_entries(self, project: Project, count: int, entries: list[JournalEntry]) -> None:
        if project is self.session.project:
            self.model.set_entries(entries, more=len(entries) == count)
            self._say()

    def _fetch(self, before: int) -> None:
        project = self.session.project
        if project is not None:
            read = partial(project.journal.entries, _PAGE, before)
            self.ask(read, partial(self._on_older, project), lane=_LANE)

    def _on_older(self, project: Project, entries: list[JournalEntry]) -> None:
        if project is self.session.project:
            self.model.add_entries(entries, more=len(entries) == _PAGE)

    def _on_clicked(self, index: QModelIndex) -> None:
        painting = self.session.painting
        if painting is None or not index.isValid():
            return
        entry = self.model.entries[index.row()]
        self.session.paint_anywhere(entry.tile)
        if entry.reachable and not entry.current:
            painting.jump(entry.number)

    def _stop(self) -> None:
        if self.session.painting is not None:
            self.session.painting.writer.stop()
            self._later()

    def _say(self) -> None:
        painting = self.session.painting
        left = painting.writer.turning if painting is not None else 0
        self.view.setColumnHidden(WHO, len(self.model.authors) < 2)
        done = next((entry for entry in self.model.entries if entry.current), None)
        self.stop.setVisible(left > 0)
        self.undo.setEnabled(done is not None)
        self.redo.setEnabled(any(_is_undone(entry) for entry in self.model.entries))
        if left:
            steps = "1 edit" if left == 1 else f"{left} edits"
            self.words.setText(f"On the way: {steps} left.")
        elif not self.model.entries:
            empty = _EMPTY.format(key=key_or("paint", "Paint anywhere"))
            self.words.setText(empty if painting is not None else "No project is open.")
        elif done is None:
            self.words.setText("All edits are undone. Click one to do it again.")
        else:
            self.words.setText(
                f"The last edit that counts: {tool_words(done.tool)}, "
                f"{grouped(done.pixels)}\N{NO-BREAK SPACE}px. "
                "Click another to go back to it."
            )


def _is_undone(entry: JournalEntry) -> bool:
    return entry.state == "undone" and entry.reachable
