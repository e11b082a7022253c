"""Checkpoints that can be downloaded, and where they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CATALOGUE", "Checkpoint", "checkpoint", "checkpoint_folder"]

_BASE = "https://dl.fbaipublicfiles.com/segment_anything"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that can be downloaded.

    Parameters
    ----------
    name : str
        What it is called here.
    kind : str
        ``vit_b``, ``vit_l`` or ``vit_h``.
    url : str
        Where it is.
    size_bytes : int
        Its size.
    sha256 : str
        Of the whole file.
    licence : str
        Of the weights, as its publisher states it.
    about : str
        What it is good for, for people.
    """

    name: str
    kind: str
    url: str
    size_bytes: int
    sha256: str
    licence: str
    about: str

    @property
    def file(self) -> str:
        """Name of the file."""
        return urlsplit(self.url).path.rpartition("/")[2]

    def path(self, folder: Path | None = None) -> Path:
        """Return where it is kept, whether it is there or not."""
        return (checkpoint_folder() if folder is None else folder) / self.file

    def is_here(self, folder: Path | None = None) -> bool:
        """Tell whether a file of its name and size is there; only checked ones get the name."""
        path = self.path(folder)
        return path.is_file() and path.stat().st_size == self.size_bytes


CATALOGUE = (
    Checkpoint(
        "vit_b",
        "vit_b",
        f"{_BASE}/sam_vit_b_01ec64.pth",
        375_042_383,
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
        "Apache-2.0",
        "segment-anything, smallest: for computers without a GPU",
    ),
    Checkpoint(
        "vit_l",
        "vit_l",
        f"{_BASE}/sam_vit_l_0b3195.pth",
        1_249_524_607,
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
        "Apache-2.0",
        "segment-anything, large: for a GPU",
    ),
    Checkpoint(
        "vit_h",
        "vit_h",
        f"{_BASE}/sam_vit_h_4b8939.pth",
        2_564_550_879,
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        "Apache-2.0",
        "segment-anything, largest: for a GPU",
    ),
)
"""The official checkpoints. Their hashes are the ones that several projects check against."""


def checkpoint(name: str) -> Checkpoint:
    """Return the entry of `name`.

    Raises
    ------
    InputError
        If the catalogue has no such entry.
    """
    for entry in CATALOGUE:
        if entry.name == name:
            return entry
    names = ", ".join(entry.name for entry in CATALOGUE)
    raise InputError(f"The catalogue has no checkpoint {name!r}.", hint=f"It has {names}.")


def checkpoint_folder() -> Path:
    """Return where downloaded checkpoints are kept; it may be deleted at any time."""
    from platformdirs import user_cache_path

    return user_cache_path("napari-phenoai", appauthor=False) / "checkpoints"
