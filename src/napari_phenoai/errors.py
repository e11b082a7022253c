"""The whole tree of errors: what failed, and what to do now."""

from __future__ import annotations

__all__ = [
    "DeviceMemoryError",
    "DiskError",
    "ImageError",
    "InputError",
    "JobError",
    "LabelError",
    "LockedError",
    "MissingExtraError",
    "ModelError",
    "NewerFormatError",
    "PhenoError",
    "ProjectError",
]


class PhenoError(Exception):
    """Base of every error that this package raises on purpose.

    Parameters
    ----------
    what : str
        What failed, in the user's words, with the value or the file concerned.
    hint : str
        The next step that the user can take; never empty.
    """

    def __init__(self, what: str, *, hint: str) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what} {self.hint}"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.hint)


def _rebuild(kind: type[PhenoError], what: str, hint: str) -> PhenoError:
    return kind(what, hint=hint)


class InputError(PhenoError, ValueError):
    """An argument or an option has a value that cannot be used."""


class ImageError(PhenoError):
    """An image file or address cannot be read or converted."""


class LabelError(PhenoError):
    """A mask does not fit: wrong size, or a class id that the scheme lacks."""


class ProjectError(PhenoError):
    """A project folder is missing, damaged or of an unknown kind."""


class NewerFormatError(ProjectError):
    """A file was written by a newer version of this package."""


class LockedError(ProjectError):
    """Another process is writing the same label image."""


class DiskError(PhenoError, OSError):
    """The disk is full, read-only or gone; what was acknowledged is safe."""


class ModelError(PhenoError):
    """A model cannot be loaded, trained or applied."""


class DeviceMemoryError(ModelError):
    """Not even one tile fits into the memory of the device."""


class JobError(PhenoError):
    """A long piece of work ended without a result."""


class MissingExtraError(PhenoError, ImportError):
    """An optional package is needed that is not installed."""
