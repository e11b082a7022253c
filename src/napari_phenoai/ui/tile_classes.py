"""Which classes the tiles of the queue hold, found out in the background and kept."""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal
from qtpy.QtCore import QTimer

if TYPE_CHECKING:
    from qtpy.QtCore import QObject

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.records import QueueItem
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.background import Background

__all__ = ["TileClasses", "classes_of", "mentions"]

_LANE = "thumbnails"
_RETRY_MS = 3000
_MOST_TRIES = 5
_NOTHING: frozenset[int] = frozenset()
_Key = tuple[str, str | None]


def classes_of(project: Project, tile: Tile, model: str | None) -> frozenset[int]:
    """Read which classes people painted in `tile`, or `model` predicted in it and stored.

    Returns
    -------
    frozenset of int
        Ids; a merged class counts as the one that it was merged into.
    """
    values = [project.labels(tile.image).read(tile)]
    if model is not None:
        predictions = project.predictions(tile.image, model)
        if predictions.exists:
            values.append(predictions.read(tile)[0])
    found = np.unique(np.concatenate([np.unique(plane) for plane in values]))
    known = project.scheme.resolved(found.astype(np.uint8))
    return frozenset(int(value) for value in known) - {0}


def mentions(reason: str, name: str) -> bool:
    """Tell whether a reason names a class.

    Examples
    --------
    >>> mentions("Rarely seen class: leaf, about 3 % of the tile", "leaf")
    True
    >>> mentions("Often seen class: leaflet", "leaf")
    False
    """
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", reason, re.IGNORECASE) is not None


class TileClasses:
    """The classes of tiles; those that are not known are read in the background.

    A tile that cannot be read is tried again some seconds later, a few times; after that
    when pixels have changed.

    Parameters
    ----------
    background : Background
        Lane ``thumbnails`` is used.
    parent : QObject
        Has the timer.

    Signals
    -------
    arrived
        More is known, or can be asked for again.
    """

    arrived = Signal()

    def __init__(self, background: Background, parent: QObject) -> None:
        self._background = background
        self._known: dict[_Key, frozenset[int]] = {}
        self._asked: set[_Key] = set()
        self._stale: set[_Key] = set()
        self._failures: Counter[_Key] = Counter()
        self._resting: set[_Key] = set()
        self._again = QTimer(parent)
        self._again.setSingleShot(True)
        self._again.setInterval(_RETRY_MS)
        self._again.timeout.connect(self._rested)

    @property
    def busy(self) -> bool:
        """Whether tiles are being read, or will be tried again."""
        return bool(self._asked) or self._again.isActive()

    def holds(self, project: Project, item: QueueItem, class_id: int, model: str | None) -> bool:
        """Tell whether the tile of `item` shows a class, as far as that is known by now."""
        names = dict(zip(project.scheme.ids, project.scheme.names, strict=True))
        if mentions(item.reason, names.get(class_id, "\0")):
            return True
        key = item.tile, model
        if self._is_missing(key):
            self._asked.add(key)
            self._stale.discard(key)
            self._background.do(
                _LANE,
                partial(classes_of, project, item.where, model),
                then=partial(self._on_classes, self._asked, key),
                otherwise=partial(self._on_error, self._asked, key),
            )
        return class_id in self._known.get(key, _NOTHING)

    def renew(self) -> None:
        """Read anew what is asked for next, as pixels have changed; until then the old holds."""
        self._stale |= set(self._known) | self._asked
        self._failures.clear()
        self._resting.clear()

    def clear(self) -> None:
        """Forget all tiles, as another project is open; answers about them are dropped."""
        self._asked = set()
        self._known.clear()
        self._stale.clear()
        self._failures.clear()
        self._resting.clear()
        self._again.stop()

    def _is_missing(self, key: _Key) -> bool:
        if key in self._asked or key in self._resting:
            return False
        return key not in self._known or key in self._stale

    def _on_classes(self, asked: set[_Key], key: _Key, found: frozenset[int]) -> None:
        if asked is not self._asked:
            return
        asked.discard(key)
        del self._failures[key]
        self._known[key] = found
        self.arrived.emit()

    def _on_error(self, asked: set[_Key], key: _Key, _: Exception) -> None:
        if asked is not self._asked:
            return
        asked.discard(key)
        self._stale.add(key)
        self._failures[key] += 1
        self._resting.add(key)
        if self._failures[key] < _MOST_TRIES and not self._again.isActive():
            self._again.start()
        self.arrived.emit()

    def _rested(self) -> None:
        self._resting = {key for key in self._resting if self._failures[key] >= _MOST_TRIES}
        self.arrived.emit()
