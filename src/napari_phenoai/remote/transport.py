"""One connection to one server: timeouts, limits, no surprises with logins."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Self

from napari_phenoai.errors import AnswerError, InputError, NoAnswerError, RefusedError
from napari_phenoai.remote.adapter import Adapter, OwnSession
from napari_phenoai.remote.addresses import followed, is_loopback, origin, same_server, shown
from napari_phenoai.remote.auth import NoLogin
from napari_phenoai.remote.problems import explained, refusal
from napari_phenoai.remote.wire import wrong_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import requests

    from napari_phenoai.remote.auth import Login

__all__ = ["MEGABYTE", "Answer", "Limits", "Transport"]

MEGABYTE = 1024 * 1024
_PIECE = 256 * 1024
_REDIRECTS = 5
_MOVED = {301, 302, 303, 307, 308}


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait and how much to read.

    Parameters
    ----------
    connect_seconds : float
        For a connection.
    read_seconds : float
        For the next byte of an answer.
    total_seconds : float
        For the whole body, once it has begun.
    max_bytes : int
        The largest body.
    """

    connect_seconds: float = 5.0
    read_seconds: float = 15.0
    total_seconds: float = 60.0
    max_bytes: int = 64 * MEGABYTE


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, media type without parameters, and all bytes."""

    url: str
    status: int
    media_type: str
    content: bytes

    @property
    def text(self) -> str:
        """The body as text; what is no UTF-8 is replaced."""
        return self.content.decode("utf-8", errors="replace")


class Transport:
    """Sends requests to one server; may be used from several threads.

    Redirects are followed by hand, for GET only and to the same server only. Refused
    connections are tried again; GET also after a broken connection or the statuses 502,
    503 and 504. POST is never sent twice.

    Parameters
    ----------
    url : str
        Any address on the server.
    login : Login, optional
        Goes into every request; by default none.
    ca_file : Path, optional
        Certificates to trust in place of the usual ones.
    retries : bool
        Whether to try again at all.
    """

    def __init__(
        self,
        url: str,
        login: Login | None = None,
        *,
        ca_file: Path | None = None,
        retries: bool = True,
    ) -> None:
        self.origin = origin(url)
        self.login = login or NoLogin(url)
        self._verify: bool | str = str(ca_file) if ca_file else True
        self._http = OwnSession()
        self._http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._http.trust_env = not is_loopback(url)
        self._http.headers.update({"User-Agent": _agent(), "Accept-Encoding": "identity"})
        adapter = Adapter(retries=retries)
        self._http.mount("https://", adapter)
        self._http.mount("http://", adapter)

    def get(
        self,
        url: str,
        *,
        accept: str = "application/json",
        params: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> Answer:
        """Ask for `url`, following redirects on the same server.

        Raises
        ------
        EndpointError
            If there is no answer, or its status is no success.
        """
        for _ in range(_REDIRECTS):
            answer, goal = self._ask("GET", url, limits, headers={"Accept": accept}, params=params)
            if answer.status == HTTPStatus.UNAUTHORIZED and self.login.renew():
                again = self._ask("GET", url, limits, headers={"Accept": accept}, params=params)
                answer, goal = again
            if goal is None:
                return _checked(answer)
            if not same_server(goal, self.origin):
                raise _moved(self.origin, goal)
            url, params = goal, None
        raise RefusedError(f"{shown(url)} sends in circles.", hint="Check the address.")

    def post(
        self,
        url: str,
        *,
        accept: str,
        params: Iterable[tuple[str, str]] = (),
        data: object = None,
        content_type: str | None = None,
        limits: Limits | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> Answer:
        """Send a request that is never repeated.

        Parameters
        ----------
        url : str
            In the exact spelling of the server: redirects are not followed.
        accept : str
            One media type.
        params : iterable of (str, str)
            Goes behind the ``?``.
        data : object, optional
            The body, as `requests` takes it.
        content_type : str, optional
            Of the body.
        limits : Limits, optional
            Patience and size.
        headers : iterable of (str, str), optional
            Besides the usual ones.

        Raises
        ------
        EndpointError
            If there is no answer, or its status is no success.
        """
        sent = {**dict(headers), "Accept": accept}
        if content_type:
            sent["Content-Type"] = content_type
        found = self._ask("POST", url, limits, headers=sent, params=list(params), data=data)
        answer, goal = found
        if goal is not None:
            raise _moved(self.origin, goal)
        return _checked(answer)

    def ask(
        self,
        method: str,
        url: str,
        *,
        data: Mapping[str, str] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> Answer:
        """Send a request whose status is left for the caller to judge.

        Parameters
        ----------
        method : str
            Such as ``DELETE``.
        url : str
            Redirects are not followed.
        data : mapping of str to str, or bytes, optional
            Fields of a form, or the body itself.
        headers : mapping of str to str, optional
            Besides the usual ones.
        limits : Limits, optional
            Patience and size.

        Raises
        ------
        EndpointError
            If there is no answer.
        """
        all_headers = {"Accept": "application/json", **(headers or {})}
        answer, _ = self._ask(method, url, limits, headers=all_headers, data=data)
        return answer

    def close(self) -> None:
        """Give the connections back; a request that is under way goes on."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Transport({shown(self.origin)!r}, {self.login!r})"

    def _ask(
        self, method: str, url: str, limits: Limits | None, **options: Any
    ) -> tuple[Answer, str | None]:
        limits = limits or Limits()
        with explained(url):
            # The file of certificates is named in each request: else variables of the
            # environment would win over the session's.
            response = self._http.request(
                method,
                url,
                auth=self.login,
                timeout=(limits.connect_seconds, limits.read_seconds),
                verify=self._verify,
                allow_redirects=False,
                stream=True,
                **options,
            )
            with contextlib.closing(response):
                return _read(response, url, limits)


def _read(response: requests.Response, url: str, limits: Limits) -> tuple[Answer, str | None]:
    goal = response.headers.get("Location")
    moved = followed(url, goal) if goal and response.status_code in _MOVED else None
    content = bytearray()
    until = time.monotonic() + limits.total_seconds
    while not moved and (piece := response.raw.read1(_PIECE, decode_content=True)):
        content += piece
        if len(content) > limits.max_bytes:
            size = f"{limits.max_bytes / MEGABYTE:.0f} MB"
            hint = "Ask for smaller tiles, or for another kind of answer."
            raise AnswerError(f"The answer of {shown(url)} is larger than {size}.", hint=hint)
        if time.monotonic() > until:
            hint = "Check the network, and ask again."
            raise NoAnswerError(f"The answer of {shown(url)} comes too slowly.", hint=hint)
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return Answer(url, response.status_code, kind, bytes(content)), moved


def _checked(answer: Answer) -> Answer:
    if 200 <= answer.status < 300:
        return answer
    wrong = wrong_fields(answer) if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY else None
    if wrong is not None:
        raise wrong
    is_html = "html" in answer.media_type
    raise refusal(answer.url, answer.status, answer.text[:20000], is_html=is_html)


def _moved(server: str, goal: str) -> RefusedError:
    try:
        hint = f"If you know that server, use its own address: {shown(goal)}."
    except InputError:
        hint = "Check the address."
    return RefusedError(f"{shown(server)} sends to another address.", hint=hint)


def _agent() -> str:
    from napari_phenoai import __version__

    return f"napari-phenoai/{__version__}"
