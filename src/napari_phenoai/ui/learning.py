"""The Learning dock: is the model good yet, and the next training."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QFileDialog,
    QLabel,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.records import QueueItem
from napari_phenoai.core.series import epoch_series
from napari_phenoai.io.files import write_atomic
from napari_phenoai.loop.models import promote, roll_back
from napari_phenoai.ui.curves import Curves
from napari_phenoai.ui.job_watch import JobWatch
from napari_phenoai.ui.jobs_strip import JobsStrip
from napari_phenoai.ui.learning_data import (
    LearningData,
    curves_csv,
    read_epochs,
    read_learning,
)
from napari_phenoai.ui.learning_words import NO_EPOCHS, NO_TRAINING, ended_words, truth_words
from napari_phenoai.ui.listening import listen
from napari_phenoai.ui.models_list import ModelsList
from napari_phenoai.ui.palette import PAPER, style_of
from napari_phenoai.ui.plot_view import render_png
from napari_phenoai.ui.remote_jobs import server_names
from napari_phenoai.ui.scrolling import Scrolling
from napari_phenoai.ui.session_dock import SessionDock
from napari_phenoai.ui.train_box import TrainBox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import napari.viewer

    from napari_phenoai.core.series import EpochPoint
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.preferences import Preferences

__all__ = ["LearningDock"]

_LIVE_MS = 500
_NO_PROJECT = "Open a project to see how its models learn."


class LearningDock(SessionDock):
    """Trains, shows the curves and the models, and lets one of them serve.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose session is shown.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "Learning")
        self._data = LearningData()
        self._watch: JobWatch | None = None
        self._live: list[Mapping[str, object]] = []
        self._shown: str | None = None
        self._ended = NO_TRAINING
        self.truth = QLabel()
        self.truth.setWordWrap(True)
        self.train_box = TrainBox()
        self.jobs = JobsStrip(self.session)
        self.curves = Curves(self.session.background, style_of(viewer))
        self.models = ModelsList()
        self._timer = QTimer(self)
        self._timer.setInterval(_LIVE_MS)
        self._timer.timeout.connect(self._grow)
        self._compose()
        self._connect()
        self._on_project()

    def train(self) -> None:
        """Start a training with what is chosen; the key T does the same."""
        self.session.train_next()

    def save_table(self, path: Path) -> None:
        """Write all curves to a CSV file, in the background."""
        project = self.session.project
        if project is not None:
            self.ask(lambda: write_atomic(path, curves_csv(project).encode()))

    def save_picture(self, path: Path) -> None:
        """Write the curves to a PNG file, in the background."""
        drawings = self.curves.drawings()
        self.ask(lambda: write_atomic(path, render_png(drawings, PAPER)))

    def _compose(self) -> None:
        self.split = QSplitter(Qt.Orientation.Vertical)
        self.split.addWidget(self.curves)
        self.split.addWidget(self.models)
        self.split.setChildrenCollapsible(False)
        self.split.setStretchFactor(0, 3)
        self.split.setStretchFactor(1, 1)
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.setSpacing(6)
        layout.addWidget(self.truth)
        layout.addWidget(self.train_box)
        layout.addWidget(self.jobs)
        layout.addWidget(self.split, stretch=1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(Scrolling(content))

    def _connect(self) -> None:
        session, box = self.session, self.train_box
        listen(self, session.project_changed, self._on_project)
        listen(self, session.models_changed, self._read)
        listen(self, session.reviews_changed, self._read)
        listen(self, session.standing_changed, self._on_standing)
        listen(self, session.jobs_changed, self._on_jobs)
        box.train_wanted.connect(self.train)
        box.auto_changed.connect(self._set_auto)
        box.after_changed.connect(self._set_after)
        box.choice_changed.connect(self._on_choice)
        box.fold.button.toggled.connect(self._ask_servers)
        self.models.chosen.connect(self._on_chosen)
        self.models.promote_wanted.connect(self._promote)
        self.models.roll_back_wanted.connect(self._roll_back)
        self.curves.model_pointed.connect(self.models.select)
        self.curves.tile_pointed.connect(self._open_tile)
        self.models.csv_button.clicked.connect(self._ask_table)
        self.models.png_button.clicked.connect(self._ask_picture)
        self.viewer.events.theme.connect(self._on_theme)

    def on_preferences(self, wanted: Preferences) -> None:
        """Train where the person prefers to."""
        super().on_preferences(wanted)
        self.train_box.set_device(wanted.device)

    # --- what the session says

    def _on_project(self) -> None:
        project = self.session.project
        for part in (self.train_box, self.split):
            part.setEnabled(project is not None)
        self._shown, self._live, self._ended = None, [], NO_TRAINING
        if project is None:
            self._show(LearningData())
            self.truth.setText(_NO_PROJECT)
            return
        learner = self.session.learner
        if learner is not None:
            listen(self, learner.auto_changed, self._on_auto)
            self._on_auto(learner.auto)
            self._on_choice()
        self._on_standing()
        self._on_jobs()
        self._read()

    def _on_auto(self, auto: bool) -> None:
        project = self.session.project
        if project is not None:
            self.train_box.set_auto(auto=auto, after=project.spec.train_after)

    def _on_standing(self) -> None:
        if self.session.project is None:
            return
        self.truth.setText(truth_words(self.session.standing))

    def _on_jobs(self) -> None:
        job = self.session.training
        self.train_box.set_running(running=job is not None)
        watched = self._watch.job if self._watch else None
        if job is not None and job is not watched:
            self._watch, self._live = JobWatch(job), []
            self.curves.set_epochs((), running=True)
            self.curves.show_training()
            self._timer.start()
        if job is None and self._watch is not None:
            self._grow()
            self._ended = ended_words(self._watch.job.state)
            self._watch = None
            self._timer.stop()
            self._show_epochs(epoch_series(self._live), self._ended)

    def _grow(self) -> None:
        news = self._watch.take_data() if self._watch else []
        if news:
            self._live += news
            self.curves.set_epochs(epoch_series(self._live), running=True)

    def _on_theme(self) -> None:
        self.curves.set_style(style_of(self.viewer))

    # --- what was read

    def _read(self) -> None:
        project = self.session.project
        if project is not None:
            answer = partial(self._on_read, project)
            self.ask(partial(read_learning, project), then=answer)

    def _on_read(self, project: Project, data: LearningData) -> None:
        if project is self.session.project:
            self._show(data)

    def _show(self, data: LearningData) -> None:
        self._data = data
        self.models.set_data(data)
        self.curves.set_data(data)
        if self.models.selected is None and data.newest is not None and not self._live:
            self._read_epochs(data.newest)
        elif not data.cards and not self._live and self._watch is None:
            self._show_epochs((), self._ended)

    def _on_chosen(self, model: str) -> None:
        self.curves.set_chosen(model)
        self._read_epochs(model)

    def _read_epochs(self, model: str) -> None:
        project = self.session.project
        if project is None or model == self._shown or self._watch is not None:
            return
        self._shown = model
        work = partial(read_epochs, project, model)
        self.ask(work, then=partial(self._on_epochs, model))

    def _on_epochs(self, model: str, epochs: tuple[EpochPoint, ...]) -> None:
        if model == self._shown and self._watch is None:
            self._show_epochs(epochs, NO_EPOCHS)

    def _show_epochs(self, epochs: tuple[EpochPoint, ...], why: str) -> None:
        """Draw the curve of a training that does not run, or say `why` there is none."""
        self.curves.set_epochs(epochs, running=False, why=why)

    # --- what the person wants

    def _on_choice(self) -> None:
        if self.session.learner is not None:
            choice = self.train_box.choice
            self.session.learner.wish, self.session.learner.server = choice.settings, choice.server

    def _ask_servers(self) -> None:
        self.ask(server_names, then=self.train_box.set_servers)

    def _set_auto(self, auto: bool) -> None:
        if self.session.learner is not None:
            self.session.learner.set_auto(auto)

    def _set_after(self, after: int) -> None:
        project = self.session.project
        if project is not None:
            self.ask(partial(project.update, train_after=after))

    def _promote(self, model: str) -> None:
        project = self.session.project
        if project is not None:
            self._change(partial(promote, project, model, self.session.author))

    def _roll_back(self) -> None:
        project = self.session.project
        if project is not None:
            self._change(partial(roll_back, project, self.session.author))

    def _change(self, change: Callable[[], object]) -> None:
        session = self.session
        self.ask(change, lambda _: session.models_edited(), lane="writes")

    def _open_tile(self, key: str) -> None:
        found = [item for item in self.session.queue if item.tile == key]
        self.session.open_item(
            found[0] if found else QueueItem(tile=Tile.from_key(key).key, position=0)
        )

    def _ask_table(self) -> None:
        path = self._ask("Save the curves as a table", "curves.csv", "Table (*.csv)")
        if path is not None:
            self.save_table(path)

    def _ask_picture(self) -> None:
        path = self._ask("Save the curves as a picture", "curves.png", "Picture (*.png)")
        if path is not None:
            self.save_picture(path)

    def _ask(self, title: str, name: str, kind: str) -> Path | None:
        path, _ = QFileDialog.getSaveFileName(self, title, name, kind)
        return Path(path) if path else None
