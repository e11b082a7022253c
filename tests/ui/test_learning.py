"""The Learning dock: what a person sees and can do there."""

from __future__ import annotations

import csv
import io
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QAbstractButton

from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.core.progress import Progress, Work, finish
from napari_phenoai.core.records import RoundRecord
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.io.project import Project
from napari_phenoai.jobs.job import Job
from napari_phenoai.ui.learning import LearningDock
from napari_phenoai.ui.standing import Standing

if TYPE_CHECKING:
    from pathlib import Path

    import napari
    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QWidget

    from napari_phenoai.ui.learner import Learner
    from napari_phenoai.ui.session import Session

Opened = tuple["napari.Viewer", "Session"]


def _dock(opened: Opened, qtbot: QtBot, project: Path | None = None) -> LearningDock:
    viewer, session = opened
    viewer.window._qt_window.resize(1366, 768)
    viewer.window._qt_window.show()
    _, dock = viewer.window.add_plugin_dock_widget("napari-phenoai", "Learning")
    assert isinstance(dock, LearningDock)
    if project is not None:
        session.open_project(project)
        _learner(session).set_auto(False)
        qtbot.waitUntil(lambda: dock.models.table.rowCount() > 0, timeout=60_000)
        qtbot.waitUntil(lambda: bool(dock.curves.quality.spots), timeout=60_000)
    return dock


def _project(session: Session) -> Project:
    assert session.project is not None
    return session.project


def _learner(session: Session) -> Learner:
    assert session.learner is not None
    return session.learner


def _click(qtbot: QtBot, widget: QWidget, place: QPoint | None = None) -> None:
    place = widget.rect().center() if place is None else place
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton, pos=place)  # type: ignore[no-untyped-call]


def test_with_no_project_it_says_what_to_do(session: Opened, qtbot: QtBot) -> None:
    dock = _dock(session, qtbot)
    assert "Open a project" in dock.truth.text()
    assert not dock.train_box.isEnabled()


def test_it_tells_the_truth_about_the_model(
    session: Opened, qtbot: QtBot, worked_project: Path
) -> None:
    dock = _dock(session, qtbot, worked_project)
    qtbot.waitUntil(lambda: "Dice 0." in dock.truth.text(), timeout=60_000)
    evaluation = session[1].standing.evaluation
    assert evaluation is not None
    assert f"{evaluation.dice:.2f}" in dock.truth.text()
    assert f"{evaluation.tiles}\N{NO-BREAK SPACE}tiles" in dock.truth.text()
    row = [dock.models.table.index(0, column).data() for column in range(5)]
    assert row[0] == "★"
    assert row[1].startswith(f"{evaluation.dice:.2f}")
    assert row[3] == "forest"


def test_opened_later_it_tells_the_truth_at_once(
    session: Opened, qtbot: QtBot, worked_project: Path
) -> None:
    opened = session[1]
    opened.open_project(worked_project)
    _learner(opened).set_auto(False)
    qtbot.waitUntil(lambda: opened.standing.evaluation is not None, timeout=60_000)
    assert "Dice 0." in _dock(session, qtbot).truth.text()


def test_a_click_on_a_point_selects_its_model(
    session: Opened, qtbot: QtBot, worked_project: Path
) -> None:
    dock = _dock(session, qtbot, worked_project)
    assert dock.models.selected is None
    x, y, key, words = dock.curves.quality.spots[0]
    assert "held-out Dice" in words
    place = QPoint(round(x), round(y))
    _click(qtbot, dock.curves.quality, place)
    assert dock.models.selected == key.removeprefix("model:")


def test_a_click_on_a_corrected_tile_opens_it(
    session: Opened, qtbot: QtBot, worked_project: Path
) -> None:
    _, found = session
    dock = _dock(session, qtbot, worked_project)
    key = _project(found).reviews.all()[0].tile.key
    dock.curves.tile_pointed.emit(key)
    assert found.current is not None
    assert found.current.tile == key


def test_roll_back_and_promotion_take_one_click(
    session: Opened, qtbot: QtBot, worked_project: Path
) -> None:
    from napari_phenoai.loop.retrain import retrain

    with Project.open(worked_project) as before:
        finish(retrain(before, TrainSettings(family="forest", extra={"trees": 5}, seed=1)))
        served = before.rounds.served()
        (wanted,) = (card.id for card in before.models.cards() if card.id != served)
    dock = _dock(session, qtbot, worked_project)
    project = _project(session[1])
    qtbot.waitUntil(lambda: dock.models.table.rowCount() == 2, timeout=60_000)
    dock.models.select(wanted)
    _click(qtbot, dock.models.promote_button)
    qtbot.waitUntil(lambda: project.rounds.served() == wanted, timeout=60_000)
    qtbot.waitUntil(lambda: _serving(dock) == wanted, timeout=60_000)
    assert not dock.models.promote_button.isEnabled()
    _click(qtbot, dock.models.back_button)
    qtbot.waitUntil(lambda: project.rounds.served() != wanted, timeout=60_000)


