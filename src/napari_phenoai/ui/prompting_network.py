"""The network that outlines what prompts mean: which checkpoint, and whether it is loaded."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_phenoai.errors import PhenoError
from napari_phenoai.ml.loading import preload_torch
from napari_phenoai.ml.sam.loading import check_installed, load_prompter
from napari_phenoai.ui.quiet import quietly

if TYPE_CHECKING:
    from napari_phenoai.ml.sam.prompter import Prompter
    from napari_phenoai.ui.background import Background

__all__ = ["PromptNetwork"]

_LANE = "embeddings"


class PromptNetwork:
    """One checkpoint of segment-anything, loaded in the background when it is first needed.

    Parameters
    ----------
    background : Background
        Lane ``embeddings`` is used.

    Attributes
    ----------
    path : Path or None
        The checkpoint that was chosen.
    prompter : Prompter or None
        The network, once it is loaded.
    loading : bool
        Whether it is on its way.
    error : Exception or None
        Why it could not be loaded.

    Signals
    -------
    changed
        One of these is another.
    """

    changed = Signal()

    def __init__(self, background: Background) -> None:
        self.path: Path | None = None
        self.prompter: Prompter | None = None
        self.loading = False
        self.error: Exception | None = None
        self.device = "auto"
        self._background = background

    @property
    def missing(self) -> str:
        """What has to be done before prompts can be answered; empty when nothing."""
        if self.prompter is not None or self.loading:
            return ""
        try:
            check_installed()
        except PhenoError as error:
            return f"{error.what} {error.hint}"
        if self.path is None:
            return "Choose a network for outlines first: press Network …"
        if isinstance(self.error, PhenoError):
            return f"{self.error.what} {self.error.hint}"
        return f"{self.path.name} could not be loaded: {self.error}" if self.error else ""

    def choose(self, path: Path | None, device: str = "auto") -> None:
        """Take another checkpoint; it is loaded when `load` is called."""
        if (path, device) != (self.path, self.device) or self.error is not None:
            self.path, self.device = path, device
            self.prompter = self.error = None
            self.loading = False
            self.changed.emit()

    def load(self) -> None:
        """Load the checkpoint in the background, unless it is loaded or cannot be."""
        if self.prompter is not None or self.loading or self.path is None or self.missing:
            return
        self.loading = True
        path, device = self.path, self.device
        self._background.do(
            _LANE,
            partial(_load, path, device),
            then=partial(self._on_loaded, path),
            otherwise=partial(self._on_error, path),
        )
        self.changed.emit()

    def _on_loaded(self, path: Path, prompter: Prompter) -> None:
        if path == self.path:
            self.prompter, self.loading = prompter, False
            self.changed.emit()

    def _on_error(self, path: Path, error: Exception) -> None:
        if path == self.path:
            self.error, self.loading = error, False
            self.changed.emit()


def _load(path: Path, device: str) -> Prompter:
    with quietly():
        preload_torch()
        return load_prompter(path, device=device)
