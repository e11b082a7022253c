"""Finding out how a module on a server trains."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_phenoai.errors import InputError
from napari_phenoai.loop.remote_call import CALL, CallWay
from napari_phenoai.loop.remote_ours import OURS, OurWay
from napari_phenoai.loop.remote_profile import profile_way
from napari_phenoai.loop.remote_storage import storage_for
from napari_phenoai.remote.ours import our_server

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_phenoai.loop.remote_way import Way
    from napari_phenoai.remote.deepaas import DeepaasClient
    from napari_phenoai.remote.spec import Offer

__all__ = ["ANY", "OTHERS", "Taking", "taking_of", "way_of"]

ANY = "any"
"""Way of a training whose server was not reached yet: whatever fits."""

OTHERS: list[Callable[[str, DeepaasClient, Offer], Way | None]] = [profile_way]
"""For modules that are not ours: each is given a name, or "" for whatever fits, and returns
a way of that name, or None."""


def way_of(name: str, client: DeepaasClient, offer: Offer) -> Way:
    """Return how a module trains.

    Parameters
    ----------
    name : str
        The way that a training was begun with; empty or `ANY` for the one that fits.
    client : DeepaasClient
        The server.
    offer : Offer
        The module.

    Raises
    ------
    InputError
        If it is not known how that module trains.
    SignInError
        If the keys of its storage are missing.
    EndpointError
        If the server does not answer.
    """
    if name == CALL:
        return CallWay(client, offer)
    name = "" if name == ANY else name
    if name == OURS or (not name and our_server(client, offer) is not None):
        return OurWay(client, offer, storage_for(client.endpoint.name))
    for other in OTHERS:
        way = other(name, client, offer)
        if way is not None:
            return way
    what = f"It is not known how {offer.key} at {client.endpoint.name} takes the data of a project."
    raise InputError(what, hint="Train on a server that was started with phenoai serve.")


@dataclass(frozen=True)
class Taking:
    """How a module takes what it learns from.

    Parameters
    ----------
    way : str
        Name of the way; `CALL` where nobody has described the module.
    fixed : frozenset of str
        Values of its form that the way gives.
    proposed : mapping
        Values that are sent unless a person fills in others.
    """

    way: str
    fixed: frozenset[str] = frozenset()
    proposed: Mapping[str, object] = field(default_factory=dict)

    @property
    def takes_tiles(self) -> bool:
        """Whether the reviewed tiles of a project can be sent there, and a model comes back."""
        return self.way != CALL

    @property
    def keeps_model(self) -> bool:
        """Whether the model stays on that server, and comes as a card only."""
        return self.takes_tiles and self.way != OURS


def taking_of(client: DeepaasClient, offer: Offer) -> Taking:
    """Return how a module takes what it learns from.

    Raises
    ------
    SignInError
        If the keys of its storage are missing.
    EndpointError
        If the server does not answer.
    """
    try:
        way = way_of("", client, offer)
    except InputError:
        return Taking(CALL)
    return Taking(way.name, way.fixed, way.proposed)
