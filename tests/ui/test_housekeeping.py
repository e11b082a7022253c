"""Garbage is collected in small parts, at calm moments, and not while somebody works."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

import pytest

from napari_phenoai.ui.housekeeping import Housekeeping
from napari_phenoai.ui.quiet import disposable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot


class Knot:
    """Holds itself: only a collection frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Leave the collector as it was."""
    usual = gc.get_threshold()
    yield
    gc.enable()
    gc.unfreeze()
    assert gc.get_threshold() == usual


def _aged() -> weakref.ref[Knot]:
    """Return garbage that only a full collection finds."""
    knot = Knot()
    known = weakref.ref(knot)
    for _ in range(5):
        gc.collect(1)
    return known


def test_full_collections_come_at_calm_moments(qtbot: QtBot) -> None:
    gc.collect()
    calm = [False]
    keeping = Housekeeping(lambda: calm[0])
    garbage = _aged()
    assert not keeping.tidy(), "something is under way"
    assert garbage() is not None
    calm[0] = True
    keeping.begin()
    qtbot.waitUntil(lambda: garbage() is None, timeout=60_000)
    keeping.end()
    assert not keeping.tidy(), "nothing new"


def test_python_begins_none_by_itself_while_a_project_is_open() -> None:
    usual = gc.get_threshold()
    first, second = Housekeeping(bool), Housekeeping(bool)
    first.begin()
    second.begin()
    first.end()
    assert gc.get_threshold()[2] > 100 * usual[2]
    assert gc.get_threshold()[:2] == usual[:2]
    second.end()
    second.end()
    assert gc.get_threshold() == usual


def test_much_garbage_is_collected_in_any_case() -> None:
    gc.collect()
    keeping = Housekeeping(bool)
    garbage = _aged()
    for _ in range(120):
        gc.collect(1)
    frozen = gc.get_freeze_count()
    assert keeping.tidy()
    assert garbage() is None
    assert gc.get_freeze_count() == frozen, "what lives for a moment is not set aside"


def test_what_is_made_to_be_thrown_away_never_gets_old() -> None:
    def work() -> weakref.ref[Knot]:
        knots = [Knot() for _ in range(3000)]
        return weakref.ref(knots[0])

    with disposable():
        garbage = work()
        assert garbage() is not None
    assert garbage() is None
    assert gc.isenabled()
