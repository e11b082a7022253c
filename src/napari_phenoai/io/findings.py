"""What is wrong with a project, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from napari_phenoai.errors import PhenoError

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found.

    Parameters
    ----------
    level : {"error", "warning"}
        An error loses or hides something; a warning does not.
    what : str
        What is wrong, naming the file.
    hint : str
        The next step that the user can take.
    path : Path
        The file or folder concerned.
    """

    level: Literal["error", "warning"]
    what: str
    hint: str
    path: Path

    @classmethod
    def of(cls, error: PhenoError, path: Path) -> Finding:
        """Return what `error` says of `path` as a finding."""
        return cls("error", error.what, error.hint, path)