def _stops(dock: LearningDock, job: Job[Any]) -> list[str]:
    """Return what all buttons say that end `job`; other work has buttons of its own."""
    others = [row.stop_button for row in dock.jobs.rows.values() if row.job is not job]
    buttons = [it for it in dock.findChildren(QAbstractButton) if it not in others]
    return [it.text() for it in buttons if it.isVisibleTo(dock) and "top" in it.text()]


def _serving(dock: LearningDock) -> str | None:
    table = dock.models.table
    rows = [row for row in range(table.rowCount()) if table.index(row, 0).data() == "★"]
    return table.cards[rows[0]].id if rows else None


def test_curves_are_saved_as_table_and_picture(
    session: Opened, qtbot: QtBot, worked_project: Path, tmp_path: Path
) -> None:
    dock = _dock(session, qtbot, worked_project)
    table, picture = tmp_path / "curves.csv", tmp_path / "curves.png"
    dock.save_table(table)
    dock.save_picture(picture)
    qtbot.waitUntil(lambda: table.exists() and picture.exists(), timeout=60_000)
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    heldout = [row for row in rows if row["curve"] == "held-out"]
    point = dock._data.heldout[0]
    assert float(heldout[0]["value"]) == pytest.approx(point.dice)
    assert {row["model"] for row in heldout} == {point.model}
    with Image.open(picture) as image:
        assert image.width >= 1000


def test_the_curve_grows_while_a_training_runs(
    session: Opened, qtbot: QtBot, worked_project: Path
) -> None:
    _, found = session
    dock = _dock(session, qtbot, worked_project)
    heard: list[int] = []

    def train() -> Work[RoundRecord]:
        for epoch in range(1, 6):
            while len(heard) < (1 if epoch < 3 else 2):
                time.sleep(0.01)
            yield Progress(epoch, 5, f"epoch {epoch}", {"epoch": epoch, "loss": 1 / epoch})
        return RoundRecord(id="r", kind="training")

    job = Job("Training", train())
    _learner(found).training = job
    job.ended.connect(lambda _: setattr(_learner(found), "training", None))
    found.run(job)
    heard.append(1)
    assert not dock.train_box.train_button.isEnabled()
    qtbot.waitUntil(lambda: _stops(dock, job) == ["Stop"], timeout=60_000)
    assert dock.curves.tabs.currentIndex() == 2
    qtbot.waitUntil(lambda: len(dock.curves.loss.spots) == 2, timeout=60_000)
    heard.append(2)
    qtbot.waitUntil(lambda: len(dock.curves.loss.spots) == 5, timeout=60_000)
    qtbot.waitUntil(dock.train_box.train_button.isEnabled, timeout=60_000)
    assert _stops(dock, job) == []
    assert dock.curves.loss.spots[4][3] == "epoch 5: loss 0.200"


