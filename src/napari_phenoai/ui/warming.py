"""Warming up: what the first image needs is loaded while nobody waits for it."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_phenoai.ui.background import Background

__all__ = ["warm_up"]

_LANE = "pictures"
_MODULES = ("dask.array", "zarr", "pandas", "tifffile")


def warm_up(background: Background) -> None:
    """Load in the background what napari and the readers load at their first use.

    Parameters
    ----------
    background : Background
        Lane ``pictures`` is used, so that pictures come after it.
    """
    for module in _MODULES:
        background.do(_LANE, partial(import_module, module))
    background.do(_LANE, _units, then=_use_units)


def _units() -> Any:
    """Return a registry of units of measurement; None where there is one, or none is needed.

    napari has one made for its first layer, which takes longer than all else about that.
    Nobody else sees this one before it is complete.
    """
    try:
        pint = _pint()
    except ImportError:
        return None
    return pint.UnitRegistry(on_redefinition="raise") if _lacking() else None


def _use_units(registry: Any) -> None:
    """Let napari use `registry`, unless it has had one made meanwhile; on the main thread."""
    if registry is not None and _lacking():
        _pint().set_application_registry(registry)


def _lacking() -> bool:
    """Whether nobody has used a unit yet: then none belongs to another registry."""
    pint = _pint()
    return isinstance(pint.application_registry.get(), pint.registry.LazyRegistry)


def _pint() -> Any:
    return import_module("pint")
