"""The line of the Workbench that says what work on servers waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_phenoai.ui.controls.elided import ElidedLabel
from napari_phenoai.ui.docks import show_dock
from napari_phenoai.ui.listening import listen
from napari_phenoai.ui.server_asking import QuestionRows
from napari_phenoai.ui.server_desk import servers_of

if TYPE_CHECKING:
    import napari.viewer

    from napari_phenoai.ui.session import Session

__all__ = ["AskedLine"]

_ONE = "? A question about a server"


class AskedLine(QWidget):
    """One line for what only the person can settle; takes no room while there is nothing.

    A question is answered here, without another dock; for a login the Servers dock is
    opened. The keyboard stays where it is.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the Servers dock opens.
    session : Session
        Whose work on servers it is.
    """

    def __init__(
        self, viewer: napari.viewer.Viewer, session: Session, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._desk = servers_of(session)
        self.words = ElidedLabel()
        self.button = QPushButton()
        self.button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.rows = QuestionRows(self._desk.questions)
        self.folded = QWidget()
        self._compose()
        self.button.clicked.connect(self._on_button)
        listen(self, self._desk.questions.changed, self.look)
        listen(self, self._desk.needs.changed, self.look)
        self.look()

    def look(self) -> None:
        """Show what is waited for now."""
        asked, needs = self._desk.questions.all, self._desk.needs.all
        self.setVisible(bool(asked or needs))
        if not asked:
            self.folded.hide()
        if asked:
            count = len(asked)
            self.words.set_whole(_ONE if count == 1 else f"? {count} questions about servers")
            self.setToolTip("\n".join(asked))
            self._show_fold()
        elif needs:
            server, error = next(iter(needs.items()))
            self.words.set_whole(f"▲ {server} needs a login")
            self.setToolTip(f"{error.what} {error.hint}")
            self.button.setText("Log in …")
            self.button.setToolTip(f"Opens the Servers dock at {server}; then its work goes on")

    # --- inside

    def _compose(self) -> None:
        self.setAccessibleName("What work on servers waits for")
        line = QHBoxLayout()
        line.setSpacing(6)
        line.addWidget(self.words, 1)
        line.addWidget(self.button)
        inner = QVBoxLayout(self.folded)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(self.rows)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 4, 2)
        box.setSpacing(3)
        box.addLayout(line)
        box.addWidget(self.folded)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def _show_fold(self) -> None:
        opened = not self.folded.isHidden()
        self.button.setText("Later" if opened else "Answer …")
        self.button.setToolTip(
            "The question stays, and its work waits" if opened else "Work on a server waits for it"
        )

    def _on_button(self) -> None:
        if self._desk.questions.all:
            self.folded.setVisible(self.folded.isHidden())
            self._show_fold()
            return
        server = next(iter(self._desk.needs.all), None)
        if server is not None:
            dock = show_dock(self._viewer, "Servers")
            see_to = getattr(dock, "see_to", None)
            if see_to is not None:
                see_to(server)
