"""Turn a few corrected tiles into a model that segments all your images."""

from importlib.metadata import version

__version__ = version("napari-phenoai")
__all__ = ["__version__"]
