"""The page of the Workbench while a project is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_phenoai.ui.bench_classes import BenchClasses
from napari_phenoai.ui.controls.class_list import ClassList
from napari_phenoai.ui.controls.decision_bar import DecisionBar
from napari_phenoai.ui.controls.mode_row import ModeRow
from napari_phenoai.ui.controls.name_edit import NameEdit
from napari_phenoai.ui.controls.paint_box import PaintBox
from napari_phenoai.ui.controls.pieces import heading, in_line, small_button
from napari_phenoai.ui.controls.status_lines import StatusLines
from napari_phenoai.ui.controls.tool_row import ToolRow
from napari_phenoai.ui.controls.tool_words import ToolWords
from napari_phenoai.ui.controls.view_box import ViewBox
from napari_phenoai.ui.controls.why_box import WhyBox
from napari_phenoai.ui.docks import show_dock
from napari_phenoai.ui.keyed import keyed, keyed_tip
from napari_phenoai.ui.listening import listen
from napari_phenoai.ui.objects_line import object_line, show_object
from napari_phenoai.ui.sentences import (
    accept_words,
    counts_words,
    model_words,
    next_step,
    quality_words,
    where_words,
)

if TYPE_CHECKING:
    from qtpy.QtGui import QShowEvent

    from napari_phenoai.ui.bench import Bench

__all__ = ["BenchPage"]

_PAINT_ONLY = (
    "For large or tiring tiles: paint some pixels of each class.\n"
    "Nothing is learned from the pixels that you do not paint."
)


class BenchPage(QWidget):
    """Status, mode, decisions, reason, classes, tools and view, top to bottom.

    Parameters
    ----------
    bench : Bench
        What the widgets show and drive.
    """

    def __init__(self, bench: Bench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bench = bench
        self.status = StatusLines()
        self._why_heading = heading("Why this tile")
        self.mode = ModeRow()
        self.painting = PaintBox()
        self.decisions = DecisionBar()
        self.why = WhyBox()
        self.classes = ClassList()
        self.tools = ToolRow()
        self.words = ToolWords()
        self.paint_only = QCheckBox("Paint only: unpainted stays unknown")
        keyed_tip(self.paint_only, _PAINT_ONLY, "paint_only")
        self.paint_only.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.rest = QPushButton("Accept, rest is background")
        self.rest.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        tip = "Save the tile with all unpainted pixels known too"
        keyed_tip(self.rest, tip, "accept_whole")
        self.view = ViewBox()
        self.note = NameEdit()
        self.note.setPlaceholderText("Note on this tile")
        self.help = small_button("All keys  ?")
        self.add_class = small_button("+ Add a class")
        keyed_tip(self.add_class, "Name one class more, and paint it", "add_class")
        self.object = object_line()
        self._compose()
        self._connect()
        self._classes = BenchClasses(self, bench, self.classes, self.add_class)
        self.destroyed.connect(self.words.deleteLater)
        keyed(self, BenchPage._on_keys)

    def refresh(self) -> None:
        """Show everything anew."""
        self._on_project()
        self._on_painting()
        self._on_tools()
        self._on_view()

    def _on_keys(self) -> None:
        """Let all that names a key name the one in force; nothing once the window has gone."""
        if isalive(self.words):  # type: ignore[no-untyped-call]
            self.bench.hand.say()
            self.refresh()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Let the window's status bar say what the next click does."""
        super().showEvent(event)
        self.words.settle(self.window())

    def _compose(self) -> None:
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 4, 0)
        box.setSpacing(4)
        box.addWidget(self.status)
        box.addWidget(self.mode)
        box.addWidget(self.painting)
        box.addWidget(self.decisions)
        box.addWidget(self._why_heading)
        box.addWidget(self.why)
        box.addLayout(in_line(heading("Classes"), self.classes.show_all, self.add_class))
        box.addWidget(self.classes)
        box.addWidget(self.object)
        box.addLayout(in_line(heading("Tools"), self.help))
        box.addWidget(self.tools)
        box.addWidget(self.paint_only)
        box.addWidget(self.rest)
        box.addWidget(heading("View"))
        box.addWidget(self.view)
        box.addWidget(self.note)
        box.addStretch(1)

    def _connect(self) -> None:
        session, bench = self.bench.session, self.bench
        listen(self, session.project_changed, self._on_project)
        listen(self, session.current_changed, self._on_current)
        listen(self, session.desk_changed, self._on_current)
        listen(self, session.painting_changed, self._on_painting)
        for changed in (session.painting_noted, session.history_changed):
            listen(self, changed, self._on_status)
        listen(self, session.queue_changed, self._on_status)
        listen(self, session.standing_changed, self._on_status)
        listen(self, session.edited, self._on_edited)
        listen(self, bench.tools.changed, self._on_tools)
        listen(self, bench.hand.changed, self._on_tools)
        listen(self, bench.objects.changed, self._on_object)
        listen(self, bench.layers.view_changed, self._on_view)
        self.decisions.chosen.connect(lambda action: bench.table[action]())
        self.mode.chosen.connect(self._set_mode)
        self.painting.placed.connect(self._paint_on)
        self.painting.turned.connect(lambda name: bench.table[name]())
        self.painting.history_wanted.connect(self._show_history)
        self.rest.clicked.connect(bench.table["accept_whole"])
        self.help.clicked.connect(bench.table["help"])
        self.tools.chosen.connect(bench.tools.choose)
        self.tools.sized.connect(bench.tools.set_size)
        self.paint_only.toggled.connect(self._set_paint_only)
        self.view.switched.connect(self._switch)
        self.view.faded.connect(bench.layers.set_opacity)
        self.note.textEdited.connect(self._set_note)
        self.note.left.connect(bench.take_keyboard)

    # --- answers

    def _on_project(self) -> None:
        project = self.bench.session.project
        if project is not None:
            self.classes.set_scheme(project.scheme)
            self.classes.show_chosen(self.bench.tools.class_id)
            self._on_view()
        self._classes.show_marks()
        self._on_status()

    def _on_current(self) -> None:
        session = self.bench.session
        item, desk = session.current, session.desk
        paints = session.paints_anywhere
        for widget in (self._why_heading, self.why):
            widget.setVisible(item is not None and not paints)
        if item is not None:
            self.why.show_reason(item.reason, item.score, item.role)
        self.decisions.set_ready(ready=desk is not None)
        self.note.setText(desk.note if desk is not None else "")
        self.note.setEnabled(desk is not None)
        self._on_edited()

    def _on_edited(self) -> None:
        paints = self.bench.session.paints_anywhere
        desk = None if paints else self.bench.session.desk
        self.classes.show_shares(desk.shares() if desk is not None else None)
        self.decisions.set_accept(*accept_words(desk))
        self.rest.setVisible(desk is not None and not desk.labels.all())
        self._on_status()

    def _on_painting(self) -> None:
        session = self.bench.session
        paints = session.paints_anywhere
        self.mode.show_mode(paints=paints)
        self.painting.setVisible(paints)
        for widget in (self.decisions, self.paint_only, self.note):
            widget.setVisible(not paints)
        self.tools.set_largest(500 if paints else 100)
        self._show_place()
        self._on_current()

    def _show_place(self) -> None:
        painting, images = self.bench.session.painting, self.bench.session.standing.images
        if painting is not None and painting.image is not None:
            names = {key: image.name for key, image in images.items()}
            planes = painting.project.image(painting.image).shape[0]
            self.painting.show_place(names, painting.image, painting.z, planes)

    def _on_status(self) -> None:
        session = self.bench.session
        self.status.where.set_whole(where_words(session))
        self.status.model.set_whole(model_words(session))
        self.status.quality.set_whole(quality_words(session.standing))
        left = sum(item.state == "waiting" for item in session.queue)
        words = counts_words(session.standing, left)
        self.status.show_counts(len(session.queue) - left, left, words)
        self.status.next_step.setText(next_step(session))

    def _on_tools(self) -> None:
        tools = self.bench.tools
        mode = self.bench.hand.mode
        self.tools.show_state(tools.tool, tools.size_px, sized=mode is None)
        self.words.set_whole(self.bench.hand.words)
        self.tools.show_options(mode.options() if mode is not None else None)
        self.classes.show_chosen(tools.class_id if tools.tool != "eraser" else 0)
        self._on_object()

    def _on_object(self) -> None:
        show_object(self.object, self.bench.objects)

    def _on_view(self) -> None:
        layers = self.bench.layers
        switches = {name: layers.shows(name) for name in ("labels", "prediction", "uncertainty")}
        switches |= {"outline": layers.outline, "hidden": layers.hidden}
        self.view.show_state(switches, layers.opacity)
        self.paint_only.setChecked(self.bench.session.paint_only)

    # --- wishes

    def _set_mode(self, paints: bool) -> None:
        if paints != self.bench.session.paints_anywhere:
            self.bench.table["paint"]()
        self.mode.show_mode(paints=self.bench.session.paints_anywhere)

    def _paint_on(self, image: str, z: int) -> None:
        if self.bench.session.painting is not None:
            self.bench.session.painting.begin(image, z)

    def _show_history(self) -> None:
        show_dock(self.bench.viewer, "History")

    def _switch(self, name: str, on: bool) -> None:
        layers = self.bench.layers
        if name == "outline":
            layers.set_outline(on)
        elif name == "hidden":
            layers.set_hidden(on)
        else:
            layers.show(name, visible=on)

    def _set_paint_only(self, paint_only: bool) -> None:
        if paint_only != self.bench.session.paint_only:
            self.bench.actions.set_paint_only(paint_only=paint_only)

    def _set_note(self, note: str) -> None:
        desk = self.bench.session.desk
        if desk is not None:
            desk.note = note
