"""The whole tree of errors: what failed, and what to do now."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "AnswerError",
    "CertificateError",
    "DeviceMemoryError",
    "DiskError",
    "EndpointError",
    "FieldsError",
    "ImageError",
    "InputError",
    "JobError",
    "LabelError",
    "LockedError",
    "LostAnswerError",
    "MissingExtraError",
    "ModelError",
    "NewerFormatError",
    "NoAnswerError",
    "PhenoError",
    "ProjectError",
    "RefusedError",
    "ServerFailedError",
    "SignInError",
    "UnreachableError",
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


class EndpointError(PhenoError):
    """A server cannot be used, or said no."""


class UnreachableError(EndpointError):
    """No connection to the server: it is down, unknown, or this machine is offline."""


class CertificateError(EndpointError):
    """The server's certificate is not trusted, or the address has the wrong scheme."""


class SignInError(EndpointError):
    """The server wants another login, or a login must not be sent there."""


class RefusedError(EndpointError):
    """The server understood the request and will not do it."""


class FieldsError(RefusedError):
    """Values of a form are wrong.

    Parameters
    ----------
    what, hint : str
        As for `PhenoError`.
    fields : mapping of str to tuple of str
        For each field, what is wrong with it, as plain text.
    """

    def __init__(
        self, what: str, *, hint: str, fields: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        super().__init__(what, hint=hint)
        self.fields = dict(fields or {})

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.hint), {"fields": self.fields}


class ServerFailedError(EndpointError):
    """The server, or the model on it, failed while it worked."""


class NoAnswerError(EndpointError):
    """The server was reached and did not answer in time.

    Parameters
    ----------
    what, hint : str
        As for `PhenoError`.
    diagnosis : str
        ``busy``, ``slow``, ``stuck``, ``frozen``, ``down``, or ``silent`` where nobody
        looked for the cause.
    """

    def __init__(self, what: str, *, hint: str, diagnosis: str = "silent") -> None:
        super().__init__(what, hint=hint)
        self.diagnosis = diagnosis

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.hint), {"diagnosis": self.diagnosis}


class LostAnswerError(EndpointError):
    """The connection broke after the request was sent: nobody knows whether it was done."""


class AnswerError(EndpointError):
    """An answer came that cannot be used: cut off, too large, or not what was asked."""
