"""What a server answered: how it went, what its values mean, and whether it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QCheckBox, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_phenoai.core.mapping import ValueMapping
from napari_phenoai.ui.listening import listen
from napari_phenoai.ui.server_mapping import MappingForm
from napari_phenoai.ui.server_words import meaning_words
from napari_phenoai.ui.workbench import WorkbenchDock

if TYPE_CHECKING:
    import napari.viewer

    from napari_phenoai.core.records import ModelCard
    from napari_phenoai.loop.remote_meaning import Unclear
    from napari_phenoai.ui.session import Session

__all__ = ["AnswerBox", "plain_text"]


class AnswerBox(QWidget):
    """Shows how a prediction went, and asks once what the values mean.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where predictions are seen.
    session : Session
        Whose project it is.
    """

    confirmed = QtSignal(object)

    def __init__(
        self, viewer: napari.viewer.Viewer, session: Session, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._session = session
        self._card: ModelCard | None = None
        self.message = plain_text("")
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.mapping = MappingForm()
        self.meaning = plain_text("")
        self.change_button = QPushButton("Change what the values mean")
        self.shown_box = QCheckBox("Show on the image what it predicted")
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(5)
        for widget in (
            self.message, self.mapping, self.meaning, self.change_button, self.shown_box
        ):  # fmt: skip
            widget.hide()
            box.addWidget(widget)
        listen(self, session.standing_changed, self._on_shown)
        self.mapping.confirmed.connect(self.confirmed)
        self.mapping.put_off.connect(self.mapping.hide)
        self.change_button.clicked.connect(self._change_meaning)
        self.shown_box.toggled.connect(self._show_prediction)

    def clear(self) -> None:
        """Forget what was answered."""
        self.mapping.hide()
        self.say("")
        self._show_card(None)

    def say(self, text: str) -> None:
        """Say how it goes; an empty text takes that away."""
        self.message.setText(text)
        self.message.setVisible(bool(text))

    def ask_meaning(self, unclear: Unclear) -> None:
        """Ask what the values mean that came."""
        project = self._session.project
        if project is not None:
            self.say("")
            who = f"{unclear.model} at {unclear.server}"
            self.mapping.ask(who, unclear.guess, unclear.distinct, unclear.names, project.scheme)
            self.mapping.show()

    def show_result(self, text: str, card: ModelCard, *, on_image: bool) -> None:
        """Say that a prediction is there, and let it be seen.

        Parameters
        ----------
        text : str
            How it went.
        card : ModelCard
            The model on the server.
        on_image : bool
            Whether it is something to be seen on whole images.
        """
        self.say(text)
        self._show_card(card)
        if on_image:
            self._switch_on()

    def _show_card(self, card: ModelCard | None) -> None:
        self._card = card
        mapping = card.settings.get("mapping") if card is not None else None
        project = self._session.project
        known = isinstance(mapping, dict) and project is not None
        self.meaning.setVisible(known)
        self.change_button.setVisible(known)
        self.shown_box.setVisible(card is not None)
        if isinstance(mapping, dict) and project is not None:
            self.meaning.setText(f"Its values: {meaning_words(mapping, project.scheme)}.")
        self._on_shown()

    def _on_shown(self) -> None:
        self.shown_box.blockSignals(True)
        shown = self._card is not None and self._session.shown_model == self._card.id
        self.shown_box.setChecked(shown)
        self.shown_box.blockSignals(False)

    def _show_prediction(self, on: bool) -> None:
        if self._card is not None:
            self._session.show_model(self._card.id if on else None)
        if on:
            self._switch_on()

    def _switch_on(self) -> None:
        """Let predictions be seen on the image, where a Workbench shows it."""
        for widget in self._viewer.window.dock_widgets.values():
            if isinstance(widget, WorkbenchDock):
                widget.bench.layers.show("prediction", visible=True)

    def _change_meaning(self) -> None:
        project, card = self._session.project, self._card
        if project is None or card is None:
            return
        known = ValueMapping.model_validate(card.settings["mapping"])
        who = f"{card.settings['model']} at {card.settings['server']}"
        names = dict(enumerate(known.names, max(known.pairs, default=0) + 1))
        pairs = {**known.pairs, **{value: known.names[name] for value, name in names.items()}}
        shown = known.but(pairs=pairs, names={})
        self.mapping.ask(who, shown, sorted(pairs), names, project.scheme)
        self.mapping.show()


def plain_text(words: str) -> QLabel:
    """Return a label that shows `words` as they are, in as many lines as they need."""
    label = QLabel(words)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label
