"""Results out of a project: masks as files that other programs read, traits as a table."""

from napari_phenoai.io.export.masks import FORMATS, export_masks
from napari_phenoai.io.export.objects import OBJECT_COLUMNS, export_objects
from napari_phenoai.io.export.planes import SOURCES
from napari_phenoai.io.export.table import COLUMNS, export_traits

__all__ = [
    "COLUMNS",
    "FORMATS",
    "OBJECT_COLUMNS",
    "SOURCES",
    "export_masks",
    "export_objects",
    "export_traits",
]
