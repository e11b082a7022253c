"""Writers that are killed at random, and on a full disk: nothing acknowledged is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from napari_phenoai.core.progress import finish
from napari_phenoai.errors import InputError
from napari_phenoai.io.project import Project
from napari_phenoai.testing.findings import KillReport, compare
from napari_phenoai.testing.full_disk import small_disk
from napari_phenoai.testing.killing import IMAGES, VOLUME, kill_often, run_full
from napari_phenoai.testing.strokes import Canvas, step_at

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")


def test_a_painter_that_is_killed_often_loses_nothing(tmp_path: Path) -> None:
    report = finish(kill_often(tmp_path / "k.phenoai", 8, seed=3))
    assert report.ok, report.table()
    assert (report.kills, len(report.reopened)) == (8, 8)
    assert report.steps > 20


def test_a_painter_on_a_full_disk_loses_nothing_and_goes_on(tmp_path: Path) -> None:
    try:
        with small_disk(tmp_path / "disk", 32) as disk:
            report = finish(run_full(disk, 6, seed=1))
    except InputError as error:
        pytest.skip(error.what)
    assert report.ok, report.table()
    assert report.refused == 6
    assert report.went_on > 0


def test_a_volume_painted_slice_by_slice_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "v.phenoai"
    report = finish(kill_often(folder, 8, seed=5, images=VOLUME))
    assert report.ok, report.table()
    assert (report.kills, len(report.reopened)) == (8, 8)
    assert report.steps > 20
    with Project.open(folder) as project:
        painted = {entry.tile.z for entry in project.journal.entries()}
    assert len(painted) > 2, "only a few slices were painted"


def test_a_volume_on_a_full_disk_loses_nothing_and_goes_on(tmp_path: Path) -> None:
    try:
        with small_disk(tmp_path / "disk", 32) as disk:
            report = finish(run_full(disk, 4, seed=2, images=VOLUME))
    except InputError as error:
        pytest.skip(error.what)
    assert report.ok, report.table()
    assert report.refused == 4


def test_the_harness_finds_what_is_lost_in_a_slice(tmp_path: Path) -> None:
    folder = tmp_path / "v.phenoai"
    good = finish(kill_often(folder, 2, seed=11, images=VOLUME))
    canvas = Canvas(VOLUME)
    number = good.steps + good.kept
    for done in range(number):
        canvas.take(step_at(done, 11, VOLUME))
    step = step_at(number, 11, VOLUME)
    assert not compare(report := KillReport(), folder, canvas, step)
    assert report.ok, report.table()
    canvas.planes["grain"][3, 7, 9] ^= 1
    compare(report := KillReport(), folder, canvas, step)
    assert any("pixels of grain" in line for line in report.lost)


def test_the_harness_finds_what_is_lost_and_damaged(tmp_path: Path) -> None:
    folder = tmp_path / "k.phenoai"
    good = finish(kill_often(folder, 1, seed=9))
    canvas = Canvas(IMAGES)
    number = 0
    while number < good.steps + good.kept:
        canvas.take(step_at(number, 9, IMAGES))
        number += 1
    step = step_at(number, 9, IMAGES)
    assert not compare(report := KillReport(), folder, canvas, step)
    assert report.ok, report.table()
    chunk = max((folder / "labels").glob("*/0/c/*/*"))
    whole = chunk.read_bytes()
    chunk.unlink()
    compare(report := KillReport(), folder, canvas, step)
    assert any("pixels" in line for line in report.lost)
    assert "lost" in report.table()
    chunk.write_bytes(whole)
    canvas.made += 1
    compare(report := KillReport(), folder, canvas, step)
    assert not report.ok


def test_the_harness_runs_as_a_program(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "napari_phenoai.testing.killing", "--times", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "acknowledged steps lost" in done.stdout
