"""Keeps Python's garbage collector and its threads from making people wait.

A full collection looks at every object in memory: with napari and torch loaded that
takes a quarter of a second, during which no other Python runs. What was there when
the work began is hardly ever garbage, so it is set aside (`gc.freeze`), and full
collections look at the rest only, in less than a millisecond.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_phenoai.loop.models import load_predictor
from napari_phenoai.ml.loading import preload_torch
from napari_phenoai.ui.preferences import Place

if TYPE_CHECKING:
    from napari_phenoai.core.ports import Predictor
    from napari_phenoai.io.project import Project

__all__ = [
    "disposable",
    "hurry_threads",
    "load_quietly",
    "quietly",
    "set_memory_aside",
    "take_memory_back",
]

_USUAL_SECONDS = sys.getswitchinterval()
_SHORT_SECONDS = 0.0005


def set_memory_aside() -> None:
    """Let garbage collections leave out all objects that there are now."""
    gc.freeze()


def take_memory_back() -> None:
    """Let garbage collections look at all objects again, as when a window has closed."""
    gc.unfreeze()


def hurry_threads(*, hurry: bool) -> None:
    """Let threads come to their turn sooner, or as usual again.

    While the window is drawn it waits for its turn many times, and a thread that writes
    strokes or decisions after each of its ten or so calls to the disk: up to 5 ms each
    time by default.
    """
    sys.setswitchinterval(_SHORT_SECONDS if hurry else _USUAL_SECONDS)


@contextmanager
def quietly() -> Iterator[None]:
    """Import or load much in a thread without collections that stop the window.

    Collections stay off until the end; what was loaded is then set aside.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        set_memory_aside()
        if enabled:
            gc.enable()


@contextmanager
def disposable() -> Iterator[None]:
    """Make many objects in a thread that hold each other and are of no use afterwards.

    A function must be called within that returns none of them. They are gone at the end;
    otherwise they would get old, and wait for a full collection.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.collect(0)
        if enabled:
            gc.enable()


def load_quietly(project: Project, model: str, place: Place | None = None) -> Predictor:
    """Return a model of `project`, loaded so that the window goes on; for a thread.

    Raises
    ------
    ModelError
        If there is no such model, or it is damaged.
    MissingExtraError
        If it needs a package that is not installed.
    """
    with quietly():
        if project.models.card(model).family == "unet":
            preload_torch()
        place = place or Place()
        return load_predictor(project, model, device=place.device, engine=place.engine)
