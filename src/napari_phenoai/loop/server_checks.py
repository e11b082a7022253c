"""The doctor of servers: names the broken link on the way to each, and the remedy."""

from __future__ import annotations

import re
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from napari_phenoai.errors import EndpointError, PhenoError
from napari_phenoai.remote.addresses import joined, shown
from napari_phenoai.remote.calls import Call
from napari_phenoai.remote.connections import Connections
from napari_phenoai.remote.credentials import login_for
from napari_phenoai.remote.oscar_replies import read_services
from napari_phenoai.remote.redaction import plain
from napari_phenoai.remote.replies import read_json
from napari_phenoai.remote.spec import offers
from napari_phenoai.remote.transport import MEGABYTE, Limits, Transport

if TYPE_CHECKING:
    from napari_phenoai.core.endpoints import Endpoint, EndpointList
    from napari_phenoai.remote.auth import Login
    from napari_phenoai.remote.connections import Book
    from napari_phenoai.remote.credentials import Secrets

__all__ = ["ServerCheck", "check_servers"]

_ALL_SECONDS = 12.0
_QUICK = Limits(connect_seconds=3, read_seconds=5, total_seconds=8, max_bytes=16 * MEGABYTE)
_STAND_IN = "deepaas-test"
_FEW_DAYS = 14
_OLDEST = (2, 0)


@dataclass(frozen=True)
class ServerCheck:
    """What was found of one server.

    Parameters
    ----------
    name : str
        Of the server.
    fact : str
        How it is, in a line.
    problems : tuple of (str, str)
        What is wrong, and the remedy. Nothing of it keeps local work from going on.
    """

    name: str
    fact: str
    problems: tuple[tuple[str, str], ...] = ()


def check_servers(
    book: Book, secrets: Secrets, *, seconds: float = _ALL_SECONDS
) -> list[ServerCheck]:
    """Look at all servers of the list at the same time; nothing is sent to them but questions.

    Nobody is asked anything, and no picture leaves this computer.

    Parameters
    ----------
    book : Book
        The list of servers.
    secrets : Secrets
        Where secrets are looked up.
    seconds : float
        How long to wait for all of them; who has not answered by then is named.

    Raises
    ------
    ProjectError
        If the list is damaged.
    """
    listed = book.read()
    connections = Connections(book, secrets)
    calls = {
        endpoint: Call(lambda one=endpoint: _check(one, listed, secrets, connections))  # type: ignore[misc]
        for endpoint in listed.endpoints
    }
    until = time.monotonic() + seconds
    return [_awaited(endpoint, call, until) for endpoint, call in calls.items()]


def _awaited(endpoint: Endpoint, call: Call[ServerCheck], until: float) -> ServerCheck:
    for _ in call.steps(max(0.0, until - time.monotonic())):
        pass
    if call.ended:
        return call.result()
    what = f"{endpoint.name} ({shown(endpoint.url)}) could not be checked in time."
    hint = "Check the network, and its login command if it has one."
    return ServerCheck(endpoint.name, "not checked", ((what, hint),))


def _check(
    endpoint: Endpoint, listed: EndpointList, secrets: Secrets, connections: Connections
) -> ServerCheck:
    """Go along the links of the way: certificates, login, line, server, models."""
    place = f"{endpoint.name} ({shown(endpoint.url)})"
    try:
        _check_file(endpoint)
        login = _login(endpoint, listed, secrets, connections)
        ca_file = Path(endpoint.ca_file) if endpoint.ca_file else None
        with Transport(endpoint.url, login, ca_file=ca_file, retries=False) as http:
            began = time.monotonic()
            program, names = _asked(endpoint, http)
            took = time.monotonic() - began
    except PhenoError as error:
        return ServerCheck(endpoint.name, "not usable", ((f"{place}: {error.what}", error.hint),))
    found = [*_old(place, program), *_certificate(endpoint, place)]
    if _STAND_IN in names:
        what = f"{place}: its real model could not be loaded, a stand-in answers."
        found.append((what, "Ask its owner."))
    if not names:
        what = f"{place} offers neither predictions nor trainings."
        found.append((what, "Ask its owner whether the model could be loaded."))
    offered = ", ".join(names[:5]) or "nothing"
    fact = f"answers in {took * 1000:.0f} ms, {program}, offers {offered}"
    return ServerCheck(endpoint.name, fact, tuple(found))


def _check_file(endpoint: Endpoint) -> None:
    """Raise if the certificates of the server cannot be used."""
    if endpoint.ca_file is None:
        return
    try:
        ssl.create_default_context(cafile=endpoint.ca_file)
    except (OSError, ssl.SSLError) as error:
        hint = f"Give the right file: phenoai endpoints add {endpoint.url} --ca-file FILE."
        what = f"Its file of certificates {endpoint.ca_file} cannot be used."
        raise EndpointError(what, hint=hint) from error


def _login(
    endpoint: Endpoint, listed: EndpointList, secrets: Secrets, connections: Connections
) -> Login:
    """Return the login of a server, renewed, or as its command prints it."""
    known = listed.credential(endpoint.credential or "")
    kept = connections.kept(known) if known is not None and known.kind == "oidc" else None
    login = login_for(endpoint, known, secrets, kept=kept)
    login.header()
    return login


def _asked(endpoint: Endpoint, http: Transport) -> tuple[str, list[str]]:
    """Ask what the server is and what it offers; raises if the way to it is broken."""
    if endpoint.kind == "oscar":
        answer = http.get(joined(endpoint.url, "/system/services"), limits=_QUICK)
        return "OSCAR", [service.name for service in read_services(answer)]
    http.get(joined(endpoint.url, "/v2/models/"), limits=_QUICK)
    said = read_json(http.get(joined(endpoint.url, "/swagger.json"), limits=_QUICK))
    names = [offer.key for offer in offers(said)]
    about = said.get("info")
    version = plain(about.get("version", ""), 40) if isinstance(about, dict) else ""
    return f"DEEPaaS {version}".rstrip(), names


def _old(place: str, program: str) -> list[tuple[str, str]]:
    number = re.match(r"DEEPaaS (\d+)\.(\d+)", program)
    if number is None or (int(number[1]), int(number[2])) >= _OLDEST:
        return []
    what = f"{place} runs {program}, which is too old for some things."
    return [(what, "Ask its owner for DEEPaaS 2.6 or newer.")]


def _certificate(endpoint: Endpoint, place: str) -> list[tuple[str, str]]:
    """Say so if the certificate of the server ends soon."""
    parts = urlsplit(endpoint.url)
    if parts.scheme != "https" or parts.hostname is None:
        return []
    with suppress(OSError, ValueError):
        context = ssl.create_default_context(cafile=endpoint.ca_file)
        address = (parts.hostname, parts.port or 443)
        with (
            socket.create_connection(address, timeout=_QUICK.connect_seconds) as line,
            context.wrap_socket(line, server_hostname=parts.hostname) as safe,
        ):
            end = str((safe.getpeercert() or {}).get("notAfter", ""))
        days = (ssl.cert_time_to_seconds(end) - time.time()) / 86400
        if days < _FEW_DAYS:
            what = f"The certificate of {place} ends in {max(0, days):.0f} days."
            return [(what, "Tell its owner.")]
    return []
