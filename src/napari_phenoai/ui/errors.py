"""The one place that shows errors to people."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error, show_info, show_warning

from napari_phenoai.errors import InputError, PhenoError

if TYPE_CHECKING:
    from napari_phenoai.ui.session import Session

__all__ = ["explain", "report", "show_errors_of"]

_log = logging.getLogger("napari_phenoai")


def explain(error: BaseException) -> str:
    """Return what a person should read about `error`: what failed, and what to do now."""
    if isinstance(error, PhenoError):
        return f"{error.what} {error.hint}"
    kind = type(error).__name__
    return (
        f"Something went wrong that should not ({kind}: {error}). "
        "What was decided before is saved. The log has the details; please report it."
    )


def report(error: BaseException) -> None:
    """Show `error` as a notification of napari; log the traceback of an unforeseen one."""
    if isinstance(error, InputError):
        show_warning(explain(error))
        return
    if not isinstance(error, PhenoError):
        _log.error("Unforeseen error", exc_info=error)
    show_error(explain(error))


def show_errors_of(session: Session) -> None:
    """Show what goes wrong in `session` from now on; calling it again changes nothing."""
    session.error_raised.connect(report, unique=True)
    session.told.connect(show_info, unique=True)
