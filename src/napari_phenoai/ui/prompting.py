"""Prompting: a person clicks what is meant, a network outlines it, and the person chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from napari_phenoai.core.prompts import BoxPrompt, PointPrompt
from napari_phenoai.ml.sam.view import View
from napari_phenoai.ui.prompting_asking import Asking
from napari_phenoai.ui.prompting_embeddings import Embeddings
from napari_phenoai.ui.prompting_everything import OutlineJob
from napari_phenoai.ui.prompting_network import PromptNetwork
from napari_phenoai.ui.prompting_places import is_here, place_of, place_seen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from psygnal import SignalInstance

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.prompts import MaskCandidate, PromptTake
    from napari_phenoai.ui.prompting_asked import Asked, Found
    from napari_phenoai.ui.session import Session

__all__ = ["AHEAD", "Prompting"]

AHEAD = 5
"""How many tiles of the queue are prepared in advance."""

_OUTSIDE = "That lies outside the tile: click inside its frame."
_NOTHING = "Nothing was found that stands out. Click single things instead."


def _nowhere() -> None:
    return


class Prompting:
    """The prompts for one thing at a time, on the tile on the desk or where one paints.

    Nothing is loaded or prepared before `begin`. Methods belong to the main thread, return
    at once, and drop answers to what is asked no more.

    Parameters
    ----------
    session : Session
        Says what is worked on, and runs things in the background.

    Attributes
    ----------
    network : PromptNetwork
        The checkpoint.
    embeddings : Embeddings
        What it has seen.
    everything : OutlineJob
        Outlines everything in a tile.
    begun : bool
        Whether prompts are used in this session.
    asking : Asking
        The prompts for one thing, and their answer.
    found : Found or None
        Everything that was outlined.
    note : str
        What the last action came to; may be empty.
    eye : callable
        Returns row and column of the plane that one looks at, while one paints anywhere.
    """

    changed = Signal()
    """Something else is to be shown or said."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.network = PromptNetwork(session.background)
        self.embeddings = Embeddings(session.background)
        self.everything = OutlineJob(session.run)
        self.begun = False
        self.asking = Asking(session.background)
        self.found: Found | None = None
        self.note = ""
        self.eye: Callable[[], tuple[float, float] | None] = _nowhere
        self._links: list[tuple[SignalInstance, Callable[..., None]]] = [
            (session.project_changed, self._on_place),
            (session.current_changed, self._on_place),
            (session.desk_changed, self._on_place),
            (session.painting_changed, self._on_place),
            (session.queue_changed, self.prepare),
            (self.network.changed, self._on_network),
            (self.embeddings.ready, self._on_ready),
            (self.embeddings.failed, self._on_failed),
            (self.embeddings.changed, self._tell),
            (self.asking.answered, self._say),
            (self.asking.refused, self._on_refused),
            (self.everything.found, self._on_found),
            (self.everything.changed, self._tell),
        ]
        for signal, slot in self._links:
            signal.connect(slot)

    # --- what is shown

    @property
    def asked(self) -> Asked | None:
        """Prompts for one thing, and their answer."""
        return self.asking.asked

    @property
    def shown(self) -> tuple[MaskCandidate, ...]:
        """The candidates to look at; none while there is no answer."""
        state = self.found or self.asked
        return state.shown if state is not None else ()

    @property
    def prepared(self) -> bool:
        """Whether a prompt would be answered at once."""
        place = self._place_asked or self._place_seen
        return place is not None and self.embeddings.get(place) is not None

    @property
    def under_way(self) -> bool:
        """Whether there is something that can be taken or dropped."""
        return self._place_asked is not None

    # --- what the person does

    def begin(self) -> None:
        """Load the network and prepare tiles, from now on."""
        self.begun = True
        self.network.load()
        self.prepare()
        self._say()

    def choose(self, path: Path | None, device: str = "auto") -> None:
        """Take another checkpoint."""
        self.drop()
        self.network.choose(path, device)
        if self.begun:
            self.begin()

    def click(self, y: float, x: float, *, positive: bool = True) -> None:
        """Say that a pixel of the plane belongs to the thing, or does not."""
        if self.found is not None or self.everything.place is not None:
            self.drop()
        self._add(PointPrompt(y=y, x=x, positive=positive))

    def drag(self, one: tuple[float, float], other: tuple[float, float]) -> None:
        """Draw a box round a new thing, between two corners ``(y, x)``."""
        self.drop()
        self._add(BoxPrompt.between(one, other))

    def outline_everything(self) -> None:
        """Outline everything in the tile, or in the window that one looks at."""
        self.drop()
        self.begin()
        if not self.network.missing:
            self.everything.place = self._place_seen
            self._ask()
        self._tell()

    def step(self, by: int = 1) -> bool:
        """Show the next candidate; return whether there is one."""
        if self.found is not None:
            self.found = self.found.stepped(by)
        elif not self.asking.step(by):
            return False
        self._tell()
        return True

    def undo(self) -> bool:
        """Take back the last prompt, or drop what there is without; return whether that was."""
        if not self.asking.undo():
            return self.drop()
        self._ask()
        self._say()
        return True

    def drop(self) -> bool:
        """Forget the prompts and their answer; return whether there was anything."""
        was, self.found = self.under_way, None
        self.asking.drop()
        self.everything.stop()
        if was:
            self._say()
        return was

    def take(self, value: int) -> PromptTake | None:
        """Go on from the candidates that are shown, which become `value` of the labels.

        Returns
        -------
        PromptTake or None
            The record of it; None when nothing is shown.
        """
        state, prompter = self.found or self.asked, self.network.prompter
        if state is None or not state.shown or prompter is None:
            return None
        taken = state.take(prompter.fingerprint, View().key, value)
        rest = self.found.rest() if self.found is not None else None
        self.drop()
        self.found = rest
        self._tell()
        return taken

    def prepare(self) -> None:
        """Make embeddings of what is asked about, of where one looks, and of what comes."""
        if not self.begun:
            return
        session = self._session
        self.embeddings.serve(session.project, self.network.prompter)
        places = [self._place_asked, self._place_seen]
        if not session.paints_anywhere:
            places += [item.where for item in session.upcoming()[:AHEAD]]
        self.embeddings.want([place for place in dict.fromkeys(places) if place is not None])

    def close(self) -> None:
        """Listen no more, prepare no more."""
        self.drop()
        self.begun = False
        self.embeddings.stop()
        for signal, slot in self._links:
            signal.disconnect(slot, missing_ok=True)

    # --- where

    @property
    def _place_asked(self) -> Tile | None:
        state = self.found or self.asked
        return state.place if state is not None else self.everything.place

    @property
    def _place_seen(self) -> Tile | None:
        return place_seen(self._session, self.eye())

    # --- asking

    def _add(self, prompt: PointPrompt | BoxPrompt) -> None:
        if not self.begun or self.network.prompter is None:
            self.begin()
        place = place_of(self._session, self.asking.prompts.add(prompt))
        if self.network.missing or place is None:
            self._say(_OUTSIDE if place is None else "")
            return
        self.asking.add(prompt, place)
        self._ask()
        self._say()

    def _ask(self) -> None:
        """Ask what there is to ask, or see to it that this is possible."""
        place, prompter = self._place_asked, self.network.prompter
        embedding = self.embeddings.get(place) if place is not None else None
        if prompter is None or embedding is None:
            self.prepare()
        elif self.everything.place is not None:
            self.everything.start(prompter, embedding)
        else:
            self.asking.ask(prompter, embedding)

    # --- answers

    def _on_refused(self, error: Exception) -> None:
        self._ask()
        self._tell()
        self._session.complain(error)

    def _on_found(self, found: Found | None) -> None:
        self.found = found
        self._say("" if found is not None else _NOTHING)

    def _on_ready(self, _: Tile) -> None:
        self._ask()
        self._tell()

    def _on_failed(self, tile: Tile, error: Exception) -> None:
        if tile == self._place_asked:
            self.drop()
            self._session.complain(error)

    def _on_network(self) -> None:
        if self.network.error is not None:
            self.drop()
        self.prepare()
        self._tell()

    def _on_place(self) -> None:
        """Drop what belongs to a tile that one has left, and prepare the one that came."""
        place = self._place_asked
        if place is not None and not is_here(self._session, place):
            self.drop()
        self.prepare()
        self._tell()

    def _say(self, note: str = "") -> None:
        self.note = note
        self._tell()

    def _tell(self, _: object = None) -> None:
        self.changed.emit()
