"""The list of servers as a person changes it: looked at, added, removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from napari_phenoai.core.endpoints import Endpoint
from napari_phenoai.core.ids import slug
from napari_phenoai.errors import InputError, SignInError
from napari_phenoai.remote.addresses import base_url, is_loopback, shown
from napari_phenoai.remote.connections import client_of
from napari_phenoai.remote.server_logins import forget_login

if TYPE_CHECKING:
    from napari_phenoai.remote.connections import Book
    from napari_phenoai.remote.credentials import Secrets
    from napari_phenoai.remote.deepaas import DeepaasClient
    from napari_phenoai.remote.spec import Offer

__all__ = ["Found", "How", "add_server", "cautions", "look_at", "remove_server"]

_NAMES = "A name has letters, digits, spaces, dots and dashes; up to 64 of them."


@dataclass(frozen=True)
class Found:
    """What a server said when it was asked.

    Parameters
    ----------
    endpoint : Endpoint
        The server.
    seconds : float
        How long it took to answer.
    offers : tuple of Offer
        Its models.
    cautions : tuple of str
        What a person should know before they send pictures there.
    """

    endpoint: Endpoint
    seconds: float
    offers: tuple[Offer, ...]
    cautions: tuple[str, ...]


@dataclass(frozen=True)
class How:
    """How a server is asked.

    Parameters
    ----------
    ca_file : str or None
        Certificates to trust for it.
    at_once : int
        Predictions at a time.
    ask : bool
        Whether to ask it what it offers before it is put on the list.
    """

    ca_file: str | None = None
    at_once: int = 1
    ask: bool = True


def look_at(client: DeepaasClient) -> Found:
    """Ask a server whether it works and what it offers.

    Raises
    ------
    EndpointError
        If it does not answer, or is none of DEEPaaS.
    """
    seconds = client.check()
    offers = client.offers(fresh=True)
    return Found(client.endpoint, seconds, offers, cautions(client.endpoint, offers))


def add_server(
    book: Book,
    url: str,
    name: str = "",
    *,
    kind: str = "deepaas",
    how: How | None = None,
) -> Found:
    """Ask the server at `url` what it offers, and put it on the list.

    A server that wants a login is put on the list all the same, since one logs in there.

    Parameters
    ----------
    book : Book
        The list.
    url : str
        As copied from a browser.
    name : str
        What to call it; by default after its host. One on the list of that name and
        another address is not replaced.
    kind : str
        What it speaks: ``deepaas``, or ``oscar`` for a cluster of services.
    how : How, optional
        How it is asked. Given, it takes the place of what the list says of a server of
        that name, whatever its address was; a login stays with the address it was for.

    Raises
    ------
    InputError
        If the address, the name or the kind cannot be used, or the name is taken.
    EndpointError
        If it does not answer, or speaks something else; the list is then as it was.
    """
    base = base_url(url)
    called = name.strip() or slug(shown(base).partition("://")[2])[:40]
    old = next((item for item in book.read().endpoints if item.name == called), None)
    same = old is not None and (old.url, old.kind) == (base, kind)
    if old is not None and not same and how is None:
        hint = "Give another name, or remove that one first."
        raise InputError(f"There is a server called {called} already.", hint=hint)
    new = old if same and how is None else None
    if new is None:
        login = old.credential if old is not None and same else None
        new = _endpoint(called, base, kind, how or How(), login)
    ask = (how or How()).ask and new.credential is None
    found = _asked(new) if ask else Found(new, 0.0, (), ())
    book.change(lambda listed: listed.with_endpoint(new))
    return found


def _endpoint(name: str, url: str, kind: str, how: How, login: str | None) -> Endpoint:
    told = {"name": name, "url": url, "kind": kind, "credential": login}
    try:
        return Endpoint.model_validate({**told, "ca_file": how.ca_file, "at_once": how.at_once})
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]["loc"][0]
        hint = "It is deepaas or oscar." if wrong == "kind" else _NAMES
        raise InputError(f"This {wrong} cannot be used for a server.", hint=hint) from error


def _asked(new: Endpoint) -> Found:
    with client_of(new) as client:
        try:
            return look_at(client)
        except SignInError:
            return Found(new, 0.0, (), ("This server wants a login.",))


def remove_server(book: Book, secrets: Secrets, name: str) -> tuple[str, ...]:
    """Take the server called `name` off the list, with its login where no other uses it.

    Returns
    -------
    tuple of str
        Names of the logins that are gone with it.

    Raises
    ------
    InputError
        If there is no such server.
    SignInError
        If the keyring cannot be used; the server is off the list all the same.
    """
    before = book.read()
    after = book.change(lambda listed: listed.without(name))
    kept = {item.name for item in after.credentials}
    gone = [login for login in before.credentials if login.name not in kept]
    for login in gone:
        forget_login(login, secrets)
    return tuple(login.name for login in gone)


def cautions(endpoint: Endpoint, offers: tuple[Offer, ...]) -> tuple[str, ...]:
    """Return what a person should know before they send pictures to a server."""
    found = []
    if endpoint.credential is None and not is_loopback(endpoint.url):
        found.append("This server is open: whoever knows its address can use it and see trainings.")
    if endpoint.url.startswith("http://") and not is_loopback(endpoint.url):
        found.append("What is sent there can be read on the way: it has no https.")
    found += [
        f"{offer.key} is a stand-in: the real model of this server could not be loaded."
        for offer in offers
        if offer.is_stand_in
    ]
    return tuple(found)
