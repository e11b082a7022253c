"""The doctor of projects: finds broken links, names remedies, rebuilds the ledger."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from napari_phenoai.core.ids import new_id
from napari_phenoai.errors import NewerFormatError, PhenoError, ProjectError
from napari_phenoai.io.files import PARTIAL, disk_errors
from napari_phenoai.io.findings import Finding
from napari_phenoai.io.models import CARD
from napari_phenoai.io.object_checks import object_findings
from napari_phenoai.io.project import Project
from napari_phenoai.io.trainings import TrainingStore

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_project", "rebuild_ledger"]

_LEDGER = "ledger.sqlite"
_FEW_BYTES = 1 << 30
_OLD_SECONDS = 3600
_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "fuse.sshfs", "9p"})


def check_project(path: str | Path) -> list[Finding]:
    """Look at everything in a project and return what is wrong with it.

    All masks, weights and chunks of labels are read and verified, so a large
    project takes minutes. Nothing is changed.

    Parameters
    ----------
    path : str or Path
        Folder of the project.

    Returns
    -------
    list of Finding
        Errors first; empty when all is well.
    """
    try:
        project = Project.open(path)
    except PhenoError as error:
        return [Finding.of(error, Path(path))]
    with project:
        checks = (_disk, _ledger, _left_out, _images, _reviews, _labels, _models, _rounds)
        findings = [finding for check in checks for finding in check(project)]
        findings += [*_snapshots(project), *_trainings(project), *_leftovers(project)]
    return sorted(findings, key=lambda finding: finding.level)


def rebuild_ledger(project: Project) -> int:
    """Make the index of records in the ledger anew from the files, and return their number.

    A damaged ledger is set aside as ``ledger.damaged-<id>.sqlite``; queue, jobs, small
    settings and the history of edits start anew then. Of a sound one they are kept.

    Raises
    ------
    NewerFormatError
        If a newer version of the package made the ledger.
    DiskError
        If the disk is full or read-only.
    """
    try:
        sound = project.ledger.problem() is None
    except NewerFormatError:
        raise
    except ProjectError:
        sound = False
    project.close()
    if not sound:
        _set_aside(project.path)
    with Project.open(project.path) as fresh:
        fresh.ledger.clear_index()
        count = len(fresh.images()) + len(fresh.reviews.all())
        return count + len(fresh.models.cards()) + len(fresh.rounds.all())


def _set_aside(folder: Path) -> None:
    name = f"ledger.damaged-{new_id()}.sqlite"
    for ending in ("-wal", "-shm", ""):
        file = folder / f"{_LEDGER}{ending}"
        with disk_errors(file, "moved"):
            if file.exists():
                file.rename(folder / f"{name}{ending}")


def _disk(project: Project) -> Iterator[Finding]:
    folder = project.path
    free = shutil.disk_usage(folder).free
    if free < _FEW_BYTES:
        text = f"The disk of {folder} has {free / 1e6:.0f} MB free."
        yield Finding("warning", text, "Free some space before you go on.", folder)
    if not os.access(folder, os.W_OK):
        hint = "Change its permissions, or copy the project to a folder of your own."
        yield Finding("error", f"{folder} cannot be written.", hint, folder)
    mounts = psutil.disk_partitions(all=True)
    places = [mount for mount in mounts if folder.is_relative_to(mount.mountpoint)]
    kind = max(places, key=lambda mount: len(mount.mountpoint)).fstype if places else ""
    if kind in _REMOTE:
        text = f"{folder} lies on a network disk ({kind}), where locks cannot be relied on."
        hint = "Work on a copy on a local disk; share the folders reviews, snapshots and models."
        yield Finding("warning", text, hint, folder)


def _ledger(project: Project) -> Iterator[Finding]:
    file = project.path / _LEDGER
    hint = "Run phenoai doctor --rebuild."
    try:
        problem = project.ledger.problem()
    except PhenoError as error:
        yield Finding.of(error, file)
        return
    if problem is not None:
        yield Finding("error", f"The ledger {file} is damaged ({problem}).", hint, file)


def _left_out(project: Project) -> Iterator[Finding]:
    yield from project.problems


def _images(project: Project) -> Iterator[Finding]:
    folder = project.path / "images"
    known = set()
    for record in project.images():
        known.add(record.id)
        try:
            project.source(record.id)
        except PhenoError as error:
            yield Finding.of(error, folder / f"{record.id}.json")
    for path in sorted(folder.glob("[!.]*.ome.zarr")):
        if path.name.removesuffix(".ome.zarr") not in known:
            text = f"{path} belongs to no image of the project."
            yield Finding("warning", text, "Delete it, or add it as an image.", path)


def _reviews(project: Project) -> Iterator[Finding]:
    known = {record.id for record in project.images()}
    folder = project.reviews.folder
    for review in project.reviews.all():
        path = folder / f"{review.at:%Y-%m}" / f"{review.id}.json"
        if review.image not in known:
            text = f"Review {review.id} is about the image {review.image!r}, which is not here."
            hint = "Copy the record of that image from the project where the review was made."
            yield Finding("warning", text, hint, path)
        if review.scheme_version > project.scheme.version:
            text = f"Review {review.id} was made under classes of version {review.scheme_version}."
            hint = "Copy project.json from the project where it was made."
            yield Finding("error", text, hint, path)
        if review.mask is None:
            continue
        try:
            project.reviews.mask(review)
        except PhenoError as error:
            yield Finding.of(error, path)


def _labels(project: Project) -> Iterator[Finding]:
    known = {record.id: record for record in project.images()}
    hint = "Put it back from a backup; without it, its 512 x 512 px are unlabelled."
    for path in sorted((project.path / "labels").glob("[!.]*.ome.zarr")):
        image_id = path.name.removesuffix(".ome.zarr")
        if image_id not in known:
            text = f"The labels {path} belong to no image of the project."
            put_back = f"Put images/{image_id}.json back from a backup."
            yield Finding("error", text, put_back, path)
            continue
        for chunk in project.labels(image_id).damaged():
            yield Finding("error", f"The labels {chunk} are damaged.", hint, chunk)
        yield from object_findings(project.labels(image_id), known[image_id])


def _models(project: Project) -> Iterator[Finding]:
    folder = project.models.root
    for card in project.models.cards():
        try:
            project.models.verify(card.id)
        except PhenoError as error:
            yield Finding.of(error, folder / card.id)
    for path in sorted(folder.glob("[!.]*/")):
        if not (path / CARD).exists():
            text = f"The folder {path} has no {CARD}; it is not used."
            yield Finding("warning", text, "Copy the model again, or delete it.", path)


def _rounds(project: Project) -> Iterator[Finding]:
    known = {card.id for card in project.models.cards()}
    served = project.rounds.served()
    if served is not None and served not in known:
        text = f"The model {served}, which serves, is not in {project.models.root}."
        hint = "Copy it from a backup, or promote another one: phenoai models --promote."
        yield Finding("error", text, hint, project.models.root / served)
    snapshots = set(project.snapshots.ids())
    for record in project.rounds.all():
        if record.snapshot is not None and record.snapshot not in snapshots:
            path = project.snapshots.folder / f"{record.snapshot}.json"
            text = f"The snapshot {path} of round {record.id} is missing."
            hint = "Copy it from a backup; without it, that training cannot be repeated."
            yield Finding("warning", text, hint, path)


def _snapshots(project: Project) -> Iterator[Finding]:
    known = {review.id for review in project.reviews.all()}
    for name in project.snapshots.ids():
        path = project.snapshots.folder / f"{name}.json"
        try:
            snapshot = project.snapshots.get(name)
        except PhenoError as error:
            yield Finding.of(error, path)
            continue
        lost = [item.review for item in snapshot.items if item.review not in known]
        if lost:
            text = f"{len(lost)} reviews of the snapshot {path} are missing, such as {lost[0]}."
            hint = "Copy them from a backup; without them, that training cannot be repeated."
            yield Finding("warning", text, hint, path)


def _trainings(project: Project) -> Iterator[Finding]:
    hint = "Delete it; look at the trainings of that server before you start another one."
    for path, error in TrainingStore(project.path).damaged():
        yield Finding("warning", f"{error.what} That training is not followed.", hint, path)


def _leftovers(project: Project) -> Iterator[Finding]:
    before = time.time() - _OLD_SECONDS
    for path in sorted(project.path.rglob(f".*{PARTIAL}")):
        if path.stat().st_mtime < before:
            text = f"{path} was left over when something was interrupted."
            yield Finding("warning", text, "Delete it; it is not used.", path)
