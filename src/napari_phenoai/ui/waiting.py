"""Which tiles of the queue wait, also while decisions are being written."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_phenoai.core.records import QueueItem, Verdict

__all__ = ["Waiting"]


class Waiting:
    """The queue as a person sees it: a tile counts as decided from the key press on.

    Attributes
    ----------
    items : list of QueueItem
        In order, each with its state.
    """

    def __init__(self) -> None:
        self.items: list[QueueItem] = []
        self._deciding: dict[str, Verdict] = {}

    def set(self, items: list[QueueItem]) -> None:
        """Take a new queue; decisions that it does not know of yet count already."""
        self.items = [
            item.but(state=self._deciding[item.tile]) if item.tile in self._deciding else item
            for item in items
        ]

    def after(self, current: QueueItem | None) -> list[QueueItem]:
        """Return the items that wait, in the order in which they come after `current`."""
        tile = current.tile if current is not None else None
        here = next((at for at, item in enumerate(self.items) if item.tile == tile), -1)
        turned = self.items[here + 1 :] + self.items[: here + 1]
        return [item for item in turned if item.state == "waiting" and item.tile != tile]

    def first(self, tile: str) -> QueueItem | None:
        """Return the item of a tile if it waits, else the first one that does."""
        waiting = self.after(None)
        return next((item for item in waiting if item.tile == tile), next(iter(waiting), None))

    def decide(self, tile: str, verdict: Verdict) -> None:
        """Count a tile as decided, while that is being written."""
        self._deciding[tile] = verdict
        self.mark(tile, verdict)

    def decided(self, tile: str) -> None:
        """Hear that a decision was written, or could not be."""
        self._deciding.pop(tile, None)

    def mark(self, tile: str, state: str) -> None:
        """Give a tile another state."""
        self.items = [item.but(state=state) if item.tile == tile else item for item in self.items]
