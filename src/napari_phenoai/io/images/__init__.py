"""Images of any kind: open them lazily, list them, describe them, convert the big ones.

Every image is seen with the axes ``(z, c, y, x)``, whatever its file calls them.
"""

from __future__ import annotations

from napari_phenoai.io.images.convert import convert_image
from napari_phenoai.io.images.folder import image_uris
from napari_phenoai.io.images.info import ImageInfo, describe_image, needs_conversion
from napari_phenoai.io.images.lazy import LazyImage
from napari_phenoai.io.images.opening import open_image

__all__ = [
    "ImageInfo",
    "LazyImage",
    "convert_image",
    "describe_image",
    "image_uris",
    "needs_conversion",
    "open_image",
]
