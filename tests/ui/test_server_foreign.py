"""Modules that nobody has described, in the window: their forms, their values, their answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel

from napari_phenoai.core.endpoints import Endpoint
from napari_phenoai.io.endpoints import EndpointBook
from napari_phenoai.testing.project import tiny_project
from napari_phenoai.ui.docks import show_dock
from napari_phenoai.ui.servers import ServersDock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qtpy.QtWidgets import QAbstractButton
    from tests.servers.running_servers import KeptSecrets
    from tests.ui.conftest import Hands

OTHERS = Path(
    os.environ.get("PHENOAI_REMOTE", Path(__file__).resolve().parents[3] / "shared" / "remote")
)
OWN = Path(__file__).resolve().parents[1] / "servers"
LONG = 120
_mouse: Any = QTest


@pytest.fixture
def opened(
    own_servers: KeptSecrets,
    open_workbench: Callable[[Path], Hands],
    starting: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[str, str, Path], tuple[Hands, ServersDock]]]:
    """Start a module and show the page from which it predicts; there is no profile of it."""
    monkeypatch.setattr("napari_phenoai.remote.profiles.profiles_folder", lambda: tmp_path)
    ending: list[Callable[[], object]] = []

    def start(name: str, module: str, source: Path) -> tuple[Hands, ServersDock]:
        if not source.is_dir():
            pytest.skip(f"{source} is not here; set PHENOAI_REMOTE to a folder with it")
        folder = tmp_path / "server"
        folder.mkdir()
        places = f"{source}{os.pathsep}{folder / 'names'}"
        line = ("--model-name", name, "--workers", "1")
        server = starting(folder, *line, models={name: module}, variables={"PYTHONPATH": places})
        ending.append(server.end)
        new = Endpoint(name="lab", url=server.url)
        EndpointBook().change(lambda listed: listed.with_endpoint(new))
        with tiny_project(tmp_path / "field.phenoai", 2):
            pass
        hands = open_workbench(tmp_path / "field.phenoai")
        dock = show_dock(hands.viewer, "Servers")
        assert isinstance(dock, ServersDock)
        ending.append(dock.desk.close)
        dock.tabs.setCurrentIndex(1)
        hands.wait(lambda: "lab" in dock.desk.states, LONG)
        hands.wait(lambda: dock.desk.states["lab"].health == "well", LONG)
        hands.wait(dock.predict.predict_button.isEnabled, LONG)
        click(dock.predict.fold.button)
        return hands, dock

    yield start
    for end in reversed(ending):
        end()


def click(button: QAbstractButton) -> None:
    assert button.isEnabled()
    _mouse.mouseClick(button, Qt.MouseButton.LeftButton)


def test_the_demonstration_module_proposes_a_tile(
    opened: Callable[[str, str, Path], tuple[Hands, ServersDock]],
) -> None:
    source = OTHERS / "demo_module" / "src"
    hands, dock = opened("phenoai-demo", "phenoai_demo.api", source)
    page = dock.predict
    view = page.settings.form_view
    assert view is not None
    assert {"threshold", "min_area", "index", "invert"} <= set(view.inputs)
    view.inputs["min_area"].value = 3
    click(page.predict_button)
    mapping = page.answer.mapping
    hands.wait(lambda: mapping.isVisibleTo(page), LONG)
    hands.wait(lambda: not page.work.running, LONG)
    click(mapping.confirm_button)
    session = hands.session
    hands.wait(lambda: session.desk is not None and session.desk.proposal.model_id, LONG)
    desk, project = session.desk, session.project
    assert desk is not None
    assert project is not None
    red, green, blue = project.source(desk.tile.image).read(desk.tile).astype(int)
    assert set(np.unique(desk.labels)) == {1, 2}
    greenness = 2 * green - red - blue
    assert greenness[desk.labels == 2].mean() > greenness[desk.labels == 1].mean() + 20


def test_a_module_in_the_style_of_angers_gets_what_is_typed_in_and_its_echo_is_no_mask(
    opened: Callable[[str, str, Path], tuple[Hands, ServersDock]], tmp_path: Path
) -> None:
    hands, dock = opened("angerslike", "angerslike", OTHERS / "test_servers" / "angers_style")
    page = dock.predict
    settings = page.settings
    view = settings.form_view
    assert view is not None
    assert {"jsonstr", "lenlist", "multi", "boolenum", "rx"} <= set(view.inputs)
    assert not settings.picture_box.isVisibleTo(settings), "of its three files one is the picture"
    view.inputs["rx"].value = "bbb"
    click(page.predict_button)
    hands.wait(lambda: view.problems["rx"].isVisibleTo(page), LONG)
    hands.wait(page.predict_button.isEnabled, LONG)
    view.inputs["rx"].value = "aaaa"
    desk = hands.session.desk
    click(page.predict_button)
    hands.wait(lambda: not page.work.running and not hands.session.jobs, LONG)
    hands.wait(lambda: page.answer.message.text().startswith("▲ lab"), LONG)
    assert "mask" in page.answer.message.text()
    assert hands.session.desk is desk, "no layer was touched"
    said = (tmp_path / "server" / "server.log").read_text(errors="replace")
    assert "'rx': 'aaaa'" in said
    assert "'rx': 'bbb'" not in said
    assert "original_filename='tile.png'" in said


def test_a_module_in_a_style_of_its_own_predicts_by_names_and_trains_by_its_form(
    opened: Callable[[str, str, Path], tuple[Hands, ServersDock]],
) -> None:
    hands, dock = opened("herbarium", "phenoai_test_herbarium", OWN)
    page = dock.predict
    settings = page.settings
    view = settings.form_view
    assert view is not None
    assert not settings.picture_box.isVisibleTo(settings), "one file is required: the picture"
    click(page.predict_button)
    assert view.problems["backend"].isVisibleTo(page)
    view.inputs["backend"].value = "fast"
    view.inputs["shrink"].value = 1
    view.inputs["organs"].value = "stem, leaf"
    click(page.predict_button)
    mapping = page.answer.mapping
    hands.wait(lambda: mapping.isVisibleTo(page), LONG)
    hands.wait(lambda: not page.work.running, LONG)
    words = {label.text() for label in mapping.findChildren(QLabel)}
    assert {"1  leaf", "2  stem"} <= words
    for value, number in ((0, 1), (1, 2), (2, 1)):
        mapping.boxes[value].setCurrentIndex(mapping.boxes[value].findData(number))
    click(mapping.confirm_button)
    session = hands.session
    hands.wait(lambda: session.desk is not None and session.desk.proposal.model_id, LONG)
    desk, project = session.desk, session.project
    assert desk is not None
    assert project is not None
    red = project.source(desk.tile.image).read(desk.tile)[0]
    np.testing.assert_array_equal(desk.labels == 2, red > 127)
    hands.wait(lambda: page.answer.meaning.isVisibleTo(page), LONG)
    assert "leaf = plant, stem = soil" in page.answer.meaning.text()
    # What was said can be changed, and names stay names.
    click(page.answer.change_button)
    words = {label.text().partition("  ")[2] for label in mapping.findChildren(QLabel)}
    assert {"leaf", "stem"} <= words
    assert mapping.mapping.names == {"leaf": 2, "stem": 1}
    # Its training wants three values that only its author knows.
    dock.tabs.setCurrentIndex(2)
    train = dock.train
    hands.wait(train.train_button.isEnabled, LONG)
    form = train.settings.form_view
    assert form is not None
    click(train.train_button)
    assert [name for name, label in form.problems.items() if label.isVisibleTo(train)] == [
        "sheets", "passes", "organs"
    ]  # fmt: skip
    for name, wish in (("sheets", "/data"), ("passes", 3), ("organs", "leaf")):
        form.inputs[name].value = wish
    click(train.train_button)
    hands.wait(lambda: "Done there" in train.message.text(), LONG)
    assert '"passes": 3' in train.message.text()