@pytest.mark.parametrize("how", ["stopped", "failed"])
def test_a_training_that_ended_early_is_told_as_such(
    session: Opened,
    qtbot: QtBot,
    worked_project: Path,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    _, found = session
    dock = _dock(session, qtbot, worked_project)
    gate = threading.Event()

    def train() -> Work[RoundRecord]:
        while not gate.is_set():
            time.sleep(0.01)
            yield Progress(0, 5, "begins")
        raise ValueError

    words: list[str] = []
    monkeypatch.setattr(dock.curves.loss, "show_words", words.append)
    job = Job("Training", train())
    _learner(found).training = job
    learner = _learner(found)
    job.ended.connect(lambda _: setattr(learner, "training", None))
    found.run(job)
    qtbot.waitUntil(lambda: _stops(dock, job) == ["Stop"], timeout=60_000)
    assert "has begun" in words[-1]
    if how == "stopped":
        (row,) = [row for row in dock.jobs.rows.values() if row.job is job]
        _click(qtbot, row.stop_button)
    else:
        gate.set()
    qtbot.waitUntil(lambda: job.state.ended and job not in found.jobs, timeout=60_000)
    assert f"The training {'was stopped' if how == 'stopped' else 'failed'} before" in words[-1]


def test_a_model_without_epochs_is_not_called_no_training(
    session: Opened, qtbot: QtBot, worked_project: Path
) -> None:
    (epochs,) = worked_project.glob("models/*/metrics.csv")
    epochs.unlink()
    dock = _dock(session, qtbot, worked_project)
    qtbot.waitUntil(lambda: "No epochs of this" in dock.curves.loss._words, timeout=60_000)


def test_no_line_breaks_between_a_number_and_its_unit(
    session: Opened, qtbot: QtBot, worked_project: Path
) -> None:
    dock = _dock(session, qtbot, worked_project)
    qtbot.waitUntil(lambda: "Dice 0." in dock.truth.text(), timeout=60_000)
    bold = dock.truth.text().partition("</b>")[0]
    assert bold.split(" ")[-1].endswith("\N{NO-BREAK SPACE}tiles")
    assert "\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}0." in bold


def test_options_become_settings(session: Opened, qtbot: QtBot) -> None:
    dock = _dock(session, qtbot)
    box = dock.train_box
    assert box.choice.settings("forest").family == "forest"
    box.family_box.setCurrentIndex(box.family_box.findData("unet"))
    box.encoder_box.setCurrentText("resnet34")
    box.minutes_box.setValue(4)
    box.set_device("cpu")
    wanted = TrainSettings(family="unet", encoder="resnet34", minutes=4.0, device="cpu")
    assert box.choice.settings("forest") == wanted
    box.family_box.setCurrentIndex(box.family_box.findData("forest"))
    assert not box.encoder_box.isEnabled()


def test_the_key_t_trains_with_what_is_chosen(
    session: Opened, qtbot: QtBot, worked_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = _dock(session, qtbot, worked_project)
    started: list[TrainSettings] = []
    monkeypatch.setattr(_learner(session[1]), "train", started.append)
    dock.train_box.family_box.setCurrentIndex(dock.train_box.family_box.findData("forest"))
    dock.train_box.set_device("cpu")
    session[1].train_next()
    _click(qtbot, dock.train_box.train_button)
    assert [(wanted.family, wanted.device) for wanted in started] == [("forest", "cpu")] * 2


def test_trainings_that_start_by_themselves_keep_to_what_is_chosen(
    session: Opened, qtbot: QtBot, worked_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = _dock(session, qtbot, worked_project)
    learner = _learner(session[1])
    started: list[TrainSettings] = []
    monkeypatch.setattr(learner, "train", started.append)
    learner.set_auto(True)
    box = dock.train_box
    enough = Standing(teaching=6, new=6)
    box.encoder_box.setCurrentText("mobilenet_v2")
    box.set_device("cpu")
    learner.consider(enough)
    box.family_box.setCurrentIndex(box.family_box.findData("forest"))
    learner.consider(enough)
    assert [(wanted.family, wanted.encoder) for wanted in started] == [
        ("unet", "mobilenet_v2"),
        ("forest", "mobilenet_v2"),
    ]
    learner.consider(Standing(teaching=7, new=1, trained="forest"))
    assert len(started) == 2


def test_the_number_of_tiles_is_kept_in_the_project(
    session: Opened, qtbot: QtBot, worked_project: Path
) -> None:
    dock = _dock(session, qtbot, worked_project)
    dock.train_box.after_box.setValue(11)
    qtbot.waitUntil(lambda: _project(session[1]).spec.train_after == 11, timeout=60_000)
    dock.train_box.auto_box.setChecked(True)
    assert _learner(session[1]).auto
    dock.train_box.auto_box.setChecked(False)
    assert not _learner(session[1]).auto


def test_a_theme_change_redraws_the_curves(
    session: Opened, qtbot: QtBot, worked_project: Path
) -> None:
    viewer, _ = session
    dock = _dock(session, qtbot, worked_project)
    view = dock.curves.quality

    def lightness() -> int:
        return int(view.grab().toImage().pixelColor(2, 2).lightness())

    assert lightness() < 80
    viewer.theme = "light"
    qtbot.waitUntil(lambda: lightness() > 180, timeout=60_000)


def test_a_closed_dock_hears_nothing_more(
    session: Opened, qtbot: QtBot, worked_project: Path
) -> None:
    viewer, found = session
    dock = _dock(session, qtbot, worked_project)
    before = len(found.models_changed)
    viewer.window.remove_dock_widget(dock)
    dock.deleteLater()
    del dock

    def hears_no_more() -> bool:
        found.models_changed.emit()
        return len(found.models_changed) < before

    qtbot.waitUntil(hears_no_more, timeout=60_000)


def test_class_colours_and_names_are_in_the_picture_of_the_plot() -> None:
    from matplotlib.figure import Figure

    from napari_phenoai.core.records import ClassScore, Evaluation
    from napari_phenoai.core.series import heldout_series
    from napari_phenoai.ui.plot_frame import Style
    from napari_phenoai.ui.plots import heldout_plot

    scheme = ClassScheme.of(["soil", "leaf", "flower"])
    scores = tuple(
        ClassScore(class_id=i, name=name, dice=0.5, iou=0.4, truth_px=1, predicted_px=1)
        for i, name in zip(scheme.ids, scheme.names, strict=True)
    )
    rounds = [
        RoundRecord(
            id=str(n),
            kind="training",
            model=f"m{n}",
            served="m1",
            tiles=5 * n,
            evaluation=Evaluation(model=f"m{n}", tiles=4, classes=scores, dice=0.5, iou=0.4),
        )
        for n in (1, 2)
    ]
    figure = Figure()
    spots = heldout_plot(heldout_series(rounds), scheme)(figure, Style())
    axes = figure.axes[0]
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "mean",
        "leaf",
        "flower",
        "serves",
        "not let through",
    ]
    leaf = next(line for line in axes.lines if line.get_label() == "leaf")
    assert leaf.get_color() == scheme.named("leaf").colour
    assert [spot.x for spot in spots] == [5, 10]
