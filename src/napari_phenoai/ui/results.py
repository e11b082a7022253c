"""The Results dock: predict all images, look at the numbers, take them out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_phenoai.errors import InputError
from napari_phenoai.io.export import export_masks, export_traits
from napari_phenoai.jobs.job import Job, JobState
from napari_phenoai.ui.docks import show_dock
from napari_phenoai.ui.jobs_strip import JobsStrip
from napari_phenoai.ui.listening import listen, while_alive
from napari_phenoai.ui.models_list import model_name
from napari_phenoai.ui.result_table import ResultTree, count_results
from napari_phenoai.ui.scrolling import Scrolling
from napari_phenoai.ui.server_where import WhereBox
from napari_phenoai.ui.server_work import work_on_servers
from napari_phenoai.ui.servers import ServersDock
from napari_phenoai.ui.session_dock import SessionDock

if TYPE_CHECKING:
    import napari.viewer

    from napari_phenoai.core.progress import Work
    from napari_phenoai.io.export.planes import Source
    from napari_phenoai.ui.server_work import Ended

__all__ = ["ResultsDock"]

_FORMATS = (("tiff", "TIFF"), ("png", "PNG, indexed"), ("ome-zarr", "OME-Zarr labels"))
_SOURCES = (
    ("best", "best of both"),
    ("labels", "people's labels"),
    ("predictions", "predictions"),
)
_NO_PROJECT = "Open a project to see its results."
_NO_MODEL = "No model serves yet: the numbers come from people's labels only."


class ResultsDock(SessionDock):
    """Numbers per image and class, and what leaves the project.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose session is shown.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "Results")
        self._predicting: Job[int] | None = None
        self._counting: Job[list[dict[str, str]]] | None = None
        self.state = QLabel()
        self.state.setWordWrap(True)
        self.predict_button = QPushButton("Predict all images")
        self.predict_button.setToolTip("What is predicted already is not done again")
        self.where = WhereBox(self.session)
        self.count_button = QPushButton("Count")
        self.count_button.setToolTip("Count area, cover and objects anew")
        self.jobs = JobsStrip(self.session)
        self.tree = ResultTree()
        self.source_box = QComboBox()
        self.format_box = QComboBox()
        self.masks_button = QPushButton("Export masks ...")
        self.csv_button = QPushButton("Export table ...")
        self._compose()
        self._connect()
        self._on_project()

    def predict_all(self) -> None:
        """Predict all images where that is wished, as a job; goes on where it stopped."""
        project = self.session.project
        if project is None or self._predicting is not None:
            return
        if self.where.server is not None:
            self._predict_there(self.where.server)
            return
        place = self.session.place
        try:
            work = self.where.work(project, device=place.device, engine=place.engine)
        except InputError as error:
            self.session.complain(error)
            return
        self.session.show_model(None)
        job = Job("Predicting all images", work, kind="predict")
        self._predicting = job
        job.ended.connect(while_alive(self, self._on_predicted), thread="main")
        self.session.run(job)
        self._update()

    def _predict_there(self, server: str) -> None:
        """Let the Servers dock start it: there a person says what is not clear yet."""
        dock = show_dock(self.viewer, "Servers")
        if isinstance(dock, ServersDock):
            dock.predict_all(server)

    def count(self) -> None:
        """Count area, cover and objects of each class and image, as a job."""
        project = self.session.project
        if project is None or self._counting is not None or not project.images():
            return
        job = Job("Counting", count_results(project, self.session.shown_model), kind="count")
        self._counting = job
        job.ended.connect(while_alive(self, self._on_counted), thread="main")
        self.session.run(job)
        self._update()

    def save_masks(self, folder: Path) -> None:
        """Export a mask per image to `folder`, as a job."""
        project = self.session.project
        if project is not None:
            kind = str(self.format_box.currentData())
            work = export_masks(
                project,
                folder,
                model=self.session.shown_model,
                format=kind,
                source=self._source,
                allow_partial=True,
            )
            self._export(f"Exporting masks to {folder.name}", work)

    def save_table(self, path: Path) -> None:
        """Export the table to a CSV file, as a job."""
        project = self.session.project
        if project is not None:
            work = export_traits(
                project,
                path,
                model=self.session.shown_model,
                source=self._source,
                allow_partial=True,
            )
            self._export(f"Exporting {path.name}", work)

    @property
    def _source(self) -> Source:
        source: Source = self.source_box.currentData()
        return source

    def _compose(self) -> None:
        for name, words in _SOURCES:
            self.source_box.addItem(words, name)
        for name, words in _FORMATS:
            self.format_box.addItem(words, name)
        for box in (self.source_box, self.format_box):
            box.setMinimumContentsLength(8)
            policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            box.setSizeAdjustPolicy(policy)
        self.source_box.setToolTip("People's labels where there are any, else the prediction")
        self.format_box.setToolTip("File format of the masks")
        self.note = QLabel("* some pixels of this image have no class yet")
        self.note.setWordWrap(True)
        self.note.hide()
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.setSpacing(6)
        layout.addWidget(self.state)
        layout.addWidget(self.where)
        layout.addLayout(_row(self.predict_button, self.count_button))
        layout.addWidget(self.jobs)
        layout.addWidget(self.tree, stretch=1)
        layout.addWidget(self.note)
        layout.addWidget(QLabel("<b>Take out</b>"))
        layout.addLayout(_row(self.source_box, self.format_box))
        layout.addLayout(_row(self.masks_button, self.csv_button))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(Scrolling(content))

    def _connect(self) -> None:
        listen(self, self.session.project_changed, self._on_project)
        listen(self, self.session.standing_changed, self._update)
        listen(self, work_on_servers(self.session).ended, self._on_server_ended)
        self.where.changed.connect(self._update)
        self.predict_button.clicked.connect(self.predict_all)
        self.count_button.clicked.connect(self.count)
        self.masks_button.clicked.connect(self.ask_masks)
        self.csv_button.clicked.connect(self.ask_table)

    def _on_project(self) -> None:
        self.tree.set_results((), 0)
        self._predicting = self._counting = None
        self._update()
        self.count()

    def _update(self) -> None:
        project, standing = self.session.project, self.session.standing
        here = project is not None
        buttons = (self.count_button, self.masks_button, self.csv_button)
        for button in buttons:
            button.setEnabled(here)
        served = standing.served
        idle = self._predicting is None
        able = served is not None or self.where.server is not None
        self.predict_button.setEnabled(here and able and idle)
        self.predict_button.setText("Predict all images" if idle else "Predicting ...")
        self.count_button.setEnabled(here and self._counting is None)
        if not here:
            self.state.setText(_NO_PROJECT)
        elif self.session.shown_model != (served.id if served is not None else None):
            self.state.setText(
                f"People's labels, and where there are none what <b>{self.session.shown_model}</b> "
                "predicted"
            )
        elif served is None:
            self.state.setText(_NO_MODEL)
        else:
            self.state.setText(
                f"People's labels, and where there are none what the model "
                f"<b>{model_name(served)}</b> predicted"
            )

    def _on_predicted(self, job: Job[int]) -> None:
        if job is not self._predicting:
            return
        self._predicting = None
        self._update()
        if job.state is JobState.CANCELLED:
            self.predict_button.setText("Go on predicting")
        self.session.models_changed.emit()
        self.count()

    def _on_server_ended(self, _: Ended) -> None:
        self._update()
        self.count()

    def _on_counted(self, job: Job[list[dict[str, str]]]) -> None:
        if job is not self._counting:
            return
        self._counting = None
        self._update()
        project = self.session.project
        if job.result is not None and project is not None:
            self.tree.set_results(job.result, project.scheme.background)
            missing = any(int(row["unlabelled_px"]) for row in job.result)
            self.note.setVisible(missing)

    def _export(self, title: str, work: Work[Any]) -> None:
        self.session.run(Job(title, work, kind="export"))

    def ask_masks(self) -> None:
        """Ask for a folder and export the masks to it."""
        path = QFileDialog.getExistingDirectory(self, "A folder for the masks")
        if path:
            self.save_masks(Path(path))

    def ask_table(self) -> None:
        """Ask for a file and export the table to it."""
        path, _ = QFileDialog.getSaveFileName(self, "Save the table", "traits.csv", "CSV (*.csv)")
        if path:
            self.save_table(Path(path))


def _row(*widgets: QWidget) -> QHBoxLayout:
    layout = QHBoxLayout()
    for widget in widgets:
        layout.addWidget(widget)
    return layout
