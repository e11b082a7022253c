"""The classes in the Workbench: what the list shows of them, and what it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_phenoai.errors import PhenoError
from napari_phenoai.ui.docks import dock_of
from napari_phenoai.ui.listening import listen

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QAbstractButton, QWidget

    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.ui.bench import Bench
    from napari_phenoai.ui.controls.class_list import ClassList

__all__ = ["BenchClasses"]


class BenchClasses:
    """Joins the list of classes to the bench.

    Parameters
    ----------
    page : QWidget
        Listens, as long as it lives.
    bench : Bench
        Has marks and tools.
    classes : ClassList
        The list.
    adder : QAbstractButton
        Asks for a class more.
    """

    def __init__(
        self, page: QWidget, bench: Bench, classes: ClassList, adder: QAbstractButton
    ) -> None:
        self._page = page
        self._bench = bench
        self._list = classes
        listen(page, bench.marks.changed, self.show_marks)
        listen(page, bench.marks.refused, classes.alarm)
        listen(page, bench.actions.class_wanted, self.ask)
        adder.clicked.connect(bench.table["add_class"])
        classes.show_all.clicked.connect(bench.table["all_eyes"])
        classes.eyed.connect(bench.marks.toggle_eye)
        classes.locked.connect(bench.marks.toggle_lock)
        classes.chosen.connect(bench.tools.choose_class)
        classes.left.connect(bench.take_keyboard)
        classes.added.connect(self.add)
        classes.renamed.connect(lambda key, name: self._change(lambda old: old.renamed(key, name)))
        classes.recoloured.connect(
            lambda key, colour: self._change(lambda old: old.recoloured(key, colour))
        )

    def show_marks(self) -> None:
        """Show which classes are hidden, and which are locked."""
        marks = self._bench.marks
        self._list.show_marks(hidden=marks.hidden, locked=marks.locked)

    def ask(self) -> None:
        """Ask for the name of a new class, with the list in sight."""
        dock = dock_of(self._page)
        if dock is not None:
            dock.show()
            dock.raise_()
        self._list.start_adding()

    def add(self, name: str) -> None:
        """Add a class, and take it up to paint."""
        project = self._bench.session.project
        before = set(project.scheme.ids) if project is not None else set()
        self._change(lambda old: old.added(name))
        if project is not None:
            for new in set(project.scheme.ids) - before:
                self._bench.tools.choose_class(new)

    def _change(self, change: Callable[[ClassScheme], ClassScheme]) -> None:
        session = self._bench.session
        if session.project is None:
            return
        try:
            scheme = change(session.project.scheme)
        except PhenoError as error:
            session.error_raised.emit(error)
            return
        session.change_scheme(scheme)
