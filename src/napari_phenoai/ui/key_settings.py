"""Takes over the keys that are set on napari's settings page, also while windows are open."""

from __future__ import annotations

from functools import cache
from typing import Any

from qtpy.QtCore import QTimer

from napari_phenoai.ui.errors import report
from napari_phenoai.ui.keys import IN_FORCE
from napari_phenoai.ui.preferences import chosen_keys, hear_key_settings

__all__ = ["KeySettings", "hear_keys"]

_PAUSE_MS = 600
"""napari sets a text at each letter that is typed: "Shift-Z" is "S" first."""


class KeySettings:
    """Reads the keys that are set, and again a moment after the last change."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE_MS)
        self._timer.timeout.connect(self.read)

    def hear(self) -> None:
        """Listen to the settings, and take what they say now."""
        hear_key_settings(self._on_set)
        self.read()

    def read(self) -> None:
        """Put the keys that are set in force; what is refused is said once."""
        refused = {str(error): error for error in IN_FORCE.choose(chosen_keys())}
        for words, error in refused.items():
            if words not in self._told:
                report(error)
        self._told = set(refused)

    def _on_set(self, _: Any) -> None:
        self._timer.start()


@cache
def _settings() -> KeySettings:
    return KeySettings()


def hear_keys() -> None:
    """Let what is set rule the keys of all windows from now on; to be called by every dock."""
    _settings().hear()
