"""What napari draws at the mouse while a person paints, and after the layers have gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.ui.conftest import Hands


def _drawn(hands: Hands) -> set[str]:
    """Return the kinds of nodes that the canvas draws."""

    def below(node: Any) -> set[str]:
        if not node.visible:
            return set()
        return {type(node).__name__}.union(*(below(child) for child in node.children))

    return below(hands.viewer.window._qt_viewer.canvas._scene_canvas.scene)


def test_only_the_circle_is_drawn_at_the_brush_and_nothing_once_the_project_is_closed(
    open_workbench: Callable[[Path], Hands], worked_project: Path
) -> None:
    hands = open_workbench(worked_project)
    hands.key("B")
    hands.stroke((10, 10), (20, 20))
    mark = hands.viewer.canvas.overlays._brush_circle
    assert mark.visible
    assert "Compound" in _drawn(hands)
    assert "Rectangle" not in _drawn(hands), "a box would cover the pixels under the brush"
    hands.session.close_project()
    hands.wait(lambda: not hands.session.background.busy)
    hands.qtbot.wait(100)
    assert not mark.visible
    drawn = _drawn(hands)
    assert not drawn & {"Rectangle", "Compound", "Ellipse"}, drawn
