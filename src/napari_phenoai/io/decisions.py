"""Decisions under way: reviews that are kept while their label image is not written yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_phenoai.core.records import Review
    from napari_phenoai.io.database import Database
    from napari_phenoai.io.labels import LabelStore
    from napari_phenoai.io.ledger import Ledger
    from napari_phenoai.io.reviews import ReviewLog

__all__ = ["DecisionsUnderWay", "complete_decisions"]


class DecisionsUnderWay:
    """Marks in the ledger: begun before a review is kept, ended after its labels are written.

    What is still marked when a project is opened was cut off by a crash.

    Parameters
    ----------
    database : Database
        The ledger's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, review: Review) -> None:
        """Note that the labels of `review` are to be written; survives a power cut.

        Raises
        ------
        DiskError
            If the disk is full or read-only.
        """
        statement = "INSERT OR REPLACE INTO decisions_under_way VALUES (?, ?)"
        with self._database.transaction() as db:
            db.execute(statement, (review.id, review.image))

    def end(self, review_id: str) -> None:
        """Note that they are written, or never will be."""
        with self._database.transaction(durable=False) as db:
            db.execute("DELETE FROM decisions_under_way WHERE review = ?", (review_id,))

    def of(self, image: str) -> list[str]:
        """Return the ids of the marked reviews of an image, oldest first."""
        statement = "SELECT review FROM decisions_under_way WHERE image = ? ORDER BY review"
        with self._database.reading() as db:
            return [name for (name,) in db.execute(statement, (image,)).fetchall()]


def complete_decisions(image: str, store: LabelStore, reviews: ReviewLog, ledger: Ledger) -> None:
    """Write the labels of reviews that a crash left without, from their masks.

    Reviews that were not kept, or that another one has replaced since, are passed over.
    Takes the lock of the label image only where something is to be done, and lets it go.

    Parameters
    ----------
    image : str
        Id of the image.
    store : LabelStore
        Its label image, which nobody in this process writes yet.
    reviews : ReviewLog
        What was kept.
    ledger : Ledger
        Has the marks, and the queue, which hears of the decision too.

    Raises
    ------
    LockedError
        If another process writes this label image: it may be about to write them itself.
    ProjectError, DiskError
        If a mask is damaged, or the disk is full or read-only.
    """
    if not ledger.decisions.of(image):
        return
    store.lock()
    try:
        in_force = {review.id: review for review in reviews.current().values()}
        for name in ledger.decisions.of(image):
            review = in_force.get(name)
            if review is not None and review.mask is not None:
                _write(review, store, reviews)
                ledger.mark(review.tile.key, review.verdict)
            ledger.decisions.end(name)
    finally:
        store.close()


def _write(review: Review, store: LabelStore, reviews: ReviewLog) -> None:
    values = reviews.values(review)
    store.write(review.tile, values, author=review.author, objects=review.objects)
