"""Ids of objects that are given once, and what an edit says of them in the journal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from napari_phenoai.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_phenoai.io.database import Database

__all__ = ["MOST_IDS", "ObjectIds", "packed_objects", "unpacked_objects"]

MOST_IDS = (1 << 32) - 1
"""The largest id that a label image can hold."""


class ObjectIds:
    """Gives each new object an id that no other of the image has, had or will have.

    Proposals and drafts get theirs before anything is written, so two tiles that are
    worked on at the same time, or by two processes, never use the same one.

    Parameters
    ----------
    database : Database
        The ledger's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def reserve(self, image: str, count: int, least: int) -> int:
        """Give `count` ids to the caller; when this returns, nobody else gets them.

        Parameters
        ----------
        image : str
            Id of the image.
        count : int
            How many; none are given for 0.
        least : int
            No lower one is given: the next after those in the table of objects.

        Returns
        -------
        int
            The first of them; the others follow it without gaps.

        Raises
        ------
        LabelError
            If the ids are used up.
        DiskError
            If the disk is full or read-only.
        """
        statement = """
            INSERT INTO object_ids (image, next) VALUES (?, ?)
            ON CONFLICT (image) DO UPDATE SET next = max(next, excluded.next)
            """
        with self._database.transaction() as db:
            db.execute(statement, (image, least))
            (first,) = db.execute(
                "SELECT next FROM object_ids WHERE image = ?", (image,)
            ).fetchone()
            if first + count - 1 > MOST_IDS:
                what = f"The ids of objects of {image} are used up."
                raise LabelError(what, hint="Go on with a new project, or number them anew.")
            db.execute("UPDATE object_ids SET next = next + ? WHERE image = ?", (count, image))
        return int(first)


def packed_objects(changes: Mapping[int, tuple[int, int]]) -> str | None:
    """Return changes of the classes of objects as JSON; None when there are none."""
    return (
        json.dumps({str(number): list(change) for number, change in changes.items()})
        if changes
        else None
    )


def unpacked_objects(text: str | None) -> dict[int, tuple[int, int]]:
    """Return what `packed_objects` made JSON of."""
    changes = json.loads(text) if text else {}
    return {int(number): (int(old), int(new)) for number, (old, new) in changes.items()}
