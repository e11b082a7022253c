"""The Workbench: the annotator's dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal.qt import start_emitting_from_queue
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QFileDialog,
    QFrame,
    QMainWindow,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_phenoai.ui.bench import Bench
from napari_phenoai.ui.controls.key_sheet import KeySheet
from napari_phenoai.ui.controls.welcome import Welcome
from napari_phenoai.ui.desk_pages import BenchPage
from napari_phenoai.ui.docks import show_dock
from napari_phenoai.ui.errors import report
from napari_phenoai.ui.preferences import preferences
from napari_phenoai.ui.sample_field import sample_field
from napari_phenoai.ui.session import session_of

if TYPE_CHECKING:
    import napari.viewer
    from qtpy.QtGui import QShowEvent

__all__ = ["WorkbenchDock"]
