"""The log of reviews: what people decided, in files that only ever get more."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.ids import sha256_bytes
from napari_phenoai.core.records import Review
from napari_phenoai.errors import InputError, LabelError, ProjectError
from napari_phenoai.io.files import disk_errors, write_atomic, write_json
from napari_phenoai.io.findings import Finding
from napari_phenoai.io.folders import FolderNames, RecordFolder, hidden, stem
from napari_phenoai.io.masks import decode_mask, encode_mask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_phenoai.io.folders import FileIndex

__all__ = ["ReviewLog"]

_MONTH = re.compile(r"\d{4}-\d{2}")
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


class ReviewLog:
    """Reviews and their masks in the folder ``reviews`` of a project.

    A review is ``<yyyy-mm>/<id>.json``, its mask ``masks/<aa>/<sha256>.tif``,
    named by the SHA-256 of the file's bytes, so that ``sha256sum`` verifies it.
    Nothing is ever changed or removed: to merge the work of several people, copy
    their folders into one. Files that do not belong or are damaged are left out
    and listed in `problems`.

    Parameters
    ----------
    folder : Path
        The folder; made at the first review.
    index : callable, optional
        Returns an index that makes opening fast, or None.
    """

    def __init__(self, folder: Path, index: Callable[[], FileIndex | None] | None = None) -> None:
        self.folder = folder
        self._months = _Months(folder)
        self._records = RecordFolder(
            folder,
            Review,
            "review",
            files=self._months.files,
            name_of=stem,
            fixed=True,
            index=index,
        )
        self._lock = threading.RLock()
        self._of: Mapping[str, Review] = {}
        self._current: dict[str, Review] = {}
        self._keys: dict[str, str] = {}

    def add(self, review: Review, mask: NDArray[Any] | None = None) -> Review:
        """Keep `review`; when this returns, it and its mask are on the disk.

        Parameters
        ----------
        review : Review
            What was decided, with an id that is not in use.
        mask : ndarray, shape (height, width), optional
            Label values of the tile at this moment; the record gets its hash. Classes as
            uint8; where the record names objects, ids as uint32.

        Returns
        -------
        Review
            The record as it is kept.

        Raises
        ------
        LabelError
            If the mask is not of that type or not of the size of the tile, or has an
            object without a class.
        InputError
            If the id is in use or cannot be a file name, or the record names a
            mask that is neither given nor here.
        DiskError
            If the disk is full or read-only; then nothing was kept.
        """
        if not _ID.fullmatch(review.id):
            hint = "Use a new id, as napari_phenoai.core.ids.new_id makes."
            raise InputError(f"{review.id!r} cannot be the id of a review.", hint=hint)
        path = self.folder / f"{review.at:%Y-%m}" / f"{review.id}.json"
        if path.exists():
            hint = "Give the new review an id of its own and name the old one in replaces."
            raise InputError(f"There is a review {review.id} already ({path}).", hint=hint)
        if mask is not None:
            review = review.but(mask=self._write_mask(review, mask))
        elif review.mask is not None and not self.mask_path(review.mask).exists():
            raise InputError(f"The mask {review.mask} is not here.", hint="Give the pixels too.")
        write_json(path, review)
        return review

    def all(self) -> list[Review]:
        """Return every review in the order of the ids, which is that of their making."""
        return list(self._records.records().values())

    def get(self, review_id: str) -> Review:
        """Return one review.

        Raises
        ------
        ProjectError
            If there is none with this id.
        """
        try:
            return self._records.records()[review_id]
        except KeyError:
            hint = "Copy the reviews again from the place that they come from."
            text = f"There is no review {review_id} in {self.folder}."
            raise ProjectError(text, hint=hint) from None

    def current(self) -> dict[str, Review]:
        """Return the decision in force for each tile, by the key of the tile.

        That is the newest, in the order of the ids, of those that no other
        review replaces.
        """
        with self._lock:
            records = self._records.records()
            if records is not self._of:
                self._current, self._of = self._in_force(records), records
            return dict(self._current)

    @property
    def problems(self) -> list[Finding]:
        """What is left out, and why: damaged and foreign files."""
        return [*self._records.findings(), *self._months.foreign()]

    def mask_path(self, sha256: str) -> Path:
        """Return where the mask with this hash is kept."""
        return self.folder / "masks" / sha256[:2] / f"{sha256}.tif"

    def has_mask(self, review: Review) -> bool:
        """Tell whether the mask of `review` is here, without reading it."""
        return review.mask is not None and self.mask_path(review.mask).exists()

    def mask(self, review: Review) -> NDArray[np.uint8]:
        """Return the classes in the mask of `review`, verified by its hash.

        Returns
        -------
        ndarray of uint8, shape (height, width)
            Those of the objects, too; 0 where the person left the pixel unlabelled.

        Raises
        ------
        ProjectError, DiskError
            As `values` does.
        """
        values, table = self.values(review), review.table
        return values if table is None else table.as_classes(values, strict=False)

    def values(self, review: Review) -> NDArray[Any]:
        """Return the mask of `review` as it was painted, verified by its hash.

        Returns
        -------
        ndarray of uint8 or uint32, shape (height, width)
            Classes, or ids of objects whose classes are in ``review.objects``.

        Raises
        ------
        ProjectError
            If the review has no mask, or its file is missing or damaged.
        DiskError
            If the file cannot be read.
        """
        if review.mask is None:
            hint = "Only accepted and corrected tiles have one."
            raise ProjectError(f"Review {review.id} has no mask.", hint=hint)
        path = self.mask_path(review.mask)
        data = self._verified(path, review)
        mask = decode_mask(data, path)
        if mask.shape != review.tile.shape:
            text = f"The mask {path} is {mask.shape[0]} x {mask.shape[1]} px, not "
            text += f"{review.height} x {review.width} as review {review.id} says."
            raise ProjectError(text, hint="Review that tile again.")
        return mask.astype(np.uint8 if review.objects is None else np.uint32, copy=False)

    def _in_force(self, records: Mapping[str, Review]) -> dict[str, Review]:
        for name in records.keys() - self._keys.keys():
            self._keys[name] = records[name].tile.key
        replaced = {one.replaces for one in records.values() if one.replaces != one.id}
        kept = ((name, one) for name, one in records.items() if name not in replaced)
        return {self._keys[name]: one for name, one in kept}

    def _verified(self, path: Path, review: Review) -> bytes:
        hint = "Copy it again from the place that the review comes from, or review the tile again."
        try:
            with disk_errors(path, "read"):
                data = path.read_bytes() if path.exists() else None
        except FileNotFoundError:
            data = None
        if data is None:
            raise ProjectError(f"The mask {path} of review {review.id} is missing.", hint=hint)
        if sha256_bytes(data) != review.mask:
            text = f"The mask {path} of review {review.id} is damaged or was changed."
            raise ProjectError(text, hint=hint)
        return data

    def _write_mask(self, review: Review, mask: NDArray[Any]) -> str:
        table = review.table
        wanted = np.dtype(np.uint8 if table is None else np.uint32)
        if mask.dtype != wanted or mask.shape != review.tile.shape:
            found = f"{mask.dtype} of shape {mask.shape}"
            hint = f"Give {wanted} of shape {review.tile.shape}, as large as the tile."
            raise LabelError(f"The mask of tile {review.tile.key} is {found}.", hint=hint)
        if table is not None:
            table.as_classes(mask)
            small = int(mask.max(initial=0)) <= np.iinfo(np.uint16).max
            mask = mask.astype(np.uint16 if small else np.uint32)
        data = encode_mask(mask)
        name = sha256_bytes(data)
        path = self.mask_path(name)
        with disk_errors(path):
            same = path.exists() and path.read_bytes() == data
        if not same:
            write_atomic(path, data)
        return name


class _Months:
    """The files in the folders of the months, and what else lies there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._root = FolderNames(folder, lambda name: not hidden(name))
        self._names: dict[str, FolderNames] = {}
        self._parts: list[frozenset[str]] = []
        self._files: frozenset[str] = frozenset()

    def files(self) -> frozenset[str]:
        """Return ``<month>/<id>.json`` of all; the same object while nothing changes."""
        parts = self._read()
        if len(parts) != len(self._parts) or any(
            one is not other for one, other in zip(parts, self._parts, strict=True)
        ):
            self._parts = parts
            self._files = frozenset(
                f"{month}/{name}"
                for month, names in zip(self._month_names(), parts[1:], strict=True)
                for name in names
                if name.endswith(".json")
            )
        return self._files

    def foreign(self) -> list[Finding]:
        """Return the files that are no reviews."""
        self.files()
        odd = [self._folder / name for name in self._root.read() if not self._known(name)]
        for month, names in zip(self._month_names(), self._parts[1:], strict=True):
            odd += [self._folder / month / name for name in names if not name.endswith(".json")]
        return [_foreign(path) for path in sorted(odd)]

    def _read(self) -> list[frozenset[str]]:
        root = self._root.read()
        for month in root:
            if _MONTH.fullmatch(month) and month not in self._names:
                wanted = FolderNames(self._folder / month, lambda name: not hidden(name))
                self._names[month] = wanted
        for month in [month for month in self._names if month not in root]:
            del self._names[month]
        return [root, *(self._names[month].read() for month in self._month_names())]

    def _month_names(self) -> list[str]:
        return sorted(self._names)

    @staticmethod
    def _known(name: str) -> bool:
        return name == "masks" or _MONTH.fullmatch(name) is not None


def _foreign(path: Path) -> Finding:
    text = f"{path} is no review; it is not used."
    hint = "Move it out of the folder reviews; reviews lie in folders such as 2026-05."
    return Finding("warning", text, hint, path)
