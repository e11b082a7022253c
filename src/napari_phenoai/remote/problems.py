"""What goes wrong between two machines, said so that a person knows what to do."""

from __future__ import annotations

from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

import requests
import urllib3.exceptions

from napari_phenoai.errors import (
    AnswerError,
    CertificateError,
    EndpointError,
    LostAnswerError,
    NoAnswerError,
    PhenoError,
    RefusedError,
    ServerFailedError,
    SignInError,
    UnreachableError,
)
from napari_phenoai.remote.addresses import shown
from napari_phenoai.remote.redaction import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["explained", "refusal"]

_NETWORK = "Check the address, your network and the VPN; everything on this computer still works."
_SILENT = "Server got itself in trouble"
"""What DEEPaaS says of every failure of a model."""

_GATEWAYS = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Turn what `requests` says about `url` into an `EndpointError` with a remedy.

    Raises
    ------
    EndpointError
        In place of any error of ``requests``, ``urllib3`` or the system raised inside.
    """
    try:
        yield
    except PhenoError:
        raise
    except (OSError, urllib3.exceptions.HTTPError) as error:
        raise _explain(error, shown(url)) from error


def refusal(url: str, status: int, body: str, *, is_html: bool) -> EndpointError:
    """Return the error for an answer whose status is not success.

    Parameters
    ----------
    url : str
        What was asked.
    status : int
        400 or more.
    body : str
        The beginning of the answer, as it came.
    is_html : bool
        Whether the answer is a web page: then a proxy or another program wrote it.
    """
    server = shown(url)
    said = "" if _SILENT in body else plain(body, 200)
    said = f" It says: {said}" if said else ""
    kind, what, hint = _reason(status, server, is_html=is_html)
    return kind(f"{what}{said}", hint=hint)


def _explain(error: Exception, server: str) -> EndpointError:
    causes = list(_chain(error))
    names = {type(cause).__name__ for cause in causes}
    said = " ".join(str(cause) for cause in causes)
    if isinstance(error, requests.exceptions.SSLError) or "SSLError" in names or "TLS CA" in said:
        return _certificate(server, said)
    if "NameResolutionError" in names:
        host = server.partition("://")[2]
        return UnreachableError(f"There is no server called {host}.", hint=_NETWORK)
    if isinstance(error, requests.exceptions.ProxyError):
        hint = "Check the variables HTTPS_PROXY and NO_PROXY, or ask who runs the network."
        return UnreachableError(f"The proxy on the way to {server} cannot be used.", hint=hint)
    if isinstance(error, requests.ConnectTimeout) or "ConnectTimeoutError" in names:
        return UnreachableError(
            f"{server} cannot be reached: no connection in time.", hint=_NETWORK
        )
    if "handshake" in said:
        hint = f"Try {server.replace('https://', 'http://')}, or ask its owner whether it hangs."
        return CertificateError(f"{server} does not answer to https.", hint=hint)
    if names & {"ReadTimeout", "ReadTimeoutError"}:
        what = f"{server} did not answer in time."
        return NoAnswerError(what, hint="It may still be at work; ask again later.")
    if "NewConnectionError" in names:
        return UnreachableError(
            f"{server} cannot be reached: nothing answers there.", hint=_NETWORK
        )
    return _broken(server, names, said)


def _broken(server: str, names: set[str], said: str) -> EndpointError:
    if names & {"ContentDecodingError", "DecodeError"}:
        return AnswerError(f"The answer of {server} is packed wrongly.", hint="Ask again.")
    if names & {"IncompleteRead", "ChunkedEncodingError", "InvalidChunkLength"}:
        hint = "Ask again; if it happens each time, a proxy on the way may have a limit."
        return AnswerError(f"The answer of {server} was cut off.", hint=hint)
    if "WRONG_VERSION_NUMBER" in said:
        return _certificate(server, said)
    if names & {"BrokenPipeError"} or "when sending" in said:
        hint = "The file may be too large for it: send a smaller one, or tiles."
        return RefusedError(f"{server} stopped reading before all was sent.", hint=hint)
    if names & {"LocationParseError", "InvalidURL", "InvalidHeader", "InvalidProxyURL"}:
        hint = "Check the address, the login and the proxy in the settings."
        return EndpointError(f"No request can be made for {server}.", hint=hint)
    hint = "Nobody knows whether the request was carried out; look before you send it again."
    if server.startswith("http://"):
        hint += " If it never works, try the address with https."
    return LostAnswerError(f"The connection to {server} broke before an answer came.", hint=hint)


def _certificate(server: str, said: str) -> CertificateError:
    if any(mark in said for mark in ("WRONG_VERSION", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "EOF")):
        hint = f"Try the address with http: {server.replace('https://', 'http://')}."
        return CertificateError(f"{server} does not speak https.", hint=hint)
    if any(mark in said for mark in ("CA certificate", "No such file", "invalid path", "NO_CERT")):
        hint = "Add it again with the right file: in the Servers dock, or with --ca-file FILE."
        return CertificateError(f"The certificate file for {server} cannot be used.", hint=hint)
    hint = "If it is your institute's own, choose its CA certificate: in the Servers dock when you "
    hint += "add the server, or with --ca-file FILE."
    return CertificateError(f"The certificate of {server} is not trusted.", hint=hint)


def _reason(status: int, server: str, *, is_html: bool) -> tuple[type[EndpointError], str, str]:
    if status in {401, 403}:
        hint = "Log in again: in the Servers dock, or phenoai endpoints login NAME."
        return SignInError, f"{server} wants a valid login ({status}).", hint
    if status == HTTPStatus.PAYMENT_REQUIRED:
        hint = "The Servers dock, or phenoai endpoints show NAME, lists what it offers."
        return RefusedError, f"{server} does not offer this ({status}).", hint
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        hint = "Send tiles or a smaller picture."
        return RefusedError, f"What was sent is too large for {server} ({status}).", hint
    if status == HTTPStatus.NOT_FOUND:
        hint = "Check the address: it may belong to another program, or the model has gone."
        return RefusedError, f"{server} has nothing there ({status}).", hint
    if status in _GATEWAYS:
        hint = "Wait a little and ask again; long predictions may need smaller tiles."
        return ServerFailedError, f"A proxy gave up waiting for {server} ({status}).", hint
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        hint = "The model does not say why: check the picture and the values before you try again."
        what = "A program" if is_html else "The model or its server"
        return ServerFailedError, f"{what} at {server} failed ({status}).", hint
    hint = "Check the values; the Servers dock, or phenoai endpoints show NAME, says more."
    return RefusedError, f"{server} refused the request ({status}).", hint


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and everything that is wrapped in it."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < 30:
        found = waiting.pop()
        if not isinstance(found, BaseException) or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting += [*found.args, getattr(found, "reason", None), found.__cause__, found.__context__]
