"""The controls of a training: start it, let it start by itself, choose what and where."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec

from qtpy.QtCore import Qt
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_phenoai.core.ports import TrainSettings

__all__ = ["FITTING", "Fold", "TrainBox", "TrainChoice"]

FITTING = "fitting"
"""Stands for the family that fits the number of reviewed tiles."""

_FAMILIES = (
    (FITTING, "what fits the number of tiles"),
    ("unet", "network (unet): minutes, best from 6 tiles on"),
    ("forest", "trees (forest): seconds, from the first tiles"),
)
_ENCODERS = ("resnet18", "resnet34", "mobilenet_v2", "efficientnet-b0")
_DEVICES = (
    ("auto", "this computer, fastest device"),
    ("cpu", "this computer, processor"),
    ("cuda", "this computer, graphics card"),
)


_TRAIN_TIP = "Train a model with all reviewed tiles; key T"
_SERVER = "server:"
_SENDS = "The images and masks of all reviewed tiles are sent there."


@dataclass(frozen=True)
class TrainChoice:
    """What a person chose for the next trainings.

    ``family`` may be `FITTING`; ``minutes`` is None for as long as it takes; ``server`` is
    empty for this computer.
    """

    family: str = FITTING
    encoder: str = "resnet18"
    minutes: float | None = None
    device: str = "auto"
    server: str = ""

    def settings(self, fitting: str) -> TrainSettings:
        """Return the settings, with the family `fitting` where the choice was left open."""
        return TrainSettings(
            family=fitting if self.family == FITTING else self.family,
            encoder=self.encoder,
            minutes=self.minutes,
            device=self.device,
        )


class Fold(QWidget):
    """A heading with an arrow that shows and hides what is below it."""

    def __init__(self, title: str, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._content = content
        self.button = QToolButton()
        self.button.setText(title)
        self.button.setCheckable(True)
        self.button.setAutoRaise(True)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setArrowType(Qt.ArrowType.RightArrow)
        self.button.toggled.connect(self._on_toggled)
        content.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.button)
        layout.addWidget(content)

    def _on_toggled(self, opened: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow
        self.button.setArrowType(arrow)
        self._content.setVisible(opened)


class TrainBox(QWidget):
    """Shows and edits how trainings are started; decides nothing."""

    train_wanted = QtSignal()
    auto_changed = QtSignal(bool)
    after_changed = QtSignal(int)
    choice_changed = QtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.train_button = QPushButton()
        self.train_button.clicked.connect(self.train_wanted)
        self.auto_box = QCheckBox("By itself after")
        self.auto_box.toggled.connect(self.auto_changed)
        self.after_box = QSpinBox()
        self.after_box.setRange(1, 500)
        self.after_box.setKeyboardTracking(False)
        self.after_box.setFixedWidth(84)
        self.auto_box.setToolTip("Train by itself after so many newly reviewed tiles")
        self.after_box.setToolTip("Number of newly reviewed tiles that start a training")
        self.after_box.valueChanged.connect(self.after_changed)
        self.family_box = QComboBox()
        self.encoder_box = QComboBox()
        self.minutes_box = QSpinBox()
        self.device_box = QComboBox()
        self.fold = Fold("Options", self._new_options())
        self._compose()
        self.set_running(running=False)
        for box in (self.family_box, self.encoder_box, self.device_box):
            box.currentIndexChanged.connect(lambda _: self.choice_changed.emit())
        self.minutes_box.valueChanged.connect(lambda _: self.choice_changed.emit())

    @property
    def choice(self) -> TrainChoice:
        """What is chosen."""
        minutes = self.minutes_box.value()
        place = str(self.device_box.currentData())
        away = place.startswith(_SERVER)
        return TrainChoice(
            family=str(self.family_box.currentData()),
            encoder=self.encoder_box.currentText(),
            minutes=float(minutes) if minutes else None,
            device="auto" if away else place,
            server=place.removeprefix(_SERVER) if away else "",
        )

    def set_running(self, *, running: bool) -> None:
        """Offer to start a training while none runs; its row in the strip of jobs stops it."""
        self.train_button.setEnabled(not running)
        self.train_button.setText("Training …" if running else "Train now  (T)")
        tip = "A training runs; its Stop is below" if running else _TRAIN_TIP
        self.train_button.setToolTip(tip)

    def set_auto(self, *, auto: bool, after: int) -> None:
        """Show how trainings start by themselves, without telling anybody."""
        for box in (self.auto_box, self.after_box):
            box.blockSignals(True)
        self.auto_box.setChecked(auto)
        self.after_box.setValue(after)
        for box in (self.auto_box, self.after_box):
            box.blockSignals(False)

    def set_device(self, device: str) -> None:
        """Choose where to train: ``auto``, ``cpu`` or ``cuda``."""
        self.device_box.setCurrentIndex(max(0, self.device_box.findData(device)))

    def set_servers(self, names: tuple[str, ...]) -> None:
        """Offer servers to train on, besides this computer."""
        box = self.device_box
        chosen = box.currentData()
        box.blockSignals(True)
        while box.count() > len(_DEVICES):
            box.removeItem(box.count() - 1)
        for name in names:
            box.addItem(f"server {name}", f"{_SERVER}{name}")
        box.setCurrentIndex(max(0, box.findData(chosen)))
        box.blockSignals(False)
        if box.currentData() != chosen:
            self._on_place()
            self.choice_changed.emit()

    def _compose(self) -> None:
        auto = QHBoxLayout()
        auto.setSpacing(4)
        auto.addWidget(self.auto_box)
        auto.addWidget(self.after_box)
        auto.addWidget(QLabel("new tiles"))
        auto.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.train_button)
        layout.addLayout(auto)
        layout.addWidget(self.fold)

    def _new_options(self) -> QWidget:
        page = QWidget()
        form = QFormLayout(page)
        form.setContentsMargins(8, 0, 0, 0)
        form.setVerticalSpacing(3)
        self._fill_boxes()
        form.addRow("Kind", self.family_box)
        form.addRow("Encoder", self.encoder_box)
        form.addRow("Minutes", self.minutes_box)
        form.addRow("Where", self.device_box)
        self.where = QLabel(_computer())
        self.where.setWordWrap(True)
        form.addRow("", self.where)
        return page

    def _fill_boxes(self) -> None:
        torch_here = find_spec("torch") is not None
        for name, words in _FAMILIES:
            if name != "unet" or torch_here:
                self.family_box.addItem(words, name)
        self.family_box.currentIndexChanged.connect(self._on_family)
        self.encoder_box.addItems(_ENCODERS)
        self.encoder_box.setToolTip("The part of the network that sees; larger is slower")
        self.minutes_box.setRange(0, 600)
        self.minutes_box.setSpecialValueText("as long as it takes")
        self.minutes_box.setToolTip("Longest time that a training may take")
        for name, words in _DEVICES:
            self.device_box.addItem(words, name)
        self.device_box.currentIndexChanged.connect(self._on_place)
        for box in (self.family_box, self.encoder_box, self.device_box):
            box.setMinimumContentsLength(12)
            policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            box.setSizeAdjustPolicy(policy)
        self._on_family()

    def _on_place(self) -> None:
        self.where.setText(_SENDS if self.choice.server else _computer())

    def _on_family(self) -> None:
        network = self.family_box.currentData() != "forest"
        self.encoder_box.setEnabled(network)
        self.minutes_box.setEnabled(network)


def _computer() -> str:
    cores = os.cpu_count() or 1
    return f"{cores} processor core{'s' if cores > 1 else ''} here"
