"""What could not be written into a project, kept in the user's own folder until it can."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.edits import Edit
from napari_phenoai.core.geometry import Tile
from napari_phenoai.errors import DiskError, LabelError
from napari_phenoai.io.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SpareEdits", "SpareFiles", "spare_folders"]

_REFUSED = ".refused"


def spare_folders() -> tuple[Path, ...]:
    """Return the folders in which edits are kept, the best one first.

    The second one, for temporary files, is used where the first is on a full disk too.
    """
    from platformdirs import user_data_path

    temporary = Path(tempfile.gettempdir()) / "napari-phenoai-unsaved"
    return user_data_path("napari-phenoai", appauthor=False) / "unsaved", temporary


class SpareFiles:
    """Files of one project that wait outside of it, as its disk had no room for them.

    Parameters
    ----------
    project : str
        Id of the project; so they find it again where it has been moved.
    ending : str
        Of the names of these files, with its dot.
    folders : sequence of Path, optional
        Where to look and to keep, the best first; `spare_folders` by default.
    """

    def __init__(self, project: str, ending: str, folders: Sequence[Path] | None = None) -> None:
        self._folders = [folder / project for folder in folders or spare_folders()]
        self._ending = ending

    def keep(self, name: str, data: bytes) -> Path:
        """Write a file into the first folder that has room, and return it.

        Raises
        ------
        DiskError
            If none has.
        """
        for folder in self._folders[:-1]:
            with suppress(DiskError):
                return self._written(folder, name, data)
        return self._written(self._folders[-1], name, data)

    def files(self) -> dict[str, Path]:
        """Return the files that wait, by name; of two of one name, that in the best folder."""
        found: dict[str, Path] = {}
        for folder in self._folders:
            for path in sorted(folder.glob(f"*{self._ending}")):
                found.setdefault(path.name.removesuffix(self._ending), path)
        return found

    def drop(self, name: str) -> None:
        """Forget a file, as it is in the project now."""
        for folder in self._folders:
            with suppress(OSError):
                self._path(folder, name).unlink(missing_ok=True)

    def set_aside(self, name: str) -> None:
        """Keep a file under another name, as the project refuses it for good."""
        for folder in self._folders:
            path = self._path(folder, name)
            with suppress(OSError):
                path.rename(path.with_name(path.name + _REFUSED))

    def _written(self, folder: Path, name: str, data: bytes) -> Path:
        path = self._path(folder, name)
        write_atomic(path, data)
        return path

    def _path(self, folder: Path, name: str) -> Path:
        return folder / f"{name}{self._ending}"


class SpareEdits:
    """Edits of one project that wait outside of it, as its disk had no room for them.

    Parameters
    ----------
    project : str
        Id of the project.
    folders : sequence of Path, optional
        Where to look and to keep, as for `SpareFiles`.
    """

    def __init__(self, project: str, folders: Sequence[Path] | None = None) -> None:
        self._spare = SpareFiles(project, ".edit.npz", folders)

    def keep(self, edit: Edit) -> Path:
        """Write `edit` into the first folder that has room; return the file.

        Raises
        ------
        DiskError
            If none has.
        """
        return self._spare.keep(edit.id, _packed(edit))

    def edits(self) -> list[Edit]:
        """Return the edits that wait, oldest first; files that cannot be read stay."""
        found: dict[str, Edit] = {}
        for path in self._spare.files().values():
            with suppress(OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, LabelError):
                edit = _unpacked(path)
                found[edit.id] = edit
        return [found[name] for name in sorted(found)]

    def drop(self, edit: Edit) -> None:
        """Forget `edit`, as it is in the project now."""
        self._spare.drop(edit.id)

    def set_aside(self, edit: Edit) -> None:
        """Keep the file of `edit` under another name, as the project refuses it for good."""
        self._spare.set_aside(edit.id)


def _packed(edit: Edit) -> bytes:
    tile = edit.tile
    about: dict[str, Any] = {
        "id": edit.id,
        "tool": edit.tool,
        "author": edit.author,
        "at": edit.at.isoformat(),
        "tile": _place(tile),
        "objects": {str(number): list(change) for number, change in edit.objects.items()},
    }
    about["more"] = [_place(other.tile) for other in edit.more]
    arrays = {"before": edit.before, "after": edit.after, "about": np.str_(json.dumps(about))}
    for at, other in enumerate(edit.more):
        arrays |= {f"before_{at}": other.before, f"after_{at}": other.after}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _place(tile: Tile) -> list[str | int]:
    return [tile.image, tile.y, tile.x, tile.height, tile.width, tile.z]


def _unpacked(path: Path) -> Edit:
    with np.load(path, allow_pickle=False) as file:
        about: dict[str, Any] = json.loads(str(file["about"]))
        own = Edit(
            Tile(*about["tile"]),
            file["before"],
            file["after"],
            tool=about["tool"],
            author=about["author"],
            at=datetime.fromisoformat(about["at"]),
            id=about["id"],
            objects={int(key): (old, new) for key, (old, new) in about["objects"].items()},
        )
        more = tuple(
            replace(
                own,
                tile=Tile(*place),
                before=file[f"before_{at}"],
                after=file[f"after_{at}"],
                objects={},
            )
            for at, place in enumerate(about.get("more", ()))
        )
        return replace(own, more=more)
