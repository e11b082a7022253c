"""The painter of the kill harness: a process that paints a script until it is killed.

``python -m napari_phenoai.loop.painter PROJECT --seed S --start N`` says on its
standard output, one JSON object per line, which steps are safe on the disk, and
which cannot be done and why; those it tries again until they can.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from napari_phenoai.errors import DiskError
from napari_phenoai.io.project import Project
from napari_phenoai.loop.history import History
from napari_phenoai.testing.strokes import step_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_phenoai.core.records import ImageRecord
    from napari_phenoai.testing.strokes import Extent, Step

__all__ = ["main"]

_PAUSE_SECONDS = 0.02


def main(argv: Sequence[str] | None = None) -> None:
    """Paint until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0)
    wanted = parser.parse_args(argv)
    project = Project.open(wanted.project)
    images = {record.id: _extent(record) for record in project.images()}
    history = History(project, author="script")
    for number in count(wanted.start):
        step = step_at(number, wanted.seed, images)
        act = _action(project, history, step)
        while (problem := _tried(act)) is not None:
            _say({"failed": number, "what": problem.what, "hint": problem.hint})
            time.sleep(_PAUSE_SECONDS)
        _say({"done": number})


def _extent(record: ImageRecord) -> Extent:
    planes = record.shape[0]
    return record.plane if planes == 1 else (planes, *record.plane)


def _action(project: Project, history: History, step: Step) -> Callable[[], object]:
    if step.kind == "undo":
        return history.undo
    if step.kind == "redo":
        return history.redo
    store = project.labels(step.tile.image)
    edit = step.edit(store.read(step.tile))
    return lambda: None if edit is None else store.apply(edit)


def _tried(act: Callable[[], object]) -> DiskError | None:
    try:
        act()
    except DiskError as error:
        return error
    return None


def _say(message: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
