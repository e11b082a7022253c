"""The project: one folder with everything, and the objects that read and write it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

from napari_phenoai.errors import PhenoError
from napari_phenoai.io.files import make_folder
from napari_phenoai.io.image_list import ImageList
from napari_phenoai.io.image_stores import ImageStores
from napari_phenoai.io.ledger import Ledger
from napari_phenoai.io.locks import FileLock
from napari_phenoai.io.models import ModelStore
from napari_phenoai.io.reviews import ReviewLog
from napari_phenoai.io.rounds import RoundLog
from napari_phenoai.io.snapshots import SnapshotStore
from napari_phenoai.io.spec import PROJECT_FILE, SpecFile, is_project, new_spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_phenoai.core.ports import ImageSource
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import ImageRecord, ProjectFile
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.io.findings import Finding
    from napari_phenoai.io.journal import Journal
    from napari_phenoai.io.labels import LabelStore
    from napari_phenoai.io.predictions import PredictionStore

__all__ = ["Project", "is_project"]

_FOLDERS = ("images", "labels", "predictions", "reviews", "snapshots", "models", "rounds")


class Project:
    """An open project. Make one with `create` or `open`; close it when done.

    Any number of processes may have a project open; each label image has one
    writer at a time. All methods may be called from any thread.

    Attributes
    ----------
    path : Path
        The folder, absolute.
    reviews : ReviewLog
        What people decided.
    models : ModelStore
        The models.
    rounds : RoundLog
        The audit trail, and which model serves.
    snapshots : SnapshotStore
        What each training saw.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = SpecFile(path)
        self._file.read()
        self._opening = threading.Lock()
        self._ledger: Ledger | None = None
        self._no_index = False
        self._images = ImageList(
            path, FileLock(path / "project.lock", f"The project {path}"), self._index
        )
        self.reviews = ReviewLog(path / "reviews", self._index)
        self.models = ModelStore(path / "models", self._index)
        self.rounds = RoundLog(path / "rounds", self._index)
        self.snapshots = SnapshotStore(path / "snapshots")
        self._stores = ImageStores(
            path, self._images, self._file, self.reviews, lambda: self.ledger
        )

    @classmethod
    def create(
        cls,
        path: str | Path,
        classes: Sequence[str],
        *,
        tile_px: int = 256,
        name: str | None = None,
        instances: bool = False,
    ) -> Self:
        """Make a project in a new or empty folder and open it.

        Parameters
        ----------
        path : str or Path
            The folder, by custom with the ending ``.phenoai``.
        classes : sequence of str
            Names of the classes, the background first; two or more.
        tile_px : int
            Edge length of the tiles to review, in pixels, 16 to 4096.
        name : str, optional
            Name for people; by default that of the folder.
        instances : bool
            Whether labels are objects, each with an id and a class, and not classes.

        Raises
        ------
        ProjectError
            If the folder has something in it, or a file is in its place.
        InputError, DiskError
            If the classes or the tile size cannot be used, or the disk is full or read-only.

        Examples
        --------
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with Project.create(folder, ["soil", "plant"]) as project:
        ...     project.scheme.names
        ('soil', 'plant')
        """
        folder = Path(path).expanduser().resolve()
        spec = new_spec(classes, tile_px=tile_px, name=name or folder.stem, instances=instances)
        file = SpecFile(folder)
        file.check_free()
        for part in _FOLDERS:
            make_folder(folder / part)
        file.create(spec)
        return cls(folder)

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open the project in a folder.

        Raises
        ------
        ProjectError
            If there is none, or its project file is damaged.
        NewerFormatError, DiskError
            If a newer version of the package made it, or the folder cannot be read.
        """
        folder = Path(path).expanduser().resolve()
        if folder.name == PROJECT_FILE:
            folder = folder.parent
        project = cls(folder)
        project.models.clean()
        return project

    def close(self) -> None:
        """Let go of locks, the ledger and images; what was written stays written."""
        self._stores.close()
        self._images.close()
        if self._ledger is not None:
            self._ledger.close()
        self._no_index = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def spec(self) -> ProjectFile:
        """The project file as it is on the disk now."""
        return self._file.read()

    @property
    def scheme(self) -> ClassScheme:
        """The classes."""
        return self.spec.scheme

    @property
    def ledger(self) -> Ledger:
        """Queue, jobs and small settings; opened, and checked, at the first use."""
        with self._opening:
            if self._ledger is None:
                self._ledger = Ledger(self.path / "ledger.sqlite")
            return self._ledger

    @property
    def journal(self) -> Journal:
        """All edits of people's labels, in order; kept in the ledger."""
        return self.ledger.journal

    @property
    def problems(self) -> list[Finding]:
        """Files that are left out because they are damaged or do not belong."""
        parts = (self._images, self.reviews, self.models, self.rounds)
        return [finding for part in parts for finding in part.problems]

    def update(self, **changes: object) -> ProjectFile:
        """Change settings of the project, such as ``tile_px`` or ``heldout_share``.

        Raises
        ------
        InputError
            If there is no such setting or its value cannot be used.
        DiskError
            If the disk is full or read-only; the old file is untouched.
        """
        return self._file.update(**changes)

    def update_scheme(self, scheme: ClassScheme) -> ProjectFile:
        """Make `scheme`, which must follow from that in force, the classes from now on.

        `InputError` if the classes were changed elsewhere meanwhile.
        """
        spec = self.update(scheme=scheme)
        for record in self.images():
            self._stores.describe(record)
        return spec

    def images(self) -> list[ImageRecord]:
        """Return the images in the order in which they were added."""
        return self._images.all()

    def image(self, image_id: str) -> ImageRecord:
        """Return one image; `InputError` if there is none with this id."""
        return self._images.get(image_id)

    def source(self, image_id: str) -> ImageSource:
        """Return the lazy pixels of one image; `ImageError` if its file has gone or changed."""
        return self._images.source(image_id)

    def add_image(
        self,
        uri: str | Path,
        *,
        copy: bool = False,
        group: str | None = None,
        pixel_um: float | None = None,
    ) -> Work[ImageRecord]:
        """Add an image: referred to where it is, or converted where it must be.

        Parameters
        ----------
        uri : str or Path
            File, OME-Zarr folder or address.
        copy : bool
            Convert into the project in any case.
        group : str, optional
            What it belongs to; groups are never split between training and held-out tiles.
        pixel_um : float, optional
            Edge length of a pixel in micrometres, in place of what the file says.

        Returns
        -------
        ImageRecord
            The new record, or the old one, with their new place, if the same pixels
            were added before. Closing the generator leaves nothing behind.

        Raises
        ------
        ImageError, DiskError
            If the file cannot be read, or the disk is full or read-only.
        """
        return self._images.add(uri, copy=copy, group=group, pixel_um=pixel_um)

    def relink_image(self, image_id: str, uri: str | Path) -> ImageRecord:
        """Take the pixels from where the file was moved; `ImageError` if they do not fit."""
        return self._images.relink(image_id, uri)

    def set_pixel_um(self, image_id: str, value: float | None) -> ImageRecord:
        """Set the edge length of a pixel in micrometres; None for unknown."""
        record = self._images.change(image_id, pixel_um=value)
        self._stores.describe(record)
        return record

    def set_group(self, image_id: str, group: str | None) -> ImageRecord:
        """Set what an image belongs to (plot, plant, date); None for nothing."""
        return self._images.change(image_id, group=group)

    def labels(self, image_id: str) -> LabelStore:
        """Return people's labels of one image; the same object each time."""
        return self._stores.labels(image_id)

    def predictions(self, image_id: str, model_id: str) -> PredictionStore:
        """Return what one model says of one image; the same object each time."""
        return self._stores.predictions(image_id, model_id)

    def _index(self) -> Ledger | None:
        if self._no_index:
            return None
        try:
            return self.ledger
        except PhenoError:
            self._no_index = True
            return None
