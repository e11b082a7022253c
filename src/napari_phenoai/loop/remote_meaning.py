"""What the values of a server mean in a project: known, said before, or still to be said."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from napari_phenoai.core.mapping import ValueMapping, propose
from napari_phenoai.errors import InputError, LabelError
from napari_phenoai.remote.asking import RemoteSettings, raw_mask

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.io.project import Project
    from napari_phenoai.remote.deepaas import DeepaasClient
    from napari_phenoai.remote.ours import OurModel
    from napari_phenoai.remote.spec import Offer

__all__ = [
    "Unclear",
    "meaning_by_names",
    "meaning_said_before",
    "not_clear",
    "remember_meaning",
    "tried",
]

_MEANING = "remote-meaning:"


@dataclass(frozen=True)
class Unclear:
    """What a server answers, while nobody has said what its values mean.

    Parameters
    ----------
    server, model : str
        Who answered.
    distinct : tuple of int
        The different values that came for one tile.
    names : mapping of int to str
        What the server calls them, where it does.
    guess : ValueMapping
        What they may mean; to be confirmed by a person.
    """

    server: str
    model: str
    distinct: tuple[int, ...]
    names: Mapping[int, str]
    guess: ValueMapping


def remember_meaning(project: Project, server: str, model: str, meaning: ValueMapping) -> None:
    """Keep in the project what the values of a model on a server mean, as a person said.

    Parameters
    ----------
    project : Project
        Open.
    server, model : str
        Name of the server, and of its module.
    meaning : ValueMapping
        Confirmed.
    """
    project.ledger.set_setting(f"{_MEANING}{server}:{model}", meaning.model_dump_json())


def meaning_by_names(ours: OurModel | None, scheme: ClassScheme) -> ValueMapping | None:
    """Return the mapping between equal names; None where one is missing here."""
    if ours is None:
        return None
    known = {item.name: item.id for item in scheme.active}
    if not set(ours.classes.values()) <= set(known):
        return None
    pairs = {number: known[name] for number, name in ours.classes.items()}
    reason = "The server uses the names of your classes."
    return ValueMapping(pairs=pairs, reason=reason, confirmed=True)


def meaning_said_before(
    project: Project, server: str, offer: Offer, asked: Mapping[str, str]
) -> ValueMapping | None:
    """Return what a person has said of a model on a server in this project, or None."""
    said = project.ledger.get_setting(f"{_MEANING}{server}:{offer.key}")
    if said is not None:
        with suppress(ValidationError, LabelError):
            meaning = ValueMapping.model_validate_json(said)
            meaning.check(project.scheme)
            return meaning
    key = {"server": server, "model": offer.key, "values": dict(asked)}
    for card in reversed(project.models.cards()):
        same = card.family == "remote" and {name: card.settings.get(name) for name in key} == key
        if same and card.scheme_version == project.scheme.version:
            with suppress(ValidationError):
                return ValueMapping.model_validate(card.settings.get("mapping"))
    return None


def tried(
    scheme: ClassScheme,
    client: DeepaasClient,
    offer: Offer,
    pixels: NDArray[np.generic],
    settings: RemoteSettings,
    *,
    stop: threading.Event | None = None,
) -> Unclear:
    """Have one tile predicted, and propose what its values mean.

    Parameters
    ----------
    scheme : ClassScheme
        Classes of the project.
    client, offer, settings, stop
        As for `napari_phenoai.remote.asking.raw_mask`.
    pixels : ndarray, shape (c, y, x)
        The tile.

    Raises
    ------
    EndpointError
        If the server fails.
    """
    mask = raw_mask(client, offer, pixels, str(pixels.dtype), settings, stop=stop)
    guess = propose(mask.distinct, scheme, mask.names)
    distinct = tuple(int(value) for value in mask.distinct)
    return Unclear(client.endpoint.name, offer.key, distinct, dict(mask.names), guess)


def not_clear(scheme: ClassScheme, found: Unclear) -> InputError:
    """Return the error that proposes to a person what the values of `found` mean."""
    names = {0: "unlabelled", **{item.id: item.name for item in scheme.active}}
    guess = found.guess.naming(found.names)
    said = [f"{value}={names[number]}" for value, number in sorted(guess.pairs.items())]
    said += [f"{name}={names[number]}" for name, number in guess.names.items()]
    said += [] if guess.rest is None else [f"*={names[guess.rest]}"]
    called = [f"{value} {found.names.get(value, '')}".strip() for value in found.distinct[:10]]
    listed = ", ".join(called)
    what = f"{found.server} answers with the values {listed}. {guess.reason}"
    return InputError(what, hint=f"If that is right, add: --classes-as {','.join(said)}")
