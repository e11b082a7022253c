"""Questions of work on servers, each with its two buttons, beside the jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_phenoai.ui.listening import listen

if TYPE_CHECKING:
    from napari_phenoai.ui.server_questions import Questions

__all__ = ["QuestionRow", "QuestionRows"]


class QuestionRow(QWidget):
    """One question, with no answer that is nearer than the other; only its work waits for it."""

    def __init__(self, question: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = QLabel(f"? {question}")
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setWordWrap(True)
        self.words.setStyleSheet("border-left: 3px solid #e69f00; padding-left: 5px;")
        self.yes_button = QPushButton("Yes")
        self.no_button = QPushButton("No")
        line = QHBoxLayout()
        for button in (self.yes_button, self.no_button):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the canvas
            line.addWidget(button, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 2, 0, 2)
        box.setSpacing(3)
        box.addWidget(self.words)
        box.addLayout(line)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)


class QuestionRows(QWidget):
    """All questions of a desk; takes no room when there is none.

    Parameters
    ----------
    questions : Questions
        What is shown and answered.
    """

    def __init__(self, questions: Questions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._questions = questions
        self.rows: dict[str, QuestionRow] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        listen(self, questions.changed, self.look)
        self.look()

    def look(self) -> None:
        """Show what is asked now."""
        asked = self._questions.all
        for question in [one for one in self.rows if one not in asked]:
            row = self.rows.pop(question)
            self._layout.removeWidget(row)
            row.hide()
            row.deleteLater()
        for question in asked:
            if question not in self.rows:
                self.rows[question] = row = QuestionRow(question)
                row.yes_button.clicked.connect(lambda _=False, one=question: self._say(one, True))
                row.no_button.clicked.connect(lambda _=False, one=question: self._say(one, False))
                self._layout.addWidget(row)
        self.setVisible(bool(self.rows))

    def _say(self, question: str, yes: bool) -> None:
        self._questions.answer(question, yes=yes)
