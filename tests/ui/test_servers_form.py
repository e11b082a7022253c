"""Any module's form: the right input for each value, with limits, help and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QSpinBox,
)

from napari_phenoai.remote.spec import form_of
from napari_phenoai.ui.controls.form_view import FormView

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

PARAMETERS: list[dict[str, Any]] = [
    {"name": "data", "in": "formData", "type": "file", "required": True},
    {"name": "threshold", "in": "query", "type": "number", "default": 0.25,
     "minimum": 0, "maximum": 1, "description": "How <b>sure</b> it has to be."},
    {"name": "tiles", "in": "query", "type": "integer", "default": 4, "minimum": 1, "maximum": 9},
    {"name": "seed", "in": "query", "type": "integer"},
    {"name": "rate", "in": "query", "type": "number", "default": 1e-7},
    {"name": "mode", "in": "query", "type": "string", "enum": ["fast", "exact"],
     "default": "fast"},
    {"name": "style", "in": "query", "type": "string", "enum": ["a", "b"], "required": True},
    {"name": "smooth", "in": "query", "type": "boolean", "default": True},
    {"name": "mirror", "in": "query", "type": "boolean"},
    {"name": "sizes", "in": "query", "type": "array", "items": {"type": "integer"},
     "default": [1, 2]},
    {"name": "run", "in": "query", "type": "string", "required": True},
    {"name": "key", "in": "query", "type": "string", "format": "password"},
    {"name": "options_of_the_optimizer", "in": "query", "type": "string",
     "default": '{"momentum": 0.9}'},
    {"name": "accept", "in": "header", "type": "string", "enum": ["image/png"]},
]  # fmt: skip


@pytest.fixture
def view(qtbot: QtBot) -> FormView:
    found = FormView(form_of(PARAMETERS))
    qtbot.addWidget(found)
    found.resize(320, 600)
    found.show()
    return found


def _native(view: FormView, name: str) -> Any:
    return view.inputs[name].widget


def test_each_value_has_the_input_that_suits_it(view: FormView) -> None:
    assert list(view.inputs) == [
        "threshold", "tiles", "seed", "rate", "mode", "style", "smooth", "mirror", "sizes", "run",
        "key", "options_of_the_optimizer",
    ]  # fmt: skip
    threshold = _native(view, "threshold")
    assert isinstance(threshold, QDoubleSpinBox)
    assert (threshold.minimum(), threshold.maximum(), threshold.value()) == (0, 1, 0.25)
    tiles = _native(view, "tiles")
    assert isinstance(tiles, QSpinBox) or hasattr(tiles, "setMaximum")
    assert (tiles.minimum(), tiles.maximum(), tiles.value()) == (1, 9, 4)
    for name in ("seed", "rate", "sizes", "run", "options_of_the_optimizer"):
        assert isinstance(_native(view, name), QLineEdit), name
    assert _native(view, "rate").text() == "1e-07"
    assert isinstance(_native(view, "mode"), QComboBox)
    assert isinstance(_native(view, "smooth"), QCheckBox)
    assert _native(view, "smooth").isChecked()
    assert isinstance(_native(view, "mirror"), QComboBox)
    assert _native(view, "key").echoMode() == QLineEdit.EchoMode.Password


def test_what_nobody_touches_is_left_to_the_server(view: FormView) -> None:
    assert view.values() == {}
    assert view.read() is None
    assert view.problems["run"].isVisibleTo(view)
    assert view.problems["style"].isVisibleTo(view)
    assert "filled in" in view.problems["run"].text()
    assert not view.problems["seed"].isVisibleTo(view)


def test_values_are_read_in_their_types(view: FormView) -> None:
    view.set_values({"run": "r1", "style": "b"})
    _native(view, "threshold").setValue(0.5)
    _native(view, "seed").setText("7")
    _native(view, "sizes").setText("3, 4")
    _native(view, "smooth").setChecked(False)
    view.inputs["mirror"].value = True
    _native(view, "key").setText("s3cret")
    expected = {
        "run": "r1", "style": "b", "threshold": 0.5, "seed": 7, "sizes": (3, 4),
        "smooth": False, "mirror": True, "key": "s3cret",
    }  # fmt: skip
    assert view.read() == expected
    assert "key" not in view.kept_values()
    assert "s3cret" not in str(view.kept_values())


def test_what_is_wrong_is_said_below_its_input_until_it_is_changed(view: FormView) -> None:
    view.set_values({"run": "r1", "style": "a"})
    _native(view, "seed").setText("seven")
    assert view.read() is None
    assert "whole number" in view.problems["seed"].text()
    _native(view, "seed").setText("7")
    assert not view.problems["seed"].isVisibleTo(view)
    view.show_problems({"threshold": ("Too <b>low</b>.",), "other": ("Unknown field.",)})
    assert view.problems["threshold"].text() == "▲ Too <b>low</b>."
    assert view.problems["threshold"].textFormat() == Qt.TextFormat.PlainText
    assert view.rest.text() == "▲ other: Unknown field."
    view.show_problems({})
    assert not view.rest.isVisibleTo(view)


def test_what_a_server_wrote_is_never_drawn_as_rich_text(qtbot: QtBot) -> None:
    help_ = "Use <a href='http://evil.org'>this</a> & <img src=x>"
    form = form_of([{"name": "<b>x</b>", "in": "query", "type": "string", "description": help_}])
    view = FormView(form)
    qtbot.addWidget(view)
    view.show()
    for label in view.findChildren(QLabel):
        assert label.textFormat() == Qt.TextFormat.PlainText
    tip = next(iter(view.inputs.values())).widget.toolTip()
    assert "<a" not in tip
    assert "<img" not in tip


def test_kept_values_come_back_and_others_show_the_servers_own(view: FormView) -> None:
    view.set_values({"threshold": 0.75, "mode": "exact", "sizes": [5], "gone": 1, "tiles": 99})
    assert view.values() == {"threshold": 0.75, "mode": "exact", "sizes": "5"}
    view.set_values({})
    assert view.values() == {}
    assert _native(view, "sizes").text() == "1, 2"


def test_the_wheel_changes_no_value_on_the_way_through_a_form(view: FormView) -> None:
    box = _native(view, "tiles")
    view.setFocus()
    middle = QPointF(box.width() / 2, box.height() / 2)
    event = QWheelEvent(
        middle, box.mapToGlobal(middle), QPoint(0, 120), QPoint(0, 120),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(box, event)
    assert box.value() == 4


def test_lists_in_lists_and_of_choices_have_a_line_that_says_what_fits(qtbot: QtBot) -> None:
    inner = {"type": "array", "items": {"type": "integer"}}
    listed: list[dict[str, Any]] = [
        {"name": "anchors", "in": "query", "type": "array", "items": inner, "default": [[8], [9]]},
        {"name": "odd", "in": "query", "type": "array", "default": [{"a": 1}]},
        {"name": "organs", "in": "query", "type": "array", "default": ["leaf"],
         "items": {"type": "string", "enum": ["leaf", "stem"]}},
    ]  # fmt: skip
    view = FormView(form_of(listed))
    qtbot.addWidget(view)
    assert view.inputs["anchors"].value == "[[8], [9]]"
    assert view.values() == {}
    assert "leaf, stem" in view.inputs["organs"].widget.toolTip()
    view.inputs["organs"].value = "leaf, petal"
    assert view.read() is None
    assert "petal" in view.problems["organs"].text()
    view.inputs["organs"].value = "stem"
    assert view.read() == {"organs": ("stem",)}


def test_required_values_are_marked_and_nothing_is_wider_than_the_dock(view: FormView) -> None:
    words = [label.text() for label in view.findChildren(QLabel)]
    assert "run *" in words
    assert "seed" in words
    assert view.minimumSizeHint().width() <= 300
