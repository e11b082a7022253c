"""Where a person looks: the plane on the screen, and the part of it that is seen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_phenoai.core.geometry import Tile
from napari_phenoai.ui.camera import view_of

if TYPE_CHECKING:
    import napari.viewer

    from napari_phenoai.core.records import ImageRecord
    from napari_phenoai.ui.session import Session

__all__ = ["image_seen", "part_seen"]


def image_seen(session: Session) -> tuple[ImageRecord, int] | None:
    """Return the image on the screen and its plane; None while there is none."""
    painting, item = session.painting, session.current
    images = session.standing.images
    if painting is not None and painting.image is not None:
        image, z = painting.image, painting.z
    elif item is not None:
        image, z = item.where.image, item.where.z
    else:
        image, z = next(iter(images), ""), 0
    record = images.get(image)
    return None if record is None else (record, z)


def part_seen(viewer: napari.viewer.Viewer, session: Session) -> Tile | None:
    """Return the part of the image that is on the screen, as a tile; None beside the image."""
    found = image_seen(session)
    if found is None:
        return None
    record, z = found
    view = view_of(viewer, record.pixel_um or 1.0)
    rows, columns = record.plane
    y0, y1 = _within(view.y, view.height, rows)
    x0, x1 = _within(view.x, view.width, columns)
    if y0 >= y1 or x0 >= x1:
        return None
    return Tile(record.id, y0, x0, y1 - y0, x1 - x0, z)


def _within(middle: float, extent: float, size: int) -> tuple[int, int]:
    low = max(0, math.floor(middle - extent / 2))
    return low, min(size, math.ceil(middle + extent / 2))
