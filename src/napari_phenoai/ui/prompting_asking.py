"""Asking: the prompts for one thing, step by step, and the answer to the last of them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_phenoai.core.prompts import Prompts
from napari_phenoai.ui.prompting_asked import Asked

if TYPE_CHECKING:
    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.prompts import BoxPrompt, PointPrompt
    from napari_phenoai.ml.sam.embedding import Embedding
    from napari_phenoai.ml.sam.prompter import Answer, Prompter
    from napari_phenoai.ui.background import Background

__all__ = ["Asking"]

_LANE = "prompts"


class Asking:
    """Asks in a thread of its own, so that no prompt waits for an embedding of other tiles.

    Answers to what is asked no more are dropped. Methods belong to the main thread, where
    all signals are emitted too.

    Parameters
    ----------
    background : Background
        Lane ``prompts`` is used.

    Attributes
    ----------
    asked : Asked or None
        The prompts, and their answer once it is there.

    Signals
    -------
    answered
        The answer is there.
    refused : Exception
        There is none; the last prompt was taken back.
    """

    answered = Signal()
    refused = Signal(object)

    def __init__(self, background: Background) -> None:
        self.asked: Asked | None = None
        self._background = background
        self._before: list[Asked] = []
        self._flying: Asked | None = None

    @property
    def prompts(self) -> Prompts:
        """All prompts."""
        return self.asked.prompts if self.asked is not None else Prompts()

    @property
    def under_way(self) -> bool:
        """Whether the network works on the answer now."""
        asked = self.asked
        return asked is not None and asked is self._flying and asked.answer is None

    def add(self, prompt: PointPrompt | BoxPrompt, place: Tile) -> None:
        """Add a prompt, in a window that has all of them; it refines what is shown."""
        before = self.asked
        if before is None:
            self.asked = Asked(Prompts(steps=(prompt,)), place)
        else:
            self._before.append(before)
            self.asked = before.more(prompt, place)

    def ask(self, prompter: Prompter, embedding: Embedding) -> None:
        """Ask what there is no answer to, unless that is under way."""
        asked = self.asked
        if asked is not None and asked.answer is None and asked is not self._flying:
            self._flying = asked
            self._background.do(
                _LANE,
                partial(self._answer, prompter, embedding, asked),
                then=partial(self._on_answer, asked),
                otherwise=partial(self._on_refused, asked),
            )

    def step(self, by: int) -> bool:
        """Show the next candidate; return whether there is one."""
        if self.asked is None or not self.asked.candidates:
            return False
        self.asked = self.asked.stepped(by)
        return True

    def undo(self) -> bool:
        """Take back the last prompt; return whether there was one."""
        was = self.asked is not None
        self.asked = self._before.pop() if self._before else None
        return was

    def drop(self) -> None:
        """Forget all prompts."""
        self.asked = self._flying = None
        self._before = []

    # --- inside

    def _answer(self, prompter: Prompter, embedding: Embedding, asked: Asked) -> Answer | None:
        """Return the answer, or None where it is not wanted any more; runs in the lane."""
        if asked is not self.asked:
            return None
        answer = prompter.ask(embedding, asked.place, asked.prompts, begin_with=asked.begin)
        for candidate in answer.candidates:
            candidate.measure()
        return answer

    def _on_answer(self, asked: Asked, answer: Answer | None) -> None:
        if asked is self.asked and answer is not None:
            self.asked = replace(asked, answer=answer)
            self.answered.emit()

    def _on_refused(self, asked: Asked, error: Exception) -> None:
        if asked is self.asked:
            self.undo()
            self.refused.emit(error)
