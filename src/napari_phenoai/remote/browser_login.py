"""A login in the browser for a server on the list: a code is shown, and waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from napari_phenoai.core.endpoints import Credential
from napari_phenoai.errors import EndpointError, InputError
from napari_phenoai.remote.addresses import check_secret_may_go, origin
from napari_phenoai.remote.calls import StoppedError
from napari_phenoai.remote.oidc import device_login
from napari_phenoai.remote.oidc_login import login_name
from napari_phenoai.remote.oidc_provider import SCOPE, discover, issuer_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from napari_phenoai.remote.connections import Book, Connections
    from napari_phenoai.remote.credentials import Secrets
    from napari_phenoai.remote.oidc import DeviceCode
    from napari_phenoai.remote.oidc_tokens import Tokens

__all__ = ["log_in_by_code"]


def log_in_by_code(
    book: Book,
    secrets: Secrets,
    connections: Connections,
    name: str,
    *,
    issuer: str,
    client: str,
    show: Callable[[DeviceCode], object],
    stop: threading.Event,
) -> Credential:
    """Log in at the server called `name` with a provider of identities.

    Where somebody has logged in with the same provider and program before, nothing needs
    to be typed in.

    Parameters
    ----------
    book : Book
        The list.
    secrets : Secrets
        Where the login is kept.
    connections : Connections
        Keeps the login alive afterwards.
    name : str
        Of the server.
    issuer : str
        ``egi``, ``ai4eosc``, or an address.
    client : str
        Id of this program at the issuer.
    show : callable
        Is given the code that a person has to type in, and where.
    stop : threading.Event
        When it is set, nobody waits any more.

    Raises
    ------
    InputError
        If there is no such server, or issuer or id cannot be used.
    StoppedError
        If `stop` was set.
    EndpointError
        If the login is refused, comes too late, or the issuer cannot be reached.
    """
    endpoint = book.read().endpoint(name)
    check_secret_may_go(endpoint.url)
    new = _credential(book, issuer, client)
    secrets.get(new.name)  # without a keyring, nobody should have to type in a code
    if endpoint.credential == new.name or not _holds(connections, secrets, new):
        connections.kept(new).take(_typed_in(new, show, stop))
    places = tuple(dict.fromkeys((*new.origins, origin(endpoint.url))))
    new = new.but(origins=places)
    book.change(
        lambda listed: listed.with_credential(new).with_endpoint(
            listed.endpoint(name).but(credential=new.name)
        )
    )
    return new


def _credential(book: Book, issuer: str, client: str) -> Credential:
    if not client.strip():
        hint = "Whoever runs the issuer registers the program and tells you its id."
        raise InputError("The id of this program at the issuer is missing.", hint=hint)
    address = issuer_of(issuer.strip())
    called = login_name(address, client.strip())
    old = book.read().credential(called)
    try:
        return old or Credential(
            name=called, kind="oidc", issuer=address, client=client.strip(), scope=SCOPE
        )
    except ValidationError as error:
        hint = "Copy both again, without anything round them."
        raise InputError("This issuer or id cannot be used.", hint=hint) from error


def _holds(connections: Connections, secrets: Secrets, login: Credential) -> bool:
    if secrets.get(login.name) is None:
        return False
    try:
        connections.kept(login).token()
    except EndpointError:
        return False
    return True


def _typed_in(
    login: Credential, show: Callable[[DeviceCode], object], stop: threading.Event
) -> Tokens:
    work = device_login(discover(login), login, show)
    try:
        while not stop.is_set():
            next(work)
    except StopIteration as end:
        tokens: Tokens = end.value
        return tokens
    finally:
        work.close()
    raise StoppedError("The login was given up.", hint="Log in again when you like.")
