"""A DEEPaaS server: what it offers, and predictions."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from napari_phenoai.errors import (
    AnswerError,
    EndpointError,
    InputError,
    NoAnswerError,
    RefusedError,
)
from napari_phenoai.remote.addresses import base_url, joined, shown
from napari_phenoai.remote.calls import Call, Lane
from napari_phenoai.remote.diagnosis import Experience, diagnosed
from napari_phenoai.remote.replies import ModelEntry, ModelList, parsed, read_json, trainings
from napari_phenoai.remote.spec import Offer, offers
from napari_phenoai.remote.transport import MEGABYTE, Limits, Transport
from napari_phenoai.remote.upload import multipart
from napari_phenoai.remote.wire import encoded

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from napari_phenoai.core.endpoints import Endpoint
    from napari_phenoai.remote.auth import Login
    from napari_phenoai.remote.replies import Training
    from napari_phenoai.remote.transport import Answer
    from napari_phenoai.remote.upload import Upload

__all__ = ["PREDICT_SECONDS", "DeepaasClient"]

PREDICT_SECONDS = 300.0
_SPEC = Limits(max_bytes=16 * MEGABYTE)
_PROBE = Limits(connect_seconds=10, read_seconds=30, total_seconds=30)
"""An overloaded server takes many seconds for what a frozen one never answers."""


class DeepaasClient:
    """Talks to one DEEPaaS server.

    Its methods block; none is called from the thread of a window. They may be called
    from several threads. At most as many predictions are on their way at the same time
    as the endpoint allows.

    Parameters
    ----------
    endpoint : Endpoint
        The server.
    login : Login, optional
        Goes into every request.

    Attributes
    ----------
    http : Transport
        The connection.
    """

    def __init__(self, endpoint: Endpoint, login: Login | None = None) -> None:
        self.endpoint = endpoint
        self._base = base_url(endpoint.url)
        self._login = login
        self._lane = Lane(endpoint.at_once)
        self._offers: tuple[Offer, ...] | None = None
        self._experience = Experience()
        self.http = self._transport()

    def offers(self, *, fresh: bool = False) -> tuple[Offer, ...]:
        """Return the models of the server and what can be done with each.

        It is asked for once and kept, unless `fresh` is set.

        Raises
        ------
        EndpointError
            If there is no answer, or the server is none of DEEPaaS.
        """
        if self._offers is None or fresh:
            answer = self.http.get(self.url("/swagger.json"), limits=_SPEC)
            self._offers = offers(read_json(answer))
        return self._offers

    def offer(self, key: str | None = None) -> Offer:
        """Return the model called `key`, or the only one there is.

        Raises
        ------
        InputError
            If there is no such model, or several and none was named.
        EndpointError
            As `offers` does.
        """
        found = self.offers()
        known = ", ".join(item.key for item in found) or "none"
        fitting = [item for item in found if key in {None, item.key}]
        if len(fitting) == 1:
            return fitting[0]
        what = f"{self.endpoint.name} has no model {key!r}." if key else "Several models are there."
        raise InputError(what, hint=f"Its models are: {known}.")

    def models(self) -> list[ModelEntry]:
        """Return what the modules say of themselves.

        This makes each of them look for itself: ask at most every few seconds.

        Raises
        ------
        EndpointError
            If there is no answer, or one that does not fit.
        """
        return parsed(self.http.get(self.url("/v2/models/")), ModelList).models

    def entry(self, offer: Offer) -> ModelEntry:
        """Return what the module of `offer` says of itself.

        Raises
        ------
        EndpointError
            If there is no answer, or one that does not fit.
        """
        return parsed(self.http.get(self.url(f"{offer.path}/")), ModelEntry)

    def trainings(self, offer: Offer) -> list[Training]:
        """Return the trainings that the server knows, also those of others.

        Raises
        ------
        EndpointError
            If there is no answer, or one that does not fit.
        """
        return trainings(self.http.get(self.url(f"{offer.path}/train/")))

    def predict(
        self,
        offer: Offer,
        files: Mapping[str, Upload],
        values: Mapping[str, object] | None = None,
        *,
        accept: str | None = None,
        seconds: float = PREDICT_SECONDS,
        on_progress: Callable[[int, int], object] | None = None,
        stop: threading.Event | None = None,
    ) -> Answer:
        """Have the model predict, and wait for its answer.

        Parameters
        ----------
        offer : Offer
            The model.
        files : mapping of str to Upload
            By the names of their fields.
        values : mapping of str to object, optional
            Of other fields; those left out keep the server's own values.
        accept : str, optional
            Media type to ask for; by default the best one for masks.
        seconds : float
            How long the server may be silent.
        on_progress : callable, optional
            Is called with the bytes sent and all bytes, in another thread.
        stop : threading.Event, optional
            When it is set, nobody waits any more. The server goes on nevertheless, so
            that its next prediction waits for the end of this one.

        Raises
        ------
        FieldsError
            If a value is wrong; says for each field why.
        NoAnswerError
            If no answer came in time; its ``diagnosis`` says what seems to be the matter.
        StoppedError
            If `stop` was set.
        EndpointError
            If anything else fails.
        """
        if offer.predict is None:
            name = self.endpoint.name
            hint = f"The Servers dock, or phenoai endpoints show {name}, lists what it offers."
            raise RefusedError(f"{offer.key} does not predict at this server.", hint=hint)
        sendable = encoded(offer.predict, values or {}, files, accept)

        def send() -> Answer:
            began = time.monotonic()
            limits = Limits(read_seconds=seconds, total_seconds=seconds, max_bytes=512 * MEGABYTE)
            url = self.url(f"{offer.path}/predict/")
            with multipart(sendable.files, sendable.texts, on_progress) as body:
                answer = self.http.post(
                    url,
                    accept=sendable.accept,
                    params=sendable.query,
                    data=body.stream,
                    content_type=body.content_type,
                    limits=limits,
                    headers=sendable.headers,
                )
            self._experience.answered(time.monotonic() - began)
            return answer

        call: Call[Answer] = self._lane.call(send, stop)
        try:
            return call.wait(stop)
        except NoAnswerError as error:
            self._experience.missed(seconds)
            found = Call(lambda: self.probe(offer)).wait(stop)
            raise diagnosed(error, self.endpoint.name, found, self._experience) from error

    def probe(self, offer: Offer) -> tuple[EndpointError | None, list[Training] | None]:
        """Look how the server is, past any request that is on its way.

        Its version is asked for: that is no work for any module, so that one which takes
        long to describe itself does not make the server look frozen.

        Returns
        -------
        EndpointError or None
            Why it does not answer at all.
        list of Training or None
            The trainings that run there; None where it cannot list them.
        """
        with self._transport(retries=False) as http:
            try:
                http.get(self.url("/v2/"), limits=_PROBE)
            except RefusedError:
                pass  # what says no is there
            except EndpointError as error:
                return error, None
            try:
                found = trainings(http.get(self.url(f"{offer.path}/train/"), limits=_PROBE))
            except EndpointError:
                return None, None
        return None, [item for item in found if item.status == "running"]

    def check(self) -> float:
        """Return after how many seconds the server answers.

        Raises
        ------
        EndpointError
            If it does not, or is none of DEEPaaS.
        """
        began = time.monotonic()
        answer = self.http.get(self.url("/v2/models/"))
        seconds = time.monotonic() - began
        parsed(answer, ModelList)
        if not self.offers(fresh=True):
            what = f"{shown(self._base)} offers neither predictions nor trainings."
            raise AnswerError(what, hint="Ask its owner whether the model could be loaded.")
        return seconds

    def close(self) -> None:
        """Give the connections back; a request that is under way goes on."""
        self.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"DeepaasClient({self.endpoint.name!r}, {shown(self._base)!r})"

    def _transport(self, *, retries: bool = True) -> Transport:
        ca_file = Path(self.endpoint.ca_file) if self.endpoint.ca_file else None
        return Transport(self._base, self._login, ca_file=ca_file, retries=retries)

    def url(self, path: str) -> str:
        """Return the address of the server's `path`."""
        return joined(self._base, path)
