"""The Workbench: the annotator's dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal.qt import start_emitting_from_queue
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeySequence, QShortcut  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QFileDialog,
    QFrame,
    QMainWindow,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_phenoai.ui.bench import Bench
from napari_phenoai.ui.bench_page import BenchPage
from napari_phenoai.ui.controls.key_sheet import KeySheet
from napari_phenoai.ui.controls.welcome import Welcome
from napari_phenoai.ui.docks import settle_soon, show_dock
from napari_phenoai.ui.errors import show_errors_of
from napari_phenoai.ui.key_settings import hear_keys
from napari_phenoai.ui.listening import listen
from napari_phenoai.ui.preferences import preferences
from napari_phenoai.ui.sample_field import open_sample_field
from napari_phenoai.ui.server_asked import AskedLine
from napari_phenoai.ui.session import session_of
from napari_phenoai.ui.warming import warm_up

if TYPE_CHECKING:
    from typing import Any

    import napari.viewer
    from qtpy.QtGui import QShowEvent

    from napari_phenoai.jobs.job import Job

__all__ = ["WorkbenchDock"]

_BEAT_MS = 10


class WorkbenchDock(QWidget):
    """Decide about tiles, choose classes and tools, see what is next.

    While it is open it binds keys and keeps layers in the viewer; closing it takes
    both away and leaves the project open.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose session is worked on.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.setMinimumWidth(300)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        start_emitting_from_queue(msec=_BEAT_MS)
        self.viewer = viewer
        self.session = session_of(viewer)
        self.session.introduce(preferences().signature, preferences().place)
        show_errors_of(self.session)
        hear_keys()
        self.bench = Bench(viewer, self.session, self)
        self.welcome = Welcome()
        self.page = BenchPage(self.bench)
        self.asked = AskedLine(viewer, self.session)
        self.sheet: KeySheet | None = None
        self._docked = False
        self._pages = QStackedWidget()
        self._compose()
        self._connect()
        self._on_project()
        warm_up(self.session.background)

    def toggle_keys(self) -> None:
        """Show all keys over the window, or put them away."""
        if self.sheet is None:
            self.sheet = KeySheet(self.window() or self)
        self.sheet.toggle()

    def close_bench(self) -> None:
        """Take keys and layers away; the project stays open."""
        self.bench.close()

    # --- life

    def showEvent(self, event: QShowEvent | None) -> None:
        """Learn which window the dock is in."""
        super().showEvent(event)
        window = self.window()
        if isinstance(window, QMainWindow) and not self._docked:
            self._docked = True
            right, left = Qt.Corner.BottomRightCorner, Qt.Corner.BottomLeftCorner
            window.setCorner(right, Qt.DockWidgetArea.RightDockWidgetArea)
            window.setCorner(left, Qt.DockWidgetArea.LeftDockWidgetArea)
            window.destroyed.connect(self.session.close)
            settle_soon(self.viewer, "Workbench")

    def event(self, event: QEvent | None) -> bool:
        """Close the bench when napari takes the dock away."""
        moved = event is not None and event.type() == QEvent.Type.ParentChange
        if moved and self._docked and self.parent() is None:
            self.close_bench()
        return super().event(event)

    # --- inside

    def _compose(self) -> None:
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(self.page)
        self._pages.addWidget(self.welcome)
        self._pages.addWidget(scroll)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 4, 2, 4)
        box.addWidget(self.asked)
        box.addWidget(self._pages)

    def _connect(self) -> None:
        session = self.session
        listen(self, session.project_changed, self._on_project)
        listen(self, session.jobs_changed, self._on_jobs)
        listen(self, self.bench.actions.help_wanted, self.toggle_keys)
        self.welcome.sample_wanted.connect(lambda: open_sample_field(session))
        self.welcome.new_wanted.connect(self._new_project)
        self.welcome.open_wanted.connect(self._ask_project)
        question = QShortcut(QKeySequence("?"), self)
        question.activated.connect(self.toggle_keys)
        bench = self.bench
        self.destroyed.connect(bench.abandon)

    def _on_project(self) -> None:
        self._pages.setCurrentIndex(0 if self.session.project is None else 1)

    def _on_jobs(self) -> None:
        jobs: list[Job[Any]] = self.session.jobs
        preparing = [job.title for job in jobs if job.kind == "sample"]
        self.welcome.set_busy(f"{preparing[0]} …" if preparing else "")

    def _new_project(self) -> None:
        dock = show_dock(self.viewer, "Project")
        start = getattr(dock, "start_new_project", None)
        if start is not None:
            start()

    def _ask_project(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open a project (a .phenoai folder)")
        if path:
            self.session.open_project(path)
