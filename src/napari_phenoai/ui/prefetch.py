"""Desks made ready in the background before they are needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_phenoai.ui.desk import Desk, open_desk

if TYPE_CHECKING:
    from napari_phenoai.core.edits import Edit
    from napari_phenoai.core.ports import Predictor
    from napari_phenoai.core.records import QueueItem
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.background import Background

__all__ = ["Prefetch"]

_MOST = 8


@dataclass(frozen=True)
class _Question:
    tile: str
    model: str | None
    paint_only: bool


class Prefetch:
    """Reads and predicts tiles in the background; an answer to an old question is dropped.

    Parameters
    ----------
    project : Project
        Open.
    background : Background
        Lane ``tiles`` is used.

    Attributes
    ----------
    predictor : Predictor or None
        Proposes the masks.
    paint_only : bool
        Whether masks start empty.
    """

    ready = Signal(object)
    failed = Signal(str, object)

    def __init__(self, project: Project, background: Background) -> None:
        self.predictor: Predictor | None = None
        self.paint_only = False
        self._project = project
        self._background = background
        self._desks: dict[_Question, Desk] = {}
        self._asked: set[_Question] = set()
        self._since: list[Edit] = []
        self._closed = False

    def take(self, item: QueueItem) -> Desk | None:
        """Return the desk of `item` if it is ready; it is not kept any longer."""
        return self._desks.pop(self._question(item), None)

    def ask(self, item: QueueItem) -> None:
        """Make the desk of `item` ready, unless it is already or under way."""
        question = self._question(item)
        if question in self._asked or question in self._desks:
            return
        self._asked.add(question)
        paint_only = question.paint_only
        self._background.do(
            "tiles",
            partial(open_desk, self._project, item, self.predictor, paint_only=paint_only),
            then=partial(self._on_desk, question),
            otherwise=partial(self._on_error, question),
        )

    def keep(self, desk: Desk) -> None:
        """Keep a desk that arrived too early."""
        self._desks[self._question(desk.item)] = desk
        while len(self._desks) > _MOST:
            self._desks.pop(next(iter(self._desks)))

    def forget(self) -> None:
        """Forget all desks, because they would be made in another way now."""
        self._desks.clear()

    def take_in(self, edit: Edit) -> None:
        """Bring what was painted on the whole image into the desks, those under way too."""
        for desk in self._desks.values():
            desk.take_in(edit)
        if self._asked:
            self._since.append(edit)

    def close(self) -> None:
        """Drop everything that is still under way."""
        self._closed = True
        self._desks.clear()

    def _question(self, item: QueueItem) -> _Question:
        model = self.predictor.card.id if self.predictor else None
        return _Question(item.tile, model, self.paint_only)

    def _on_desk(self, question: _Question, desk: Desk) -> None:
        for edit in self._since:
            desk.take_in(edit)
        self._answered(question)
        if not self._closed and question == self._question(desk.item):
            self.ready.emit(desk)

    def _on_error(self, question: _Question, error: Exception) -> None:
        self._answered(question)
        if not self._closed:
            self.failed.emit(question.tile, error)

    def _answered(self, question: _Question) -> None:
        self._asked.discard(question)
        if not self._asked:
            self._since.clear()
