"""Titles of docks that share one place are written out, also on a small screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QFont, QFontMetrics
from qtpy.QtWidgets import QTabBar

from napari_phenoai.ui.docks import DOCKS, show_dock

if TYPE_CHECKING:
    import napari
    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QMainWindow

    from napari_phenoai.ui.session import Session

BESIDE = {name for name in DOCKS if name != "Queue"}


def _bar(window: QMainWindow) -> QTabBar | None:
    """Return the tabs of our docks, once all are there."""
    only = Qt.FindChildOption.FindDirectChildrenOnly
    for bar in window.findChildren(QTabBar, options=only):
        if {bar.tabText(at) for at in range(bar.count())} >= BESIDE and bar.isVisible():
            return bar
    return None


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_six_titles_are_written_out(
    session: tuple[napari.Viewer, Session], qtbot: QtBot, theme: str
) -> None:
    viewer, _ = session
    window = viewer.window._qt_window
    window.show()
    viewer.window.resize(1366, 768)
    for name in DOCKS:
        show_dock(viewer, name)
    viewer.theme = theme

    def written_out() -> bool:
        bar = _bar(window)
        return bar is not None and bar.elideMode() == Qt.TextElideMode.ElideNone

    qtbot.waitUntil(written_out, timeout=60_000)
    bar = _bar(window)
    assert bar is not None
    letters = QFont(bar.font())
    letters.setPixelSize(11)
    wide = [QFontMetrics(letters).horizontalAdvance(bar.tabText(at)) for at in range(bar.count())]

    def have_room() -> bool:
        return all(bar.tabRect(at).width() >= words for at, words in enumerate(wide))

    qtbot.waitUntil(have_room, timeout=60_000)
    assert bar.usesScrollButtons(), "with larger letters, arrows move the tabs"
