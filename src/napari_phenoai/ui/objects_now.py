"""The objects of what can be painted now: of the tile on the desk, or of the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from napari_phenoai.ui.objects_held import HeldObjects
    from napari_phenoai.ui.session import Session

__all__ = ["held_now", "locked_objects", "objects_now"]


def held_now(session: Session) -> HeldObjects | None:
    """Return what is known of the objects that are painted; None in a project of classes."""
    painting = session.painting
    if painting is not None and session.paints_anywhere:
        return painting.window.objects if painting.window is not None else None
    return session.desk.objects if session.desk is not None else None


def objects_now(session: Session) -> Mapping[int, int] | None:
    """Return the class of each object that may be seen in the layer to paint in."""
    held = held_now(session)
    return None if held is None else dict(held.classes)


def locked_objects(session: Session, locked: Collection[int]) -> frozenset[int]:
    """Return the objects whose class is one of the `locked` label values."""
    held = held_now(session)
    if held is None or not locked:
        return frozenset()
    return frozenset(number for number, its in held.classes.items() if its in locked)
