"""The Project dock: images, classes, and the way to a new project."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QFileDialog,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_phenoai.errors import PhenoError
from napari_phenoai.io.project import Project, is_project
from napari_phenoai.jobs.job import Job
from napari_phenoai.ui.adding import Added, add_images, create_project, propose_tile_px
from napari_phenoai.ui.images_list import ImageRow, read_images
from napari_phenoai.ui.jobs_strip import JobsStrip
from napari_phenoai.ui.listening import listen, while_alive
from napari_phenoai.ui.project_form import NewProjectForm
from napari_phenoai.ui.project_page import ProjectPage, side_by_side
from napari_phenoai.ui.session_dock import SessionDock
from napari_phenoai.ui.thumbnails import thumbnail

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari.viewer
    import numpy as np
    from numpy.typing import NDArray
    from qtpy.QtGui import QDragEnterEvent, QDropEvent

    from napari_phenoai.ui.preferences import Preferences

__all__ = ["ProjectDock"]

_FORMATS = "Images (*.tif *.tiff *.png *.jpg *.jpeg *.btf *.svs *.ndpi *.ome.tif);;All files (*)"


class ProjectDock(SessionDock):
    """Lists the images of the open project, or makes one.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose session is shown.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "Project")
        self._asked_thumbs: set[str] = set()
        self.form = NewProjectForm()
        self.new_button = QPushButton("New project ...")
        self.open_button = QPushButton("Open project ...")
        self.page = ProjectPage()
        self.list, self.details = self.page.list, self.page.details
        self.classes = self.page.classes
        self.jobs = JobsStrip(self.session)
        self.pages = QStackedWidget()
        self._compose()
        self._connect()
        self.setAcceptDrops(True)
        self._on_project()

    def start_new_project(self) -> None:
        """Show the form of a new project."""
        self.form.cancel_button.setVisible(self.session.project is not None)
        self.form.set_problem("")
        self.pages.setCurrentIndex(0)
        self.form.classes.setFocus()

    def create_project(self) -> None:
        """Make the project that the form describes, open it and add the images."""
        form = self.form
        path = form.path
        if path is None:
            return
        form.create_button.setEnabled(False)
        work = partial(create_project, path, form.names, form.tile_px, instances=form.instances)
        self.ask(work, self._on_created, self._on_not_created)

    def open_project(self, path: str | Path) -> bool:
        """Open the project in the folder `path`; return whether that went well."""
        return self.session.open_project(path)

    def add(self, places: Sequence[str]) -> None:
        """Add files, folders and addresses to the open project, as a job."""
        project = self.session.project
        if project is None or not places:
            return
        name = Path(places[0]).name if len(places) == 1 else f"{len(places)} files"
        job = Job(f"Adding {name}", add_images(project, list(places)), kind="add")
        job.ended.connect(while_alive(self, self._on_added), thread="main")
        self.session.run(job)

    def take(self, places: Sequence[str]) -> None:
        """Do what a person means who drops these files and folders here."""
        if len(places) == 1 and is_project(Path(places[0])):
            self.open_project(places[0])
        elif self.session.project is None or self.pages.currentIndex() == 0:
            self.form.set_images(places)
        else:
            self.add(places)

    # --- building

    def _compose(self) -> None:
        start = QWidget()
        first = QVBoxLayout(start)
        first.setContentsMargins(0, 0, 0, 0)
        first.addWidget(QLabel("<b>New project</b>"))
        first.addWidget(self.form)
        first.addStretch()
        self.pages.addWidget(start)
        self.pages.addWidget(self.page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.setSpacing(6)
        layout.addLayout(side_by_side(self.new_button, self.open_button))
        layout.addWidget(self.pages, stretch=1)
        layout.addWidget(self.jobs)

    def _connect(self) -> None:
        session = self.session
        listen(self, session.project_changed, self._on_project)
        listen(self, session.reviews_changed, self._read)
        listen(self, session.models_changed, self._read)
        self.new_button.clicked.connect(self.start_new_project)
        self.open_button.clicked.connect(self._ask_project)
        self.page.add_button.clicked.connect(self.ask_images)
        self.page.add_folder_button.clicked.connect(self._ask_folder)
        self.form.create_wanted.connect(self.create_project)
        self.form.cancel_wanted.connect(self._on_project)
        self.form.images_changed.connect(self._propose_tile)
        self.list.chosen.connect(self._on_chosen)
        self.details.pixel_changed.connect(self._set_pixel)
        self.details.group_changed.connect(self._set_group)
        self.classes.scheme_changed.connect(session.change_scheme)
        self.classes.refused.connect(session.error_raised.emit)

    # --- showing

    def _on_project(self) -> None:
        project = self.session.project
        if project is None:
            self.list.set_images(())
            self.start_new_project()
            return
        spec = project.spec
        self.pages.setCurrentIndex(1)
        self.page.title.setText(f"<b>{spec.name}</b>")
        self.page.title.setToolTip(str(project.path))
        self.classes.set_scheme(spec.scheme)
        self._read()

    def _read(self) -> None:
        project = self.session.project
        if project is not None:
            self.ask(partial(read_images, project), partial(self._on_images, project))

    def _on_images(self, project: Project, rows: list[ImageRow]) -> None:
        if project is not self.session.project:
            return
        self.list.set_images(rows)
        self.list.setVisible(bool(rows))
        self.page.empty.setVisible(not rows)
        unknown = sum(row.record.pixel_um is None for row in rows)
        count = "1 image" if len(rows) == 1 else f"{len(rows)} images"
        kind = ", single objects" if project.spec.has_objects else ""
        note = f", {unknown} without pixel size" if unknown else ""
        tile = f"{project.spec.tile_px}\N{NO-BREAK SPACE}px"
        self.page.title.setText(
            f"<b>{project.spec.name}</b><br>{count}{note}, tiles of {tile}{kind}"
        )
        self._on_chosen(self.list.selected)
        for image in self.list.images.without_thumbnail():
            self._ask_thumbnail(project, image)

    def _ask_thumbnail(self, project: Project, image: str) -> None:
        key = f"{project.path}/{image}"
        if key in self._asked_thumbs:
            return
        self._asked_thumbs.add(key)
        answer = partial(self._on_thumbnail, project, image)
        self.ask(lambda: _picture(project, image), answer, lane="thumbnails")

    def _on_thumbnail(self, project: Project, image: str, pixels: NDArray[np.uint8] | None) -> None:
        if project is self.session.project and pixels is not None:
            self.list.images.set_thumbnail(image, pixels)

    def _on_chosen(self, images: Sequence[str]) -> None:
        wanted = set(images)
        self.details.set_images(
            [row.record for row in self.list.images.images if row.record.id in wanted]
        )

    # --- changing

    def _on_created(self, made: tuple[Project, Preferences]) -> None:
        project, wanted = made
        self.session.set_project(project)
        learner = self.session.learner
        if learner is not None:
            learner.set_auto(wanted.auto_train)
        self.add(self.form.places)

    def _on_not_created(self, error: Exception) -> None:
        self.form.create_button.setEnabled(True)
        if isinstance(error, PhenoError):
            self.form.set_problem(f"{error.what} {error.hint}")
        else:
            self.session.error_raised.emit(error)

    def _on_added(self, job: Job[Added]) -> None:
        if job.result is not None:
            problem = job.result.summary()
            if problem is not None:
                self.session.error_raised.emit(problem)
        self.session.project_edited()

    def _propose_tile(self, places: list[str]) -> None:
        work = partial(propose_tile_px, list(places))
        self.ask(work, self.form.set_tile, lambda error: self.form.set_problem(str(error)))

    def _set_pixel(self, pixel_um: float) -> None:
        self._change("set_pixel_um", pixel_um or None)

    def _set_group(self, group: str) -> None:
        self._change("set_group", group or None)

    def _change(self, name: str, value: float | str | None) -> None:
        project, images = self.session.project, list(self.list.selected)
        if project is None:
            return
        change = getattr(project, name)

        def work() -> None:
            for image in images:
                change(image, value)

        self.ask(work, lambda _: self.session.project_changed.emit())

    # --- asking

    def _ask_project(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open a project (a .phenoai folder)")
        if path:
            self.open_project(path)

    def ask_images(self) -> None:
        """Ask for image files and add them."""
        paths, _ = QFileDialog.getOpenFileNames(self, "Add images", "", _FORMATS)
        self.add(paths)

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Add a folder of images or an OME-Zarr")
        self.add([path] if path else [])

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Take files and folders."""
        data = event.mimeData() if event is not None else None
        if event is not None and data is not None and data.hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Add what was dropped."""
        data = event.mimeData() if event is not None else None
        if event is not None and data is not None:
            event.acceptProposedAction()
            urls = data.urls()
            self.take([url.toLocalFile() or url.toString() for url in urls])


def _picture(project: Project, image: str) -> NDArray[np.uint8] | None:
    try:
        return thumbnail(project.source(image))
    except PhenoError:
        return None
