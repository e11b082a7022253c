"""Why a server does not answer: busy, slow, stuck, frozen or down."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from napari_phenoai.errors import NoAnswerError
from napari_phenoai.remote.redaction import plain

if TYPE_CHECKING:
    from napari_phenoai.errors import EndpointError
    from napari_phenoai.remote.replies import Training

__all__ = ["Experience", "diagnosed"]

_FAR_LONGER = 10.0
_LISTED_FOR_EVER = (
    "One that has crashed is listed as running for ever: if this lasts far longer than a "
    "training takes, ask its owner for a restart. "
)
_NOT_AGAIN = "Do not send it again: the server goes on with it, and the next request waits behind."


class Experience:
    """What one server's answers took so far; may be told from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slowest: float | None = None
        self._missed: list[float] = []

    def answered(self, seconds: float) -> None:
        """Note an answer."""
        with self._lock:
            self._slowest = max(self._slowest or 0.0, seconds)
            self._missed.clear()

    def missed(self, seconds: float) -> None:
        """Note that after `seconds` there was none."""
        with self._lock:
            self._missed.append(seconds)

    @property
    def points_to_stuck(self) -> bool:
        """Whether it was silent twice in a row, or far longer than it ever took."""
        with self._lock:
            if not self._missed:
                return False
            longer = self._slowest is not None and self._missed[-1] > _FAR_LONGER * self._slowest
            return len(self._missed) > 1 or longer


def diagnosed(
    error: NoAnswerError,
    name: str,
    probe: tuple[EndpointError | None, list[Training] | None],
    experience: Experience,
) -> NoAnswerError:
    """Return `error` with what seems to be the matter.

    Parameters
    ----------
    error : NoAnswerError
        Of a prediction.
    name : str
        Of the server.
    probe : tuple
        What the server says now: why it does not answer at all, and its running trainings.
    experience : Experience
        What its earlier answers took.

    Returns
    -------
    NoAnswerError
        With ``diagnosis`` ``down``, ``frozen``, ``busy``, ``stuck`` or ``slow``.
    """
    problem, running = probe
    if isinstance(problem, NoAnswerError):
        hint = "Test it again in a while; if it stays so, ask its owner for a restart. "
        hint += "Nothing here is lost."
        what = f"{name} takes connections, and answers nothing at all."
        return NoAnswerError(what, hint=hint, diagnosis="frozen")
    if problem is not None:
        return NoAnswerError(
            f"{name} went away: {problem.what}", hint=problem.hint, diagnosis="down"
        )
    if running:
        what = f"{name} is busy: {len(running)} training(s) run there ({_told(running[0])})."
        hint = "Predict again when they have ended. "
        hint += (_LISTED_FOR_EVER if experience.points_to_stuck else "") + _NOT_AGAIN
        return NoAnswerError(what, hint=hint, diagnosis="busy")
    if experience.points_to_stuck:
        what = f"{name} answers, but its model seems to be stuck."
        hint = "Ask its owner to restart it, or wait: another person's work may be before yours."
        return NoAnswerError(what, hint=hint, diagnosis="stuck")
    hint = f"Allow more time, or send smaller tiles. {_NOT_AGAIN}"
    return NoAnswerError(f"{name} is slow: {error.what}", hint=hint, diagnosis="slow")


def _told(training: Training) -> str:
    began = f"since {training.date[:16]}" if training.date else "since an unknown time"
    shown = ", ".join(
        f"{plain(key, 30)}={plain(value, 30)}" for key, value in training.args.items()
    )
    return plain(f"{began}, {shown}" if shown else began, 120)
