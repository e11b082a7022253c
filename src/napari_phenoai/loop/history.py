"""The history of people's edits: undo, redo, and back to any of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from napari_phenoai.core.progress import Progress, finish

if TYPE_CHECKING:
    from napari_phenoai.core.edits import Edit
    from napari_phenoai.core.progress import Work
    from napari_phenoai.io.journal import JournalEntry
    from napari_phenoai.io.project import Project

__all__ = ["History"]


class History:
    """Undo and redo over all images of a project, also after a restart.

    What is undone is changed in the label images, by an edit that the journal keeps
    too. Reviews stay as they are: they say what a person decided at that moment.

    Parameters
    ----------
    project : Project
        Open.
    author : str
        Who undoes and redoes.
    """

    def __init__(self, project: Project, *, author: str = "") -> None:
        self._project = project
        self._author = author
        self._mutex = threading.Lock()

    def entries(self, limit: int = 200, before: int | None = None) -> list[JournalEntry]:
        """Return the edits, newest first; `before` a number gives the next page of the list."""
        return self._project.journal.entries(limit, before)

    def undo(self) -> Edit | None:
        """Take the newest edit back that is done.

        Returns
        -------
        Edit or None
            What was changed now; None when nothing is left to undo.

        Raises
        ------
        LockedError
            If another process writes labels of that image.
        DiskError
            If the disk is full or read-only.
        ProjectError
            If the labels or the edit are damaged.
        """
        with self._mutex:
            return self._reverted(self._project.journal.to_undo(), "undo")

    def redo(self) -> Edit | None:
        """Bring back what was undone last; None when a new edit was made since.

        Raises
        ------
        LockedError, DiskError, ProjectError
            As `undo` does.
        """
        with self._mutex:
            return self._reverted(self._project.journal.to_redo(), "redo")

    def jump(self, number: int) -> list[Edit]:
        """Undo or redo until the entry `number` is the last one that is done.

        Parameters
        ----------
        number : int
            Of an entry; 0 goes back to before the first edit.

        Returns
        -------
        list of Edit
            What was changed, in the order in which it was.

        Raises
        ------
        InputError
            If there is no such entry, or it was undone and other edits were made since.
        LockedError, DiskError, ProjectError
            As `undo` does.
        """
        return finish(self.jumping(number))

    def jumping(self, number: int) -> Work[list[Edit]]:
        """Do what `jump` does, step by step; closing it stays where it is."""
        steps = self._project.journal.steps_to(number)
        step = self.undo if steps < 0 else self.redo
        changed: list[Edit] = []
        for done in range(abs(steps)):
            edit = step()
            if edit is None:
                break
            changed.append(edit)
            yield Progress(done + 1, abs(steps), "going through the history")
        return changed

    def _reverted(self, entry: JournalEntry | None, tool: str) -> Edit | None:
        if entry is None:
            return None
        edit = self._project.journal.edit(entry.last).inverse(tool=tool, author=self._author)
        self._project.labels(edit.tile.image).apply(edit, reverts=entry.last)
        return edit
