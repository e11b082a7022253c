"""OSCAR clusters: services that predict, behind the methods of a DEEPaaS server."""

from __future__ import annotations

import json
import threading
import time
import uuid
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from napari_phenoai.errors import (
    EndpointError,
    NoAnswerError,
    RefusedError,
    ServerFailedError,
)
from napari_phenoai.remote.addresses import check_secret_may_go, is_loopback, shown
from napari_phenoai.remote.auth import BasicLogin, TokenLogin
from napari_phenoai.remote.calls import StoppedError
from napari_phenoai.remote.deepaas import PREDICT_SECONDS, DeepaasClient
from napari_phenoai.remote.oscar_questions import beside, offer_of, question, refused
from napari_phenoai.remote.oscar_replies import read_jobs, read_presigned, read_services, result
from napari_phenoai.remote.problems import refusal
from napari_phenoai.remote.redaction import plain
from napari_phenoai.remote.replies import ModelEntry
from napari_phenoai.remote.transport import MEGABYTE, Limits, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from napari_phenoai.remote.oscar_replies import Service
    from napari_phenoai.remote.replies import Training
    from napari_phenoai.remote.spec import Offer
    from napari_phenoai.remote.transport import Answer
    from napari_phenoai.remote.upload import Upload

__all__ = ["OscarClient"]

_LIST = Limits(max_bytes=16 * MEGABYTE)
_COLD_SECONDS = 30.0
"""A gateway that gives up sooner has no container yet; a later one may have lost an answer."""
_GATEWAYS = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
_LONGEST_PAUSE = 15.0
_SETTLING = 4
_SIGNED = ("content-type", "x-amz-")


