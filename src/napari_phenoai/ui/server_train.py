"""The page of the Servers dock that starts trainings by the form of a module."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive
from qtpy.QtCore import Qt
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFormLayout, QPushButton, QVBoxLayout, QWidget

from napari_phenoai.core.remote_training import state_words
from napari_phenoai.io.trainings import TrainingStore
from napari_phenoai.jobs.job import JobState
from napari_phenoai.ui.controls.key_button import KeyButton
from napari_phenoai.ui.errors import explain
from napari_phenoai.ui.links import hear_from_thread
from napari_phenoai.ui.listening import listen, while_alive
from napari_phenoai.ui.remote_starts import TrainWish
from napari_phenoai.ui.server_answer import plain_text
from napari_phenoai.ui.server_choice import choice_box, chosen_offer, offer_choices
from napari_phenoai.ui.server_desk import servers_of
from napari_phenoai.ui.server_settings import ServerSettings
from napari_phenoai.ui.server_words import why_not

if TYPE_CHECKING:
    from qtpy.QtGui import QShowEvent

    from napari_phenoai.core.remote_training import RemoteTraining
    from napari_phenoai.io.project import Project
    from napari_phenoai.jobs.job import Job
    from napari_phenoai.loop.remote_ways import Taking
    from napari_phenoai.remote.spec import Offer
    from napari_phenoai.ui.session import Session

__all__ = ["TrainPage"]

_NO_PROJECT = "Open a project: what is trained for it is kept in it."
_NO_SERVER = "No server is known yet that trains."
_ASKING = "Asking how it takes what it learns from ..."
_TILES = (
    "Your reviewed tiles are sent there. The model comes back, is measured on your held-out "
    "tiles and serves if it is not worse."
)
_STAYS = (
    "Your wholly labelled tiles for training go to the storage of {}. The model stays there: it is "
    "measured on your held-out tiles and predicts from the page Predict, but does not serve here."
)
_CALL = (
    "Nobody has described how this module takes the data of a project: only what you fill in "
    "here is sent, and what it makes stays there. Its page says where it reads its data."
)
_LONGEST = 300


class TrainPage(QWidget):
    """Chooses server and model, shows the form, starts the training and says how it ended.

    Parameters
    ----------
    session : Session
        Whose project it is for; the training is one of its jobs.
    """

    servers_wanted = QtSignal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.desk = servers_of(session)
        self._taking: tuple[str, str, Taking] | None = None
        self._asked: tuple[str, str] | None = None
        self._job: Job[Any] | None = None
        self.empty = plain_text("")
        self.servers_button = QPushButton("Add a server")
        self.server_box = choice_box("Server that trains")
        self.model_box = choice_box("Model that is trained")
        self.how = plain_text("")
        self.settings = ServerSettings(session, "train")
        self.train_button = KeyButton("Train there", primary=True)
        self.message = plain_text("")
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.controls = QWidget()
        self._compose()
        self._connect()
        self._on_servers()

    @property
    def server(self) -> str:
        """Name of the chosen server; empty for none."""
        return str(self.server_box.currentData() or "")

    def train(self) -> None:
        """Start what is filled in."""
        taking, offer, learner = self._known, self._offer, self.session.learner
        if taking is None or offer is None or learner is None:
            return
        if taking.takes_tiles and self.session.training is not None:
            self._say("▲ A training is running already. Wait for it, or stop it first.")
            return
        values = self.settings.read()
        if values is None:
            self._say("▲ Some values are missing or wrong: see what is marked.")
            return
        wish = TrainWish(self.server, offer.key, values, taking.takes_tiles)
        self._job = learner.remote.train_by_form(wish, learner.author)
        hear_from_thread(self._job.ended, self._on_ended)
        self._say("Begun: the strip of jobs shows how far it is. It goes on if you close napari.")
        self._on_busy()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Ask how the chosen module takes its data, now that somebody looks."""
        super().showEvent(event)
        self._asked = None
        self._on_model()

    # --- building

    def _compose(self) -> None:
        rows = self._rows = QFormLayout()
        rows.setVerticalSpacing(3)
        rows.addRow("On", self.server_box)
        rows.addRow("Model", self.model_box)
        inner = QVBoxLayout(self.controls)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(5)
        inner.addLayout(rows)
        for widget in (self.how, self.settings, self.train_button, self.message):
            inner.addWidget(widget)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 6, 6, 6)
        box.setSpacing(5)
        for outer in (self.empty, self.servers_button, self.controls):
            box.addWidget(outer)
        box.addStretch(1)

    def _connect(self) -> None:
        listen(self, self.desk.changed, self._on_servers)
        listen(self, self.session.project_changed, self._on_project)
        self.servers_button.clicked.connect(self.servers_wanted)
        self.server_box.currentIndexChanged.connect(lambda _: self._on_server())
        self.model_box.currentIndexChanged.connect(lambda _: self._on_model())
        self.train_button.clicked.connect(self.train)

    # --- what there is

    def _on_project(self) -> None:
        self._job = None
        self._say("")
        self._on_servers()

    def _on_servers(self) -> None:
        training = [
            name
            for name, state in self.desk.states.items()
            if any(offer.train for offer in state.offers)
        ]
        offer_choices(self.server_box, ((name, name) for name in training))
        here = self.session.project is not None
        self.controls.setVisible(here and bool(training))
        self.empty.setVisible(not (here and training))
        self.servers_button.setVisible(here and not training)
        reasons = [why for state in self.desk.states.values() if (why := why_not(state))]
        self.empty.setText("\n".join([_NO_SERVER, *reasons]) if here else _NO_PROJECT)
        self._on_server()

    def _on_server(self) -> None:
        state = self.desk.states.get(self.server)
        offers = [offer.key for offer in state.offers if offer.train] if state is not None else []
        offer_choices(self.model_box, ((key, key) for key in offers))
        self._rows.setRowVisible(self.model_box, len(offers) > 1)
        self._on_model()

    def _on_model(self) -> None:
        offer, known = self._offer, self._known
        place = (self.server, offer.key if offer is not None else "")
        if known is not None:
            self.how.setText(_how_words(known, self.server))
            self.settings.show_offer(self.server, offer, known.fixed, known.proposed)
        elif offer is not None and place != self._asked and self.isVisible():
            self._asked = place
            self.how.setText(_ASKING)
            self.desk.errands.run(
                "taking",
                partial(_taken, self.desk.client, self.server, offer),
                while_alive(self, partial(self._on_taking, place)),
                while_alive(self, self._on_no_taking),
            )
        self.settings.setVisible(known is not None)
        self._on_busy()

    def _on_taking(self, place: tuple[str, str], taking: Taking) -> None:
        self._taking = (*place, taking)
        self._on_model()

    def _on_no_taking(self, error: Exception) -> None:
        self.how.setText(f"▲ {explain(error)}")

    @property
    def _offer(self) -> Offer | None:
        return chosen_offer(self.desk, self.server, self.model_box.currentData())

    @property
    def _known(self) -> Taking | None:
        """How the chosen module takes what it learns from; None while that is not known."""
        offer, found = self._offer, self._taking
        if offer is None or found is None or found[:2] != (self.server, offer.key):
            return None
        return found[2]

    # --- how it went

    def _on_busy(self) -> None:
        busy = self._job is not None and not self._job.state.ended
        self.train_button.setEnabled(not busy and self._known is not None)
        self.train_button.set_caption("It is at work" if busy else "Train there")

    def _on_ended(self, job: Job[Any]) -> None:
        project = self.session.project if isalive(self) else None  # type: ignore[no-untyped-call]
        if project is None or job is not self._job:
            return
        self._on_busy()
        if job.state is JobState.CANCELLED:
            self._say("Stopped.")
        elif not job.training:  # type: ignore[attr-defined]
            self._say(f"▲ {explain(job.error)}" if job.error is not None else "")
        else:
            self.session.background.do(
                "status",
                partial(TrainingStore(project.path).get, job.training),  # type: ignore[attr-defined]
                then=while_alive(self, partial(self._show_end, project, job.error)),
            )

    def _show_end(
        self, project: Project, error: BaseException | None, training: RemoteTraining
    ) -> None:
        if project is self.session.project:
            self.settings.show_problems(training.fields)
            if error is not None and training.open:  # it has not ended, but cannot go on now
                self._say(f"▲ {explain(error)}")
            else:
                self._say(_end_words(training))

    def _say(self, text: str) -> None:
        self.message.setText(text)
        self.message.setVisible(bool(text))


def _taken(connect: Any, server: str, offer: Offer) -> Taking:
    from napari_phenoai.loop.remote_ways import taking_of

    return taking_of(connect(server), offer)


def _how_words(known: Taking, server: str) -> str:
    if known.keeps_model:
        return _STAYS.format(server)
    return _TILES if known.takes_tiles else _CALL


def _end_words(training: RemoteTraining) -> str:
    """Return how a training has ended, for people."""
    from napari_phenoai.remote.redaction import plain

    if training.fields:
        return f"▲ {training.server} does not take these values: see what is marked."
    if training.state != "done":
        words = training.what or f"{training.title}: {state_words(training)}."
        return f"▲ {words} {training.hint}".strip()
    if training.model and training.way.startswith("profile-"):
        return f"Measured: see the Learning dock. The model stays on {training.server}."
    if training.model:
        return "The model is here, and measured: see the Learning dock."
    output = plain(json.dumps(training.output), _LONGEST)
    said = "" if training.output is None else f" It says: {output}"
    return f"Done there; what it has made stays on {training.server}.{said}"
