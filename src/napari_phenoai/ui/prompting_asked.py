"""What was asked and answered: values that `Prompting` goes through."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_phenoai.core.prompts import Prompts, PromptTake, cycled

if TYPE_CHECKING:
    from typing import Self

    import numpy as np
    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.prompts import BoxPrompt, MaskCandidate, PointPrompt
    from napari_phenoai.ml.sam.prompter import Answer

__all__ = ["Asked", "Found"]


@dataclass(frozen=True, eq=False)
class Asked:
    """Prompts for one thing, and their answer.

    Parameters
    ----------
    prompts : Prompts
        Never empty.
    place : Tile
        The window that is asked about.
    begin : ndarray of float32, optional
        The outline that the last prompt refines.
    answer : Answer, optional
        None while it is on its way.
    chosen : int
        Number of the candidate that is shown.
    """

    prompts: Prompts
    place: Tile
    begin: NDArray[np.float32] | None = None
    answer: Answer | None = None
    chosen: int = 0

    @property
    def candidates(self) -> tuple[MaskCandidate, ...]:
        """All answers, the best first."""
        return self.answer.candidates if self.answer is not None else ()

    @property
    def shown(self) -> tuple[MaskCandidate, ...]:
        """The candidate to look at, if there is one."""
        return self.candidates[self.chosen : self.chosen + 1]

    def stepped(self, by: int) -> Self:
        """Return it with the next candidate shown."""
        return replace(self, chosen=cycled(self.chosen, len(self.candidates), by))

    def more(self, prompt: PointPrompt | BoxPrompt, place: Tile) -> Asked:
        """Return what is asked with one prompt more, which refines what is shown."""
        if self.answer is None or place != self.place:
            return Asked(self.prompts.add(prompt), place)
        refining = prompt.but(refines=self.chosen)
        return Asked(self.prompts.add(refining), place, self.answer.outlines[self.chosen])

    def take(self, model: str, view: str, value: int) -> PromptTake:
        """Return the record of taking the candidate that is shown."""
        return PromptTake(
            tile=self.place.key,
            prompts=self.prompts,
            model=model,
            view=view,
            chosen=self.chosen,
            value=value,
            area_px=self.shown[0].area,
            score=self.shown[0].score,
        )


@dataclass(frozen=True, eq=False)
class Found:
    """Everything that was outlined in a window.

    Parameters
    ----------
    place : Tile
        The window.
    candidates : tuple of MaskCandidate
        Those that have not been taken or dropped.
    numbers : tuple of int
        Their numbers among all that were found.
    grid : int
        Clicks along each side.
    chosen : int, optional
        Which of `candidates` is shown; None shows all.
    """

    place: Tile
    candidates: tuple[MaskCandidate, ...]
    numbers: tuple[int, ...]
    grid: int
    chosen: int | None = None

    @property
    def shown(self) -> tuple[MaskCandidate, ...]:
        """The candidates to look at."""
        if self.chosen is None:
            return self.candidates
        return self.candidates[self.chosen : self.chosen + 1]

    def stepped(self, by: int) -> Self:
        """Return it with the next candidate shown; after the last one, all of them."""
        last = len(self.candidates)
        at = cycled(last if self.chosen is None else self.chosen, last + 1, by)
        return replace(self, chosen=None if at == last else at)

    def rest(self) -> Self | None:
        """Return what is left without the candidates that are shown; None when nothing is."""
        if self.chosen is None or len(self.candidates) < 2:
            return None
        left = [at for at in range(len(self.candidates)) if at != self.chosen]
        return replace(
            self,
            candidates=tuple(self.candidates[at] for at in left),
            numbers=tuple(self.numbers[at] for at in left),
            chosen=min(self.chosen, len(left) - 1),
        )

    def take(self, model: str, view: str, value: int) -> PromptTake:
        """Return the record of taking the candidates that are shown."""
        shown = self.shown
        return PromptTake(
            tile=self.place.key,
            prompts=Prompts(),
            model=model,
            view=view,
            chosen=None if self.chosen is None else self.numbers[self.chosen],
            value=value,
            area_px=sum(candidate.area for candidate in shown),
            score=sum(candidate.score for candidate in shown) / len(shown),
            grid=self.grid,
        )
