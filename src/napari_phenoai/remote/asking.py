"""One tile to a model on a server, and what comes back, not yet classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_phenoai.errors import InputError, RefusedError
from napari_phenoai.remote.answers import read_answer
from napari_phenoai.remote.deepaas import PREDICT_SECONDS
from napari_phenoai.remote.picture_files import PictureFormat, picture_upload

if TYPE_CHECKING:
    import threading

    import numpy as np
    from numpy.typing import NDArray

    from napari_phenoai.remote.deepaas import DeepaasClient
    from napari_phenoai.remote.reading import MaskValues
    from napari_phenoai.remote.spec import Offer

__all__ = ["RemoteSettings", "picture_field", "raw_mask"]


@dataclass(frozen=True)
class RemoteSettings:
    """How a model on a server is asked.

    Parameters
    ----------
    values : mapping
        Of the form's fields; those left out keep the server's own values.
    picture_field : str or None
        Field that takes the tile; None for the one that is marked as a picture.
    picture : str
        Kind of file that is sent: ``png``, ``jpeg``, ``tiff`` or ``tiff-exact``.
    accept : str or None
        Media type to ask for; None for the best one.
    seconds : float
        How long the server may be silent.
    """

    values: Mapping[str, object] = field(default_factory=dict)
    picture_field: str | None = None
    picture: PictureFormat = "png"
    accept: str | None = None
    seconds: float = PREDICT_SECONDS


def raw_mask(
    client: DeepaasClient,
    offer: Offer,
    pixels: NDArray[np.generic],
    dtype: str,
    settings: RemoteSettings | None = None,
    *,
    stop: threading.Event | None = None,
) -> MaskValues:
    """Return what a server says of one tile, before anybody knows what its values mean.

    Parameters
    ----------
    client : DeepaasClient
        The server.
    offer : Offer
        The model.
    pixels : ndarray, shape (c, y, x)
        Values as in the image file.
    dtype : str
        Type of the values of the image files.
    settings : RemoteSettings, optional
        How the model is asked.
    stop : threading.Event, optional
        When it is set, nobody waits any more.

    Raises
    ------
    EndpointError
        If the server fails, or sends no mask.
    """
    settings = settings or RemoteSettings()
    upload = picture_upload(pixels, dtype, settings.picture)
    answer = client.predict(
        offer,
        {picture_field(offer, settings.picture_field): upload},
        settings.values,
        accept=settings.accept,
        seconds=settings.seconds,
        stop=stop,
    )
    return read_answer(answer, (pixels.shape[1], pixels.shape[2]), upload.name)


def picture_field(offer: Offer, wish: str | None = None) -> str:
    """Return the name of the field that takes the tile.

    Raises
    ------
    InputError
        If that is not clear, or there is no field of the name wished.
    RefusedError
        If the model does not predict.
    """
    if offer.predict is None:
        hint = "Choose another model of this server."
        raise RefusedError(f"{offer.key} does not predict.", hint=hint)
    files = [item.name for item in offer.predict.files]
    chosen = offer.predict.picture
    name = wish or (chosen.name if chosen else None)
    if name is None or name not in files:
        hint = f"Its files are: {', '.join(files)}." if files else "It takes no file at all."
        raise InputError(f"Which file of {offer.key} takes the picture is not clear.", hint=hint)
    return name
