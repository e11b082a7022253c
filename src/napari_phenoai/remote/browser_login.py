"""A login in the browser for a server on the list: a code is shown, and waited for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

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

    from napari_phenoai.core.progress import Work
    from napari_phenoai.remote.connections import Book, Connections
    from napari_phenoai.remote.credentials import Secrets
    from napari_phenoai.remote.oidc import DeviceCode

__all__ = ["Asked", "log_in_by_code", "until_stopped"]

T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """The provider of identities that a person wants to log in with.

    Parameters
    ----------
    issuer : str
        ``egi``, ``ai4eosc``, or an address.
    client : str
        Id of this program at the issuer.
    scope : str
        What is asked for; empty for what is usual.
    ca_file : str or None
        Certificates to trust there.
    """

    issuer: str
    client: str
    scope: str = ""
    ca_file: str | None = None


def log_in_by_code(
    book: Book,
    secrets: Secrets,
    connections: Connections,
    name: str,
    asked: Asked,
    *,
    show: Callable[[DeviceCode], object],
) -> Work[Credential]:
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
    asked : Asked
        Which provider.
    show : callable
        Is given the code that a person has to type in, and where.

    Returns
    -------
    Credential
        The login, as it is on the list now.

    Raises
    ------
    InputError
        If there is no such server, or issuer or id cannot be used.
    EndpointError
        If the login is refused, comes too late, or the issuer cannot be reached.
    """
    endpoint = book.read().endpoint(name)
    check_secret_may_go(endpoint.url)
    new = _credential(book, asked)
    secrets.get(new.name)  # without a keyring, nobody should have to type in a code
    if endpoint.credential == new.name or not _holds(connections, secrets, new):
        tokens = yield from device_login(discover(new), new, show)
        connections.kept(new).take(tokens)
    places = tuple(dict.fromkeys((*new.origins, origin(endpoint.url))))
    new = new.but(origins=places)
    book.change(
        lambda listed: listed.with_credential(new).with_endpoint(
            listed.endpoint(name).but(credential=new.name)
        )
    )
    return new


def until_stopped(work: Work[T], stop: threading.Event) -> T:
    """Do the work of a login to its end, unless `stop` is set.

    Raises
    ------
    StoppedError
        If `stop` was set.
    """
    try:
        while not stop.is_set():
            next(work)
    except StopIteration as end:
        found: T = end.value
        return found
    finally:
        work.close()
    raise StoppedError("The login was given up.", hint="Log in again when you like.")


def _credential(book: Book, asked: Asked) -> Credential:
    if not asked.client.strip():
        what = "The issuer needs to know which program asks: the id of this program is missing."
        hint = "Whoever runs the issuer registers the program and tells you its id (--client ID)."
        raise InputError(what, hint=hint)
    address, client = issuer_of(asked.issuer.strip()), asked.client.strip()
    called = login_name(address, client)
    old = book.read().credential(called)
    try:
        return Credential(
            name=called,
            kind="oidc",
            issuer=address,
            client=client,
            scope=asked.scope or (old.scope if old else "") or SCOPE,
            ca_file=asked.ca_file or (old.ca_file if old else None),
            origins=old.origins if old else (),
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
