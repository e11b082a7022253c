"""The kill harness: a painter is killed again and again, and nothing may be lost.

``python -m napari_phenoai.testing.killing --times 200`` starts a process that paints
by a script, kills it at a random moment, opens the project, and compares the labels
with what that process had said to be safe. ``--disk-full`` does it on a small disk
that runs full, ``--volume`` on a volume that is painted slice by slice. It ends with
exit code 1 when anything was lost.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
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
from napari_phenoai.testing.strokes import Canvas, Extent, step_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_phenoai.core.progress import Work
    from napari_phenoai.testing.strokes import Step

__all__ = ["IMAGES", "VOLUME", "kill_often", "main", "run_full"]

IMAGES: Mapping[str, Extent] = {"leaf": (1500, 2100), "root": (900, 1300)}
"""What is painted on: rows and columns."""

VOLUME: Mapping[str, Extent] = {"grain": (5, 700, 900), "leaf": (600, 800)}
"""A volume, by planes, rows and columns, beside an image."""

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


class _Script:
    """What the painters paint, one after the other, and what must be there of it.

    Parameters
    ----------
    images : mapping of str to tuple of int
        What is painted on.
    seed : int
        Of the strokes.
    report : KillReport
        Gets what is found.
    """

    def __init__(self, images: Mapping[str, Extent], seed: int, report: KillReport) -> None:
        self.number = 0
        self._images = images
        self._seed = seed
        self._report = report
        self._canvas = Canvas(images)

    @property
    def step(self) -> Step:
        """The first step that nobody has acknowledged."""
        return step_at(self.number, self._seed, self._images)

    def painter(self, folder: Path) -> _Painter:
        """Start a painter that goes on from here."""
        return _Painter(folder, self._seed, self.number)

    def took(self, done: list[int]) -> None:
        """Take the steps that were acknowledged over into the model."""
        if done != list(range(self.number, self.number + len(done))):
            self._report.lost.append(f"steps {done} were acknowledged after {self.number}")
        for number in done:
            self._canvas.take(step_at(number, self._seed, self._images))
        self._report.kills += 1
        self._report.steps += len(done)
        self.number += len(done)

    def compare(self, folder: Path, *, full: bool = False) -> None:
        """Look at what is on the disk; a step that was completed at opening counts as done."""
        self.number += compare(self._report, folder, self._canvas, self.step, full=full)


def kill_often(
    folder: Path, times: int, seed: int = 0, *, images: Mapping[str, Extent] = IMAGES
) -> Work[KillReport]:
    """Kill a painter `times` times, each time at another moment, and look at what is left.

    Parameters
    ----------
    folder : Path
        Where the project is made.
    times : int
        How often.
    seed : int
        Of the strokes and of the moments.
    images : mapping of str to tuple of int
        What is painted on: rows and columns, of a volume planes, rows and columns.
    """
    rng, report = np.random.default_rng(seed), KillReport()
    script = _Script(images, seed, report)
    _make_project(folder, images)
    for kill in range(times):
        painter = script.painter(folder)
        painter.paint(int(rng.integers(0, 12)), report)
        time.sleep(float(rng.uniform(0, 0.02)))
        script.took(painter.kill())
        script.compare(folder)
        yield Progress(kill + 1, times, f"kill {kill + 1}")
    return report


def run_full(
    disk: Path, times: int, seed: int = 0, *, images: Mapping[str, Extent] = IMAGES
) -> Work[KillReport]:
    """Let a painter run into a full disk `times` times; kill it before or after there is room.

    Parameters
    ----------
    disk : Path
        A small disk of its own.
    times, seed, images
        As for `kill_often`.
    """
    rng, report = np.random.default_rng(seed), KillReport()
    script, folder = _Script(images, seed, report), disk / "full.phenoai"
    _make_project(folder, images)
    for turn in range(times):
        painter = script.painter(folder)
        painter.paint(int(rng.integers(1, 5)), report)
        fill(disk, left=int(rng.integers(0, 1 << 16)))
        report.hear(_complaint(painter))
        if rng.random() < 0.5:
            script.took(painter.kill())
            script.compare(folder, full=True)
            free(disk)
        else:
            free(disk)
            painter.paint(3, report)
            report.went_on += 1
            script.took(painter.kill())
        script.compare(folder)
        yield Progress(turn + 1, times, f"full disk {turn + 1}")
    return report


def main(argv: Sequence[str] | None = None) -> int:
    """Run the harness and print a table; return 1 when anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--disk-full", action="store_true")
    parser.add_argument("--volume", action="store_true")
    wanted = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="phenoai-kill-") as name:
        try:
            report = _run(Path(name), wanted)
        except InputError as error:
            sys.stdout.write(f"skipped: {error.what}\n")
            return 0
    sys.stdout.write(report.table() + "\n")
    return 0 if report.ok else 1


def _run(place: Path, wanted: argparse.Namespace) -> KillReport:
    times, seed, images = wanted.times, wanted.seed, VOLUME if wanted.volume else IMAGES
    if not wanted.disk_full:
        return finish(kill_often(place / "kill.phenoai", times, seed, images=images), _tell)
    with small_disk(place / "disk", _DISK_MB) as disk:
        return finish(run_full(disk, times, seed, images=images), _tell)


def _tell(progress: Progress) -> None:
    sys.stderr.write(f"\r{progress.message} of {progress.total:.0f} ")


def _make_project(folder: Path, images: Mapping[str, Extent]) -> None:
    Project.create(folder, ["soil", "plant"]).close()
    for image, extent in images.items():
        planes = extent[0] if len(extent) == 3 else 1
        record = ImageRecord(
            id=image,
            name=f"{image}.png",
            uri=f"{image}.png",
            original=f"{image}.png",
            shape=(planes, 3, *extent[-2:]),
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


if __name__ == "__main__":
    sys.exit(main())
