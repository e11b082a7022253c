"""Running jobs in napari's own activity dock."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, ref

from napari.utils import progress
from qtpy.QtCore import QTimer

from napari_phenoai.ui.job_watch import JobWatch

if TYPE_CHECKING:
    from napari_phenoai.ui.session import Session

__all__ = ["ActivityMirror", "mirror_jobs"]

_LOOK_MS = 400
_STEPS = 100


class ActivityMirror:
    """Gives every running job of a session a bar in the activity dock.

    Bars are made, moved and closed from the event loop only, because napari lets
    the loop run while it makes one.

    Parameters
    ----------
    session : Session
        Whose jobs are shown; not kept alive by this.
    """

    def __init__(self, session: Session) -> None:
        self._session = ref(session)
        self.bars: dict[int, tuple[JobWatch, progress]] = {}
        self._timer = QTimer()
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._look)
        session.jobs_changed.connect(self._wake)
        self._wake()

    def _wake(self) -> None:
        session = self._session()
        if session is not None and (session.jobs or self.bars):
            self._timer.start()

    def _look(self) -> None:
        session = self._session()
        running = {id(job): job for job in session.jobs} if session is not None else {}
        for key in [key for key in self.bars if key not in running]:
            _, bar = self.bars.pop(key)
            bar.close()
        for key, job in running.items():
            if key not in self.bars:
                self.bars[key] = JobWatch(job), progress(total=0, desc=job.title)
        for watch, bar in list(self.bars.values()):
            _move(bar, watch)
        if not running:
            self._timer.stop()


def _move(bar: progress, watch: JobWatch) -> None:
    fraction = watch.latest.fraction
    if fraction is None:
        return
    if bar.total != _STEPS:
        bar.total = _STEPS
    step = round(_STEPS * fraction) - bar.n
    if step:
        bar.update(step)


_mirrors: WeakKeyDictionary[Session, ActivityMirror] = WeakKeyDictionary()


def mirror_jobs(session: Session) -> ActivityMirror:
    """Return the mirror of this session, made on first use."""
    mirror = _mirrors.get(session)
    if mirror is None:
        mirror = _mirrors[session] = ActivityMirror(session)
    return mirror
