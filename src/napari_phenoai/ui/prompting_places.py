"""Where prompts are asked: the tile on the desk, or a window where one paints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_phenoai.core.prompts import Prompts, window_round

if TYPE_CHECKING:
    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.ui.session import Session

__all__ = ["is_here", "place_of", "place_seen"]


def place_of(session: Session, prompts: Prompts) -> Tile | None:
    """Return the window in which prompts are asked; None when one of them lies outside."""
    painting, desk = session.painting, session.desk
    y0, x0, y1, x1 = prompts.bounds
    if painting is not None and painting.image is not None:
        rows, columns = painting.plane
        if y0 < 0 or x0 < 0 or y1 > rows - 1 or x1 > columns - 1:
            return None
        return window_round(painting.image, prompts, painting.plane, z=painting.z)
    if desk is None:
        return None
    tile = desk.tile
    inside = tile.y <= y0 and tile.x <= x0 and y1 <= tile.y1 - 1 and x1 <= tile.x1 - 1
    return tile if inside else None


def place_seen(session: Session, eye: tuple[float, float] | None) -> Tile | None:
    """Return the current tile, or while one paints anywhere the window round `eye`.

    Parameters
    ----------
    session : Session
        What is open.
    eye : (y, x), optional
        The pixel of the plane in the middle of the view.
    """
    if not session.paints_anywhere:
        return session.current.where if session.current is not None else None
    return None if eye is None else place_of(session, Prompts().clicked(*eye))


def is_here(session: Session, place: Tile) -> bool:
    """Tell whether a window belongs to what is worked on now."""
    painting, current = session.painting, session.current
    if painting is not None and painting.image is not None:
        return (place.image, place.z) == (painting.image, painting.z)
    return current is not None and place == current.where