class OscarClient(DeepaasClient):
    """Talks to one OSCAR cluster; its services stand for the models of a server.

    Pictures go through the bucket of a service, where it has one: that takes long work and
    waiting for a container. Else the service is run at once and waited for.

    Parameters
    ----------
    endpoint : Endpoint
        The cluster.
    login : Login, optional
        Goes into every request to the cluster, and to nobody else.

    Attributes
    ----------
    first_pause : float
        Seconds before a question is repeated; grows by half each time.
    """

    first_pause = 1.0

    def offers(self, *, fresh: bool = False) -> tuple[Offer, ...]:
        """Return the services of the cluster; see `DeepaasClient.offers`."""
        if self._offers is None or fresh:
            found = read_services(self.http.get(self.url("/system/services"), limits=_LIST))
            self._services = {service.name: service for service in found}
            self._offers = tuple(offer_of(service) for service in found)
        return self._offers

    def models(self) -> list[ModelEntry]:
        """Return the names of the services."""
        return [ModelEntry(id=offer.key, name=offer.key) for offer in self.offers()]

    def entry(self, offer: Offer) -> ModelEntry:
        """Return the name of a service; a cluster says no more of it."""
        return ModelEntry(id=offer.key, name=offer.key)

    def trainings(self, offer: Offer) -> list[Training]:  # noqa: ARG002 - of the port
        """Return nothing: services do not train."""
        return []

    def check(self) -> float:
        """Return after how many seconds the cluster answers; see `DeepaasClient.check`."""
        began = time.monotonic()
        self.http.get(self.url("/health"))
        seconds = time.monotonic() - began
        if self.endpoint.credential is not None:
            self.offers(fresh=True)
        return seconds

    def probe(self, offer: Offer) -> tuple[EndpointError | None, list[Training] | None]:  # noqa: ARG002
        """Look quickly whether the cluster answers; see `DeepaasClient.probe`."""
        with self._transport(retries=False) as http:
            try:
                http.get(self.url("/health"), limits=Limits(3, 5, 10))
            except EndpointError as error:
                return error, None
        return None, []

    def predict(
        self,
        offer: Offer,
        files: Mapping[str, Upload],
        values: Mapping[str, object] | None = None,
        *,
        accept: str | None = None,  # noqa: ARG002 - only JSON is kept by a cluster
        seconds: float = PREDICT_SECONDS,
        on_progress: Callable[[int, int], object] | None = None,
        stop: threading.Event | None = None,
    ) -> Answer:
        """Have a service predict, and wait for its result; see `DeepaasClient.predict`."""
        self.offers()
        service = self._services.get(offer.key)
        if service is None:
            what = f"{self.endpoint.name} has no service {offer.key} any more."
            raise RefusedError(what, hint="Look at the services it lists.")
        body = question(values or {}, files)
        ending = stop or threading.Event()

        def work() -> Answer:
            if on_progress is not None:
                on_progress(0, len(body))
            flow = self._by_bucket if service.bucket else self._by_run
            answer = flow(service, body, seconds, ending)
            if on_progress is not None:
                on_progress(len(body), len(body))
            return result(answer)

        return self._lane.call(work, stop).wait(stop)

    # --- at once

    def _by_run(
        self, service: Service, body: bytes, seconds: float, stop: threading.Event
    ) -> Answer:
        """Run a service and wait; again only where it has surely not been run."""
        limits = Limits(read_seconds=seconds, total_seconds=seconds, max_bytes=512 * MEGABYTE)
        url = self.url(f"/run/{quote(service.name)}")
        renewed = False
        with Transport(self._base, self._run_login(service), ca_file=self._ca()) as http:
            for _ in self._pauses(seconds, stop):
                began = time.monotonic()
                kind = {"Content-Type": "application/json"}
                answer = http.ask("POST", url, data=body, headers=kind, limits=limits)
                if 200 <= answer.status < 300:
                    return answer
                denied = answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND}
                if denied and not renewed and http.login.renew():
                    renewed = True
                    continue
                cold = answer.status == HTTPStatus.BAD_GATEWAY
                if not (cold and time.monotonic() - began < _COLD_SECONDS):
                    raise refused(answer)
        what = f"{service.name} has no container yet after {seconds:.0f} s."
        raise NoAnswerError(what, hint="Its image may be large: try again later.", diagnosis="slow")

    def _run_login(self, service: Service) -> TokenLogin | None:
        """Return the login for running: a token, which a user name and password are not."""
        if isinstance(self.http.login, BasicLogin) and service.token:
            return TokenLogin(self._base, service.token)
        return self._login  # type: ignore[return-value]

    # --- through the bucket

    def _by_bucket(
        self, service: Service, body: bytes, seconds: float, stop: threading.Event
    ) -> Answer:
        """Put the question into the bucket, and wait for the result beside it."""
        bucket, inputs, outputs = service.bucket or ("", "", "")
        name = uuid.uuid4().hex
        answer = self._file(bucket, f"{inputs}/{name}.json", body)
        if not 200 <= answer.status < 300:
            raise refusal(answer.url, answer.status, "", is_html=False)
        for _ in self._pauses(seconds, stop):
            log = self._file(bucket, f"{outputs}/{name}.log")
            if 200 <= log.status < 300:
                return self._ended(bucket, f"{outputs}/{name}.json", log, stop)
            if log.status not in {HTTPStatus.NOT_FOUND, *_GATEWAYS}:
                raise refusal(log.url, log.status, "", is_html=False)
        raise self._late(service, seconds)

    def _ended(self, bucket: str, key: str, log: Answer, stop: threading.Event) -> Answer:
        """Return the result of a job that has ended; without one, what its log says."""
        for _ in range(_SETTLING):
            found = self._file(bucket, key)
            if 200 <= found.status < 300:
                return found
            if stop.wait(self.first_pause / 2):
                raise StoppedError
        last = [line for line in log.text.splitlines() if line.strip()][-1:]
        hint = "Check the picture and the values; the text is the module's own."
        what = f"The module failed. It says last: {plain(' '.join(last), 200)}"
        raise ServerFailedError(what, hint=hint)

    def _file(self, bucket: str, key: str, content: bytes | None = None) -> Answer:
        """Put a file into a bucket, or get one, by an address that the cluster signs."""
        wish = {"object_key": key, "expires_in": 900}
        wish["operation"] = "download" if content is None else "upload"
        url = self.url(f"/system/buckets/{quote(bucket)}/presign")
        data, kind = json.dumps(wish).encode(), {"Content-Type": "application/json"}
        answer = self.http.ask("POST", url, data=data, headers=kind)
        if answer.status == HTTPStatus.UNAUTHORIZED and self.http.login.renew():
            answer = self.http.ask("POST", url, data=data, headers=kind)
        if not 200 <= answer.status < 300:
            raise refused(answer)
        signed = read_presigned(answer)
        self._check_place(signed.url)
        headers = {k: v for k, v in signed.headers.items() if k.lower().startswith(_SIGNED)}
        limits = Limits(read_seconds=60, total_seconds=600, max_bytes=512 * MEGABYTE)
        method = "GET" if content is None else "PUT"
        with Transport(signed.url, ca_file=self._ca(signed.url)) as http:
            return http.ask(method, signed.url, data=content, headers=headers, limits=limits)

    def _check_place(self, url: str) -> None:
        """Raise if a cluster points to a place where it has no business."""
        check_secret_may_go(url)
        if is_loopback(url) and not is_loopback(self._base):
            what = f"{shown(self._base)} wants files to be put on this computer."
            raise RefusedError(what, hint="Tell whoever runs the cluster.")

    def _ca(self, url: str | None = None) -> Path | None:
        """Return the certificates of the cluster, for itself and hosts beside it."""
        file = self.endpoint.ca_file
        if not file or (url is not None and not beside(url, self._base)):
            return None
        return Path(file)

    def _late(self, service: Service, seconds: float) -> NoAnswerError:
        """Return the error for a result that has not come, with a look at the jobs."""
        url = self.url(f"/system/logs/{quote(service.name)}")
        try:
            jobs = read_jobs(self.http.get(url, limits=_LIST))
        except EndpointError as error:
            what = f"{service.name} has no result after {seconds:.0f} s. {error.what}"
            return NoAnswerError(what, hint=error.hint, diagnosis="down")
        waiting, running = jobs.counted("Pending", "Suspended"), jobs.counted("Running")
        what = f"{service.name} has no result after {seconds:.0f} s: "
        what += f"{running} jobs of it run, {waiting} wait."
        hint = "Allow more time, or ask when the cluster is less busy."
        return NoAnswerError(what, hint=hint, diagnosis="busy" if waiting else "slow")

    def _pauses(self, seconds: float, stop: threading.Event) -> Iterator[None]:
        """Yield at once and then after growing pauses, until `seconds` have passed."""
        until, pause = time.monotonic() + seconds, self.first_pause
        while True:
            yield
            left = until - time.monotonic()
            if left <= 0:
                return
            if stop.wait(min(pause, left)):
                raise StoppedError
            pause = min(pause * 1.5, _LONGEST_PAUSE)
