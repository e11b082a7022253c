"""A model on a server, behind the same port as the models on this computer."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.mapping import ValueMapping
from napari_phenoai.core.progress import Progress
from napari_phenoai.core.records import ModelCard
from napari_phenoai.errors import InputError, ModelError
from napari_phenoai.remote.asking import RemoteSettings, picture_field, raw_mask
from napari_phenoai.remote.calls import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.remote.deepaas import DeepaasClient
    from napari_phenoai.remote.reading import MaskValues
    from napari_phenoai.remote.spec import Offer

__all__ = ["RemotePredictor", "remote_card"]


def remote_card(
    offer: Offer, server: str, scheme: ClassScheme, *, channels: int, dtype: str
) -> ModelCard:
    """Return the card of a model on a server, which says nothing of how it was made.

    Parameters
    ----------
    offer : Offer
        The model.
    server : str
        Name of the server.
    scheme : ClassScheme
        Classes of the project.
    channels : int
        Of its images.
    dtype : str
        Of its images.
    """
    return ModelCard(
        id=f"remote-{server}-{offer.key}",
        family="remote",
        channels=channels,
        dtype=dtype,
        class_ids=scheme.ids,
        class_names=scheme.names,
        scheme_version=scheme.version,
        note=f"{offer.key} at {server}",
    )


class RemotePredictor:
    """Predicts tiles on a server.

    Its methods block; none is called from the thread of a window.

    Parameters
    ----------
    client : DeepaasClient
        The server.
    offer : Offer
        The model.
    card : ModelCard
        As `remote_card` returns.
    mapping : ValueMapping
        What the values mean that come back; a person has confirmed it.
    settings : RemoteSettings, optional
        How the model is asked.

    Raises
    ------
    InputError
        If the mapping is not confirmed, or it is not clear which field takes the tile.
    RefusedError
        If the model does not predict.
    """

    def __init__(
        self,
        client: DeepaasClient,
        offer: Offer,
        card: ModelCard,
        mapping: ValueMapping,
        settings: RemoteSettings | None = None,
    ) -> None:
        if not mapping.confirmed:
            hint = "Look at what the values mean, and confirm it."
            raise InputError("Nobody has confirmed what the server's values mean.", hint=hint)
        self._client = client
        self._offer = offer
        self._card = card
        self._mapping = mapping
        self._settings = settings or RemoteSettings()
        picture_field(offer, self._settings.picture_field)

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return self._card

    @property
    def device(self) -> str:
        """Where it computes."""
        return f"server {self._client.endpoint.name}"

    def labels(
        self, pixels: NDArray[np.generic], stop: threading.Event | None = None
    ) -> NDArray[np.uint8]:
        """Return the classes of one tile.

        Parameters
        ----------
        pixels : ndarray, shape (c, y, x)
            Values as in the image file.
        stop : threading.Event, optional
            When it is set, nobody waits any more.

        Returns
        -------
        ndarray of uint8, shape (y, x)
            Ids of classes; 0 where unlabelled.

        Raises
        ------
        ModelError
            If the number of channels differs from the card's.
        LabelError
            If a value came that the mapping does not know.
        StoppedError
            If `stop` was set.
        EndpointError
            If the server fails, or sends no mask.
        """
        tile, dtype = self._checked(pixels[np.newaxis])[0], self._card.dtype
        mask = raw_mask(self._client, self._offer, tile, dtype, self._settings, stop=stop)
        return (self._by_names(mask) or self._mapping).apply(mask.values, mask.names)

    def predict(self, pixels: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return 1 for the class of each pixel and 0 for the others, one request a piece.

        Parameters
        ----------
        pixels : ndarray, shape (n, c, y, x)
            Values as in the image file.

        Returns
        -------
        ndarray of float32, shape (n, k, y, x)
            Plane ``i`` is class ``card.class_ids[i]``; all alike where unlabelled.

        Raises
        ------
        ModelError, LabelError, EndpointError
            As `labels` does.
        """
        self._checked(pixels)
        ids = np.array(self._card.class_ids, np.uint8)
        shape = (len(pixels), len(ids), *pixels.shape[2:])
        found = np.zeros(shape, np.float32)
        for number, piece in enumerate(pixels):
            labels = self.labels(piece)
            found[number] = labels == ids[:, np.newaxis, np.newaxis]
            found[number][:, ~found[number].any(axis=0)] = 1 / len(ids)
        return found

    def work(
        self,
        tiles: Iterable[Tile],
        read: Callable[[Tile], NDArray[np.generic]],
        keep: Callable[[Tile, NDArray[np.uint8]], object],
    ) -> Work[int]:
        """Predict tiles one after the other; can be stopped while the server is at work.

        Parameters
        ----------
        tiles : iterable of Tile
            In order.
        read : callable
            Returns the pixels ``(c, y, x)`` of a tile.
        keep : callable
            Is given each tile and its classes. What comes after a stop is not kept.

        Returns
        -------
        int
            How many were kept.
        """
        waiting, stop = list(tiles), threading.Event()
        try:
            for number, tile in enumerate(waiting):
                message = f"{self.device} predicts tile {number + 1}"
                yield Progress(number, len(waiting), message)
                pixels = read(tile)
                call = Call(lambda pixels=pixels: self.labels(pixels, stop))  # type: ignore[misc]
                for _ in call.steps():
                    yield Progress(number, len(waiting), message)
                keep(tile, call.result())
        finally:
            stop.set()
        return len(waiting)

    def _by_names(self, mask: MaskValues) -> ValueMapping | None:
        """Return what the names in an answer say, if all are known.

        They are known where a class of the project is called so, or a person has said it.

        An answer numbers its classes as they occur in it: so the same number may be another
        class in the next tile, but a name is not.
        """
        pairs = dict(zip(self._card.class_names, self._card.class_ids, strict=True))
        said = {**pairs, **self._mapping.names}
        known = {name.casefold(): number for name, number in said.items()}
        named = {value: known.get(name.casefold()) for value, name in mask.names.items()}
        found = {value: number for value, number in named.items() if number is not None}
        if not found or len(found) < len(named):
            return None
        return ValueMapping(pairs={**self._mapping.pairs, **found}, confirmed=True)

    def _checked(self, pixels: NDArray[np.generic]) -> NDArray[np.generic]:
        if pixels.shape[1] != self._card.channels:
            what = f"The image has {pixels.shape[1]} channels, not {self._card.channels}."
            raise ModelError(what, hint="Choose the server's model anew for this image.")
        return pixels
