"""What is known of one server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from napari_phenoai.core.endpoints import Credential, Endpoint
    from napari_phenoai.remote.server_list import Found
    from napari_phenoai.remote.spec import Offer

__all__ = ["ServerState"]

Health = Literal["unknown", "asking", "well", "wrong"]


@dataclass(frozen=True)
class ServerState:
    """What is known of one server.

    Parameters
    ----------
    endpoint : Endpoint
        The server.
    login : Credential or None
        Its login, without the secret.
    health : str
        ``unknown`` until it was asked, ``asking``, ``well``, or ``wrong``.
    found : Found or None
        What it said when it last was well.
    error : Exception or None
        Why it is ``wrong``.
    """

    endpoint: Endpoint
    login: Credential | None = None
    health: Health = "unknown"
    found: Found | None = None
    error: Exception | None = None

    @property
    def offers(self) -> tuple[Offer, ...]:
        """Its models, as far as they are known."""
        return self.found.offers if self.found else ()
