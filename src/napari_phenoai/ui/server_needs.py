"""Servers that let no work go on before a person has logged in there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

if TYPE_CHECKING:
    from napari_phenoai.errors import SignInError

__all__ = ["LoginNeeds"]


class LoginNeeds:
    """Keeps which servers want another login for work that waits; knows no widget.

    All methods belong to the main thread.

    Attributes
    ----------
    changed : Signal
        Another server wants one, or one does not any more.
    """

    changed = Signal()

    def __init__(self) -> None:
        self._needs: dict[str, SignInError] = {}

    @property
    def all(self) -> dict[str, SignInError]:
        """What the servers said, by their names, oldest first."""
        return dict(self._needs)

    def put(self, server: str, error: SignInError) -> None:
        """Note that `server` wants a login."""
        old = self._needs.get(server)
        self._needs[server] = error
        if old is None or old.what != error.what:
            self.changed.emit()

    def withdraw(self, server: str) -> None:
        """Note that `server` wants none any more, or that nothing waits for it."""
        if self._needs.pop(server, None) is not None:
            self.changed.emit()
