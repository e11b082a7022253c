"""Whole images predicted on a server, tile by tile, into the stores of the project."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from napari_phenoai.core.context import read_with_context
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.ids import sha256_bytes, slug
from napari_phenoai.core.mapping import ValueMapping
from napari_phenoai.core.progress import scaled
from napari_phenoai.errors import InputError
from napari_phenoai.loop.predict import areas_wanted, blocks_of
from napari_phenoai.loop.remote_meaning import (
    Unclear,
    meaning_by_names,
    meaning_said_before,
    not_clear,
    tried,
)
from napari_phenoai.remote.asking import RemoteSettings
from napari_phenoai.remote.deepaas import PREDICT_SECONDS
from napari_phenoai.remote.ours import our_model
from napari_phenoai.remote.predictor import RemotePredictor, remote_card
from napari_phenoai.remote.profiles import profiled

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import ImageRecord, ModelCard
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.io.project import Project
    from napari_phenoai.remote.deepaas import DeepaasClient
    from napari_phenoai.remote.ours import OurModel
    from napari_phenoai.remote.spec import Offer

__all__ = [
    "mapping_of",
    "predict_remote",
    "remote_predictor",
    "understood",
]

_TRY_PX = 512


def mapping_of(text: str, scheme: ClassScheme) -> ValueMapping:
    """Return what a person has written of the values, such as ``0=soil,255=plant``.

    A value may have the name that the server gives it, as in ``leaf=plant``. ``*`` stands for
    every other value, ``unlabelled`` for no class.

    Raises
    ------
    InputError
        If it is not of that form, or names a class that the project lacks.
    """
    names = {item.name.casefold(): item.id for item in scheme.active} | {"unlabelled": 0}
    pairs, said = dict[int, int](), dict[str, int]()
    rest: int | None = None
    for part in text.split(","):
        value, _, name = (piece.strip() for piece in part.partition("="))
        found = names.get(name.casefold())
        if found is None or not value:
            listed = ", ".join(item.name for item in scheme.active)
            hint = f"Write it like 0=soil,255=plant. The classes are {listed}."
            raise InputError(f"{part.strip()!r} does not say what a value means.", hint=hint)
        if value == "*":
            rest = found
        elif value.isdecimal():
            pairs[int(value)] = found
        else:
            said[value] = found
    return ValueMapping(pairs=pairs, names=said, rest=rest, reason="Given by hand.", confirmed=True)


def remote_predictor(
    project: Project,
    client: DeepaasClient,
    *,
    offer: str | None = None,
    values: Mapping[str, object] | None = None,
    meaning: ValueMapping | None = None,
    images: Sequence[str] | None = None,
) -> RemotePredictor:
    """Return what `understood` does, or raise where it is not clear what the values mean.

    Parameters
    ----------
    project, client, offer, values, meaning, images
        As for `understood`.

    Raises
    ------
    InputError
        If it is not clear what the values mean: the hint has a proposal.
    EndpointError
        If the server fails.
    """
    found = understood(project, client, offer=offer, values=values, meaning=meaning, images=images)
    if isinstance(found, Unclear):
        raise not_clear(project.scheme, found)
    return found


def understood(
    project: Project,
    client: DeepaasClient,
    *,
    offer: str | None = None,
    values: Mapping[str, object] | None = None,
    meaning: ValueMapping | None = None,
    images: Sequence[str] | None = None,
    picture_field: str | None = None,
    seconds: float = PREDICT_SECONDS,
    stop: threading.Event | None = None,
) -> RemotePredictor | Unclear:
    """Return a model on a server for this project, with a card that is kept in it.

    What its values mean is taken from `meaning`; or from the server, if it is of our own
    kind and has the classes of the project; or from what somebody has said before of this
    server and model. Where nobody knows it, one tile is predicted to see the values.

    A server of our own kind that has the model which serves in the project predicts with
    that one, unless another one is named in `values`.

    Parameters
    ----------
    project : Project
        Open.
    client : DeepaasClient
        The server.
    offer : str, optional
        Its model, where there are several.
    values : mapping, optional
        Of the fields of the form.
    meaning : ValueMapping, optional
        What a person has confirmed.
    images : sequence of str, optional
        Which images it is for; by default all.
    picture_field : str, optional
        Field that takes the tile, where that is not clear.
    seconds : float
        How long the server may be silent.
    stop : threading.Event, optional
        When it is set, nobody waits any more.

    Raises
    ------
    InputError
        If the project has no image, or it is not clear which field takes the tile.
    LabelError
        If the meaning names a class that the project lacks.
    StoppedError
        If `stop` was set.
    EndpointError
        If the server fails.
    """
    model = client.offer(offer)
    chosen = dict(values or {})
    record = areas_wanted(project, images, ())[0][0]
    ours = our_model(client, model, str(chosen.get("model", "")), project.rounds.served())
    if ours is not None:
        chosen["model"] = ours.id
    exact = ours is not None and (record.dtype != "uint8" or record.shape[1] not in {1, 3})
    settings = RemoteSettings(
        values=chosen,
        picture_field=picture_field,
        picture="tiff-exact" if exact else "png",
        seconds=seconds,
    )
    if ours is None:
        settings = profiled(model, settings)
    asked = _asked(model, chosen)
    server = client.endpoint.name
    mapping = (
        meaning
        or meaning_by_names(ours, project.scheme)
        or meaning_said_before(project, server, model, asked)
    )
    if mapping is None:
        pixels = project.source(record.id).read(_sample(record))
        return tried(project.scheme, client, model, pixels, settings, stop=stop)
    mapping.check(project.scheme)
    card = _card(project.scheme, record, server, model, ours=ours, asked=asked, mapping=mapping)
    card = _kept(project, card)
    return RemotePredictor(client, model, card, mapping, settings)


def predict_remote(
    project: Project,
    predictor: RemotePredictor,
    images: Sequence[str] | None = None,
    *,
    regions: Sequence[Tile] = (),
) -> Work[int]:
    """Predict images on a server as `predict_project` does here; goes on where it was stopped.

    One tile of 512 px is sent after the other, with the context that the model needs where
    the server tells it. A pixel without a class is taken as background. There is no
    uncertainty.

    Returns
    -------
    int
        Number of tiles of 512 px that were predicted now.

    Raises
    ------
    EndpointError
        If the server fails; what was predicted before is kept.
    LabelError
        If a value came that nobody has said the meaning of.
    InputError
        If the project has no image, or not one of those named.
    """
    wanted = areas_wanted(project, images, regions)
    count = 0
    for number, (record, region) in enumerate(wanted):
        work = _image(project, predictor, record, region)
        count += yield from scaled(work, number, number + 1, len(wanted))
    return count


def _image(
    project: Project, predictor: RemotePredictor, record: ImageRecord, region: Tile | None
) -> Work[int]:
    source, context = project.source(record.id), predictor.card.context_px
    store = project.predictions(record.id, predictor.card.id)
    background = project.scheme.background
    blocks = blocks_of(source, predictor, image=record.id, region=region)

    def read(tile: Tile) -> NDArray[np.generic]:
        return read_with_context(source, tile, context)

    def keep(tile: Tile, labels: NDArray[np.uint8]) -> None:
        inner = Tile(tile.image, context, context, *tile.shape)
        classes = labels[inner.slices].copy()
        classes[classes == 0] = background
        store.write(tile, classes, None)

    tiles = store.missing(tile for block in blocks for tile in block.tiles)
    return (yield from predictor.work(tiles, read, keep))


def _sample(record: ImageRecord) -> Tile:
    rows, columns = (min(_TRY_PX, extent) for extent in record.plane)
    return Tile(record.id, 0, 0, rows, columns)


def _asked(offer: Offer, values: Mapping[str, object]) -> dict[str, str]:
    """Return the values that tell one way of asking from another; no secrets."""
    fields = offer.predict.fields if offer.predict else ()
    secret = {field.name for field in fields if field.secret}
    return {name: str(value) for name, value in sorted(values.items()) if name not in secret}


def _card(
    scheme: ClassScheme,
    record: ImageRecord,
    server: str,
    offer: Offer,
    *,
    ours: OurModel | None,
    asked: Mapping[str, str],
    mapping: ValueMapping,
) -> ModelCard:
    """Return a card whose id changes with whatever changes the predictions, as far as known."""
    card = remote_card(offer, server, scheme, channels=record.shape[1], dtype=record.dtype)
    pairs = {str(value): number for value, number in sorted(mapping.pairs.items())}
    kept = {**mapping.model_dump(mode="json"), "pairs": pairs}
    settings: dict[str, object] = {
        "server": server,
        "model": offer.key,
        "values": dict(asked),
        "mapping": kept,
        "weights_sha256": ours.weights_sha256 if ours else "",
    }
    told = [server, offer.key, asked, pairs, mapping.rest, settings["weights_sha256"]]
    told += [mapping.names] if mapping.names else []
    digest = sha256_bytes(json.dumps(told).encode())[:8]
    name = f"remote-{slug(server)[:24]}-{slug(ours.id if ours else offer.key)[:32]}-{digest}"
    context = ours.context_px if ours else 0
    return card.but(id=name, settings=settings, context_px=context)


def _kept(project: Project, card: ModelCard) -> ModelCard:
    known: Iterator[ModelCard] = (one for one in project.models.cards() if one.id == card.id)
    found = next(known, None)
    if found is not None:
        return found
    with project.models.stage() as folder:
        return project.models.commit(folder, card)
