"""The kill harness: a painter is killed again and again, and nothing may be lost.

``python -m napari_phenoai.testing.killing --times 200`` starts a process that paints
by a script, kills it at a random moment, opens the project, and compares the labels
with what that process had said to be safe. ``--disk-full`` does it on a small disk
that runs full. It ends with exit code 1 when anything was lost.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.progress import Progress, finish
from napari_phenoai.core.records import ImageRecord
from napari_phenoai.errors import InputError
from napari_phenoai.io.files import write_json
from napari_phenoai.io.project import Project
from napari_phenoai.testing.findings import KillReport, compare
from napari_phenoai.testing.full_disk import fill, free, small_disk
from napari_phenoai.testing.strokes import Canvas, step_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_phenoai.core.progress import Work

__all__ = ["IMAGES", "kill_often", "main", "run_full"]

IMAGES = {"leaf": (1500, 2100), "root": (900, 1300)}
"""What is painted on: rows and columns."""

_PAINTER = "napari_phenoai.loop.painter"
_DISK_MB = 32


class _Painter:
    """A painting process."""

    def __init__(self, folder: Path, seed: int, start: int) -> None:
        options = ["--seed", str(seed), "--start", str(start)]
        command = [sys.executable, "-m", _PAINTER, str(folder), *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
        self.done: list[int] = []

    def heard(self) -> dict[str, object]:
        """Wait for what it says next; an empty answer means that it is gone."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        said: dict[str, object] = json.loads(line) if line.endswith("\n") else {}
        if isinstance(number := said.get("done"), int):
            self.done.append(number)
        return said

    def paint(self, steps: int, report: KillReport) -> None:
        """Wait for so many steps more; that it ends meanwhile is a finding."""
        wanted = len(self.done) + steps
        while len(self.done) < wanted:
            if not self.heard():
                report.lost.append(f"the painter ended by itself after {self.done[-1:]}")
                return

    def kill(self) -> list[int]:
        """End it at once; return the steps that it had said to be done."""
        self._process.kill()
        while self.heard():
            pass
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        return self.done


def kill_often(folder: Path, times: int, seed: int = 0) -> Work[KillReport]:
    """Kill a painter `times` times, each time at another moment, and look at what is left.

    Parameters
    ----------
    folder : Path
        Where the project is made.
    times : int
        How often.
    seed : int
        Of the strokes and of the moments.
    """
    rng = np.random.default_rng(seed)
    report, canvas, number = KillReport(), Canvas(IMAGES), 0
    _make_project(folder)
    for kill in range(times):
        painter = _Painter(folder, seed, number)
        painter.paint(int(rng.integers(0, 12)), report)
        time.sleep(float(rng.uniform(0, 0.02)))
        number = _took(canvas, report, number, painter.kill(), seed)
        number += compare(report, folder, canvas, step_at(number, seed, IMAGES))
        yield Progress(kill + 1, times, f"kill {kill + 1}")
    return report


def run_full(disk: Path, times: int, seed: int = 0) -> Work[KillReport]:
    """Let a painter run into a full disk `times` times; kill it before or after there is room.

    Parameters
    ----------
    disk : Path
        A small disk of its own.
    times, seed : int
        As for `kill_often`.
    """
    rng = np.random.default_rng(seed)
    report, canvas, number = KillReport(), Canvas(IMAGES), 0
    folder = disk / "full.phenoai"
    _make_project(folder)
    for turn in range(times):
        painter = _Painter(folder, seed, number)
        painter.paint(int(rng.integers(1, 5)), report)
        fill(disk, left=int(rng.integers(0, 1 << 16)))
        report.hear(_complaint(painter))
        if rng.random() < 0.5:
            number = _took(canvas, report, number, painter.kill(), seed)
            compare(report, folder, canvas, step_at(number, seed, IMAGES), full=True)
            free(disk)
        else:
            free(disk)
            painter.paint(3, report)
            report.went_on += 1
            number = _took(canvas, report, number, painter.kill(), seed)
        number += compare(report, folder, canvas, step_at(number, seed, IMAGES))
        yield Progress(turn + 1, times, f"full disk {turn + 1}")
    return report


def main(argv: Sequence[str] | None = None) -> int:
    """Run the harness and print a table; return 1 when anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--disk-full", action="store_true")
    wanted = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="phenoai-kill-") as name:
        place = Path(name)
        if not wanted.disk_full:
            report = finish(kill_often(place / "kill.phenoai", wanted.times, wanted.seed), _tell)
        else:
            try:
                with small_disk(place / "disk", _DISK_MB) as disk:
                    report = finish(run_full(disk, wanted.times, wanted.seed), _tell)
            except InputError as error:
                sys.stdout.write(f"skipped: {error.what}\n")
                return 0
    sys.stdout.write(report.table() + "\n")
    return 0 if report.ok else 1


def _tell(progress: Progress) -> None:
    sys.stderr.write(f"\r{progress.message} of {progress.total:.0f} ")


def _make_project(folder: Path) -> None:
    Project.create(folder, ["soil", "plant"]).close()
    for image, (rows, columns) in IMAGES.items():
        record = ImageRecord(
            id=image,
            name=f"{image}.png",
            uri=f"{image}.png",
            original=f"{image}.png",
            shape=(1, 3, rows, columns),
            dtype="uint8",
            fingerprint="none",
        )
        write_json(folder / "images" / f"{image}.json", record)


def _complaint(painter: _Painter) -> dict[str, object]:
    """Wait until the painter says that something cannot be done; empty if it ended."""
    while said := painter.heard():
        if "failed" in said:
            return said
    return {}


def _took(canvas: Canvas, report: KillReport, number: int, done: list[int], seed: int) -> int:
    """Take the steps that were acknowledged over into the model; return the next."""
    if done != list(range(number, number + len(done))):
        report.lost.append(f"steps {done} were acknowledged after {number}")
    for step in done:
        canvas.take(step_at(step, seed, IMAGES))
    report.kills += 1
    report.steps += len(done)
    return number + len(done)


if __name__ == "__main__":
    sys.exit(main())
