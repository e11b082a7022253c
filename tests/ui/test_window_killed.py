"""A window that is killed: the next one begins at the same tile, with what was painted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from napari_phenoai.core.geometry import Tile
from napari_phenoai.testing.project import tiny_project
from napari_phenoai.ui.drafts import draft_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.ui.conftest import Hands

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")

WAIT_SECONDS = 240
PERSON = """
import os, signal, sys, time
from pathlib import Path

import napari
from qtpy.QtWidgets import QApplication

from napari_phenoai.ui.docks import show_dock
from napari_phenoai.ui.drafts import draft_path

project = Path(sys.argv[1])
viewer = napari.Viewer(show=True)
session = show_dock(viewer, "Workbench").session


def until(condition):
    while not condition():
        QApplication.processEvents()
        time.sleep(0.01)


def shown():
    desk, layers = session.desk, viewer.layers
    there = desk is not None and "PhenoAI tile" in layers
    return there and layers["PhenoAI tile"].data is desk.labels


assert session.open_project(project)
session.learner.set_auto(False)
until(lambda: session.desk is not None)
other = session.upcoming()[4]
session.open_item(other)
until(shown)
layer = viewer.layers["PhenoAI tile"]
with layer.block_history():
    layer.paint((20, 20), 2)
until(draft_path(project, other.where).exists)
print(other.tile, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_next_window_begins_at_the_tile_of_a_killed_one(
    tmp_path: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    path = tmp_path / "field.phenoai"
    tiny_project(path).close()
    command = [sys.executable, "-c", PERSON, str(path)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=False, timeout=WAIT_SECONDS
    )
    assert done.returncode == -signal.SIGKILL
    tile = Tile.from_key(done.stdout.split()[-1])
    assert draft_path(path, tile).exists()
    hands = open_workbench(path)
    assert hands.session.desk is not None
    assert hands.session.desk.tile == tile
    assert hands.session.desk.restored
    assert hands.session.desk.labels[20, 20] == 2
    assert hands.session.upcoming()[0].where != tile


def test_a_tile_that_was_decided_meanwhile_is_not_begun_with(
    tmp_path: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    path = tmp_path / "field.phenoai"
    tiny_project(path).close()
    hands = open_workbench(path)
    last = hands.session.upcoming()[4]
    hands.session.open_item(last)
    hands.wait(lambda: not hands.session.background.busy)
    project = hands.session.project
    assert project is not None
    project.ledger.mark(last.tile, "flagged")
    assert hands.session.open_project(path)
    hands.ready()
    assert hands.session.current is not None
    assert hands.session.current.tile != last.tile
