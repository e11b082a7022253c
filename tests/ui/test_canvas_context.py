"""Layers that are removed leave the graphics card in order."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest
from vispy.gloo.glir import GlirParser  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.ui.conftest import Hands


@pytest.mark.parametrize("by", ["project", "person"])
def test_programs_and_textures_of_removed_layers_are_deleted_where_they_were_made(
    open_workbench: Callable[[Path], Hands],
    worked_project: Path,
    monkeypatch: pytest.MonkeyPatch,
    by: str,
) -> None:
    """In another context, the next picture that is drawn alone may end the program."""
    from qtpy.QtGui import QOpenGLContext

    hands = open_workbench(worked_project)
    hands.qtbot.wait(100)
    canvas: Any = hands.canvas
    deleted: list[bool] = []
    usual = GlirParser.parse

    def parse(parser: GlirParser, commands: Any) -> None:
        ours = QOpenGLContext.currentContext() is canvas.context()
        deleted.extend(ours for command in commands if command[0] == "DELETE")
        usual(parser, commands)

    monkeypatch.setattr(GlirParser, "parse", parse)
    gc.unfreeze()  # what was set aside is not deleted at once
    if by == "project":
        hands.session.close_project()
    else:
        hands.viewer.layers.remove("PhenoAI tile")
    hands.wait(lambda: bool(deleted))
    hands.qtbot.wait(100)
    assert all(deleted)
