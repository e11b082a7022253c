"""The strip of jobs: what runs, how far it is, how long still, and a stop button."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QGridLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_phenoai.ui.activity import mirror_jobs
from napari_phenoai.ui.job_watch import JobWatch
from napari_phenoai.ui.listening import listen
from napari_phenoai.ui.server_asking import QuestionRows
from napari_phenoai.ui.server_desk import servers_of

if TYPE_CHECKING:
    from napari_phenoai.jobs.job import Job
    from napari_phenoai.ui.session import Session

__all__ = ["JobRow", "JobsStrip"]

_LOOK_MS = 200
_STEPS = 1000


class JobRow(QWidget):
    """One running job."""

    def __init__(self, job: Job[Any], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.job = job
        self.watch = JobWatch(job)
        self.title = QLabel(f"<b>{job.title}</b>")
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.words = QLabel()
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.stop_button = QPushButton("Stop")
        self.stop_button.setToolTip("Stop this work; what is finished stays")
        self.stop_button.clicked.connect(self._stop)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(2)
        layout.addWidget(self.title, 0, 0)
        layout.addWidget(self.stop_button, 0, 1, 2, 1, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.words, 1, 0)
        layout.addWidget(self.bar, 2, 0, 1, 2)
        layout.setColumnStretch(0, 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def look(self) -> None:
        """Show what the job last said."""
        fraction = self.watch.latest.fraction
        self.bar.setRange(0, 0 if fraction is None else _STEPS)
        if fraction is not None:
            self.bar.setValue(round(_STEPS * fraction))
        if self.stop_button.isEnabled():
            self.words.setText(self.watch.words)
            self.words.setToolTip(self.watch.words)

    def _stop(self) -> None:
        self.stop_button.setEnabled(False)
        self.words.setText("stopping ...")
        self.job.cancel()


class JobsStrip(QWidget):
    """All running jobs of a session, and what they ask; takes no room when there is none.

    Parameters
    ----------
    session : Session
        Whose jobs are shown.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.rows: dict[int, JobRow] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        questions = servers_of(session).questions
        self.questions = QuestionRows(questions)
        self._layout.addWidget(self.questions)
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._look)
        listen(self, session.jobs_changed, self._on_jobs)
        listen(self, questions.changed, self._on_jobs)
        mirror_jobs(session)
        self._on_jobs()

    def _on_jobs(self) -> None:
        running = {id(job): job for job in self._session.jobs}
        for key in [key for key in self.rows if key not in running]:
            row = self.rows.pop(key)
            self._layout.removeWidget(row)
            row.deleteLater()
        for key, job in running.items():
            if key not in self.rows:
                self.rows[key] = row = JobRow(job)
                self._layout.addWidget(row)
        self.setVisible(bool(self.rows) or bool(self.questions.rows))
        if self.rows and not self._timer.isActive():
            self._timer.start()
        if not self.rows:
            self._timer.stop()
        self._look()

    def _look(self) -> None:
        for row in self.rows.values():
            row.look()
