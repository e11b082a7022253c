"""Full collections of garbage: small ones at calm moments instead of a large one at any."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Housekeeping"]

_LOOK_MS = 250
_SOME, _MANY = 3, 100
"""Collections of the middle generation, each of up to 7,000 new objects."""

_ASIDE = 20_000
_NEVER = 1_000_000


class Housekeeping:
    """Collects garbage in the thread of the window, as long as a project is open.

    A full collection looks at all objects that came since some were last set aside: a tenth
    of a second for 100,000 of them, in which no thread gets on. Python begins one in the
    midst of anything. Here it comes early, while there are few, and at moments when nothing
    is under way; objects that have become many are then set aside.

    Parameters
    ----------
    calm : callable
        Whether nothing is under way now: what lives only for a moment is not set aside.
    """

    _at_work = 0
    _usual = (700, 10, 10)

    def __init__(self, calm: Callable[[], bool]) -> None:
        self._calm = calm
        self._timer = QTimer()
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self.tidy)

    def begin(self) -> None:
        """Collect from now on, and let Python begin no full collection by itself."""
        if not Housekeeping._at_work:
            Housekeeping._usual = gc.get_threshold()
            gc.set_threshold(*Housekeeping._usual[:2], _NEVER)
        Housekeeping._at_work += 1
        self._timer.start()

    def end(self) -> None:
        """Leave it to Python again."""
        if self._timer.isActive():
            self._timer.stop()
            Housekeeping._at_work -= 1
            if not Housekeeping._at_work:
                gc.set_threshold(*Housekeeping._usual)

    def tidy(self) -> bool:
        """Collect all garbage if there may be some; return whether it was done."""
        waiting, calm = gc.get_count()[2], self._calm()
        if waiting < (_SOME if calm else _MANY):
            return False
        gc.collect()
        if calm and len(gc.get_objects()) > _ASIDE:
            gc.freeze()
        return True
