"""The page of the Servers dock from which a server predicts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QFormLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_phenoai.errors import FieldsError, InputError, SignInError
from napari_phenoai.loop.remote_work import Wish
from napari_phenoai.ui.controls.form_view import plain_tip
from napari_phenoai.ui.controls.key_button import KeyButton
from napari_phenoai.ui.errors import explain
from napari_phenoai.ui.listening import listen
from napari_phenoai.ui.server_answer import AnswerBox, plain_text
from napari_phenoai.ui.server_choice import choice_box, chosen_offer, offer_choices
from napari_phenoai.ui.server_desk import servers_of
from napari_phenoai.ui.server_settings import ServerSettings
from napari_phenoai.ui.server_what import WhatBox, request_for
from napari_phenoai.ui.server_words import trouble_of, why_not
from napari_phenoai.ui.server_work import work_on_servers
from napari_phenoai.ui.train_box import Fold

if TYPE_CHECKING:
    import napari.viewer

    from napari_phenoai.core.mapping import ValueMapping
    from napari_phenoai.remote.spec import Offer
    from napari_phenoai.ui.server_state import ServerState
    from napari_phenoai.ui.server_work import Ended, Request
    from napari_phenoai.ui.session import Session

__all__ = ["PredictPage"]

_NO_PROJECT = "Open a project: then its tiles and images can be predicted on a server."
_NO_SERVER = "No server is known yet that predicts."


class PredictPage(QWidget):
    """Chooses server, model and what to predict; starts it and says how it went.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the person looks.
    session : Session
        Whose project is predicted.
    """

    servers_wanted = QtSignal()
    login_wanted = QtSignal(str)

    def __init__(
        self, viewer: napari.viewer.Viewer, session: Session, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.session = session
        self.desk = servers_of(session)
        self.work = work_on_servers(session)
        self._asked: Request | None = None
        self.empty = plain_text("")
        self.servers_button = QPushButton("Add a server")
        self.server_box = choice_box("Server")
        self.model_box = choice_box("Model on the server")
        self.what = WhatBox()
        self.predict_button = KeyButton("Predict", primary=True)
        self.why = plain_text("")
        self.again_button = QPushButton("Ask it again")
        self.stop_button = QPushButton("Stop waiting")
        self.stop_button.setToolTip("What is there stays; the server may finish the tile it has")
        self.answer = AnswerBox(viewer, session)
        self.settings = ServerSettings(session)
        self.fold = Fold("Values of the model", self.settings)
        self.controls = QWidget()
        self._compose()
        self._connect()
        self._on_servers()

    def choose(self, server: str, what: str | None = None) -> None:
        """Choose the server called `server`, and what it predicts."""
        if what is not None:
            self.what.choose(what)
        self.server_box.setCurrentIndex(max(0, self.server_box.findData(server)))

    def predict(self) -> None:
        """Start what is chosen."""
        self.answer.say("")
        known = self._offer is not None  # else what the project keeps counts, once it is reached
        values = self.settings.read() if known else None
        if known and values is None:
            self.fold.button.setChecked(True)
            return
        wish = Wish(
            server=self.server,
            model=self.model_box.currentData(),
            values=values,
            picture_field=self.settings.picture_field,
            seconds=self.settings.seconds,
        )
        try:
            request = request_for(self.what.what, self.what.count, wish, self.viewer, self.session)
        except InputError as error:
            self.answer.say(explain(error))
            return
        self._start(request)

    @property
    def server(self) -> str:
        """Name of the chosen server; empty for none."""
        return str(self.server_box.currentData() or "")

    # --- building

    def _compose(self) -> None:
        rows = QFormLayout()
        rows.setVerticalSpacing(3)
        rows.addRow("On", self.server_box)
        rows.addRow("Model", self.model_box)
        rows.addRow("Predict", self.what)
        self._rows = rows
        inner = QVBoxLayout(self.controls)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(5)
        inner.addLayout(rows)
        for widget in (
            self.predict_button, self.why, self.again_button, self.stop_button, self.answer,
            self.fold,
        ):  # fmt: skip
            inner.addWidget(widget)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 6, 6, 6)
        box.setSpacing(5)
        for outer in (self.empty, self.servers_button, self.controls):
            box.addWidget(outer)
        box.addStretch(1)
        self.stop_button.hide()

    def _connect(self) -> None:
        listen(self, self.desk.changed, self._on_servers)
        listen(self, self.session.project_changed, self._on_project)
        listen(self, self.work.changed, self._on_busy)
        listen(self, self.work.ended, self._on_ended)
        self.servers_button.clicked.connect(self.servers_wanted)
        self.server_box.currentIndexChanged.connect(lambda _: self._on_server())
        self.model_box.currentIndexChanged.connect(lambda _: self._on_model())
        self.predict_button.clicked.connect(self.predict)
        self.again_button.clicked.connect(self._ask_again)
        self.stop_button.clicked.connect(lambda: self.work.stop(self.server))
        self.answer.confirmed.connect(self._on_confirmed)

    # --- what there is

    def _on_project(self) -> None:
        self._asked = None
        self.answer.clear()
        self._on_servers()

    def _on_servers(self) -> None:
        predicting = {name: state for name, state in self.desk.states.items() if _may(state)}
        choices = [(_words(name, state), name) for name, state in predicting.items()]
        offer_choices(self.server_box, choices)
        here = self.session.project is not None
        self.controls.setVisible(here and bool(predicting))
        self.empty.setVisible(not (here and predicting))
        self.servers_button.setVisible(here and not predicting)
        self.empty.setText(_NO_SERVER if here else _NO_PROJECT)
        self._on_server()

    def _on_server(self) -> None:
        state = self.desk.states.get(self.server)
        offers = [offer.key for offer in state.offers if offer.predict] if state is not None else []
        offer_choices(self.model_box, ((key, key) for key in offers))
        self._rows.setRowVisible(self.model_box, len(offers) > 1)
        self._on_model()
        self._on_busy()

    def _on_model(self) -> None:
        self.settings.show_offer(self.server, self._offer)

    @property
    def _offer(self) -> Offer | None:
        return chosen_offer(self.desk, self.server, self.model_box.currentData())

    # --- work

    def _start(self, request: Request) -> None:
        self._asked = request
        self.answer.mapping.hide()
        if self.work.start(request):
            self.answer.say(f"{request.title}: see below how far it is.")

    def _on_busy(self) -> None:
        busy = self.server in self.work.running
        self.predict_button.setEnabled(not busy and self._offer is not None)
        self.predict_button.set_caption(f"{self.server} is at work" if busy else "Predict")
        self.stop_button.setVisible(busy)
        self._say_why(self.desk.states.get(self.server))

    def _say_why(self, state: ServerState | None) -> None:
        """Say why the server cannot be asked now, and what can be done."""
        reason = "" if state is None else why_not(state)
        self.why.setText(reason)
        self.why.setVisible(bool(reason))
        self.predict_button.setToolTip(plain_tip(reason))
        self.again_button.setVisible(bool(reason) and state is not None and state.health == "wrong")
        wants_login = state is not None and isinstance(state.error, SignInError)
        self.again_button.setText("Log in ..." if wants_login else "Ask it again")

    def _ask_again(self) -> None:
        state = self.desk.states.get(self.server)
        if state is not None and isinstance(state.error, SignInError):
            self.login_wanted.emit(self.server)
        else:
            self.desk.test(self.server)

    def _on_ended(self, ended: Ended) -> None:
        if self._asked is None or ended.request.wish.server != self._asked.wish.server:
            return
        outcome = ended.outcome
        if ended.error is not None:
            self._on_error(ended.error)
        elif outcome is None:
            self.answer.say("Stopped. What was predicted before stays.")
        elif outcome.unclear is not None:
            self.answer.ask_meaning(outcome.unclear)
        elif outcome.card is not None:
            words = _result(ended.request, outcome.count)
            self.answer.show_result(words, outcome.card, on_image=not ended.request.tiles)

    def _on_error(self, error: BaseException) -> None:
        if isinstance(error, FieldsError):
            self.settings.show_problems(error.fields)
            self.fold.button.setChecked(True)
            self.answer.say(f"▲ {self.server} does not take these values: see what is marked.")
        else:
            self.answer.say(f"▲ {self.server}: {trouble_of(error)}. {explain(error)}")

    def _on_confirmed(self, meaning: ValueMapping) -> None:
        if self._asked is not None:
            self._start(replace(self._asked, wish=replace(self._asked.wish, meaning=meaning)))


def _words(name: str, state: ServerState) -> str:
    return name if state.error is None else f"{name} ({trouble_of(state.error)})"


def _may(state: ServerState) -> bool:
    """Tell whether a server predicts, or is not known yet."""
    return not state.offers or any(offer.predict for offer in state.offers)


def _result(request: Request, count: int) -> str:
    if request.tiles:
        tiles = "The proposal is" if count == 1 else f"Proposals for {count} tiles are"
        return f"{tiles} there: correct what is wrong and accept as usual."
    if not count:
        return "All of it was predicted before: nothing had to be asked for."
    tiles = "1 tile of 512 px was" if count == 1 else f"{count} tiles of 512 px were"
    return f"{tiles} predicted."
