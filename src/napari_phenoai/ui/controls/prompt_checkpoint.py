"""The window in which the network for outlines is chosen or downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_phenoai.ui.controls.elided import ElidedLabel

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from napari_phenoai.ml.sam.catalogue import Checkpoint

__all__ = ["CheckpointDialog"]

_STEPS = 1000
_INTRO = (
    "A network outlines what you click. It looks at each tile once, in the background: "
    "with vit_b 5 to 15 s on a processor, a moment on a GPU. A click then takes a tenth of a "
    "second."
)
_FILES = "Checkpoints (*.pth *.pt *.safetensors);;All files (*)"


class CheckpointDialog(QDialog):
    """Lists the networks of the catalogue, and takes a file instead; never modal.

    Parameters
    ----------
    catalogue : sequence of Checkpoint
        What can be downloaded.
    parent : QWidget
        The window that it lies over.

    Signals
    -------
    wanted : str
        Name of an entry that shall be used.
    path_chosen : str
        A file that shall be used.
    stopped
        The download shall stop.
    """

    wanted = QtSignal(str)
    path_chosen = QtSignal(str)
    stopped = QtSignal()

    def __init__(self, catalogue: Sequence[Checkpoint], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Network for outlines")
        self.setModal(False)
        self.setMinimumWidth(460)
        self._entries = {entry.name: entry for entry in catalogue}
        self.buttons: dict[str, QPushButton] = {}
        self.chosen = ElidedLabel()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.stop = QPushButton("Stop")
        self.stop.setToolTip("Stop the download; it goes on from there the next time")
        self.stop.clicked.connect(self.stopped)
        self.file = QPushButton("Choose a file …")
        self.file.setToolTip(
            "Any checkpoint of the same three shapes, also a fine-tuned one:\n"
            ".pth, .pt or .safetensors"
        )
        self.file.clicked.connect(self._ask_file)
        self._compose()

    def show_state(
        self,
        *,
        here: Collection[str],
        chosen: str,
        busy: str,
        fraction: float | None,
        words: str,
    ) -> None:
        """Show which networks are here, which one is used, and how a download goes.

        Parameters
        ----------
        here : collection of str
            Names of entries that were downloaded.
        chosen : str
            Path of the network that is used; empty for none.
        busy : str
            Name of the entry that is downloaded; empty for none.
        fraction : float or None
            How much of it, in [0, 1].
        words : str
            The same in words.
        """
        for name, button in self.buttons.items():
            used = Path(chosen).name == self._entries[name].file if chosen else False
            text = "Use" if name in here else "Download"
            button.setText("In use" if used else text)
            button.setEnabled(not used and not busy)
        self.chosen.set_whole(f"In use: {chosen}" if chosen else "None is in use yet.")
        for widget in (self.bar, self.words, self.stop):
            widget.setVisible(bool(busy))
        self.words.setText(words or "Beginning …")
        self.bar.setRange(0, 0 if fraction is None else _STEPS)
        if fraction is not None:
            self.bar.setValue(round(fraction * _STEPS))

    # --- inside

    def _compose(self) -> None:
        box = QVBoxLayout(self)
        intro = QLabel(_INTRO)
        intro.setWordWrap(True)
        box.addWidget(intro)
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setColumnStretch(3, 1)
        for row, entry in enumerate(self._entries.values()):
            button = self.buttons[entry.name] = QPushButton("Download")
            button.setToolTip(f"{entry.url}\nSHA-256 {entry.sha256}")
            button.clicked.connect(lambda _=False, name=entry.name: self.wanted.emit(name))
            about = QLabel(entry.about)
            about.setWordWrap(True)
            name = QLabel(f"<b>{entry.name}</b>")
            for column, widget in enumerate(
                (name, QLabel(_size(entry.size_bytes)), QLabel(entry.licence), about, button)
            ):
                grid.addWidget(widget, row, column, Qt.AlignmentFlag.AlignTop)
        box.addLayout(grid)
        line = QHBoxLayout()
        line.addWidget(self.words, 1)
        line.addWidget(self.stop)
        box.addLayout(line)
        box.addWidget(self.bar)
        for widget in (self.words, self.stop, self.bar):
            policy = widget.sizePolicy()
            policy.setRetainSizeWhenHidden(True)  # else a download would squeeze the list
            widget.setSizePolicy(policy)
        last = QHBoxLayout()
        last.addWidget(self.chosen, 1)
        last.addWidget(self.file)
        box.addLayout(last)

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a checkpoint", "", _FILES)
        if path:
            self.path_chosen.emit(path)


def _size(count: int) -> str:
    """Return bytes for people.

    Examples
    --------
    >>> _size(375_042_383), _size(2_564_550_879)
    ('375 MB', '2.56 GB')
    """
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.2f} GB"
