"""The list of servers as a person changes it: add, log in, log out, remove."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from napari_phenoai.core.endpoints import Credential, Endpoint
from napari_phenoai.core.ids import slug
from napari_phenoai.errors import InputError, SignInError
from napari_phenoai.remote.addresses import (
    base_url,
    check_secret_may_go,
    is_loopback,
    origin,
    shown,
)
from napari_phenoai.remote.auth import BasicLogin, clean_token
from napari_phenoai.remote.connections import client_of
from napari_phenoai.remote.credentials import token_of
from napari_phenoai.remote.oidc_login import give_back

if TYPE_CHECKING:
    from napari_phenoai.remote.connections import Book
    from napari_phenoai.remote.credentials import Secrets
    from napari_phenoai.remote.deepaas import DeepaasClient
    from napari_phenoai.remote.spec import Offer

__all__ = ["Found", "add_server", "cautions", "log_in", "log_out", "look_at", "remove_server"]

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


def look_at(client: DeepaasClient) -> Found:
    """Ask a server whether it works and what it offers.

    Raises
    ------
    EndpointError
        If it does not answer, or is none of DEEPaaS.
    """
    seconds = client.check()
    offers = client.offers()
    return Found(client.endpoint, seconds, offers, cautions(client.endpoint, offers))


def add_server(
    book: Book, url: str, name: str = "", *, kind: Literal["deepaas", "oscar"] = "deepaas"
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

    Raises
    ------
    InputError
        If the address or the name cannot be used, or the name is taken.
    EndpointError
        If it does not answer, or speaks something else; the list is then as it was.
    """
    base = base_url(url)
    called = name.strip() or slug(shown(base).partition("://")[2])[:40]
    old = next((item for item in book.read().endpoints if item.name == called), None)
    if old is not None and (old.url, old.kind) != (base, kind):
        hint = "Give another name, or remove that one first."
        raise InputError(f"There is a server called {called} already.", hint=hint)
    try:
        new = old or Endpoint(name=called, url=base, kind=kind)
    except ValidationError as error:
        raise InputError("This name cannot be used for a server.", hint=_NAMES) from error
    found = _asked(new) if new.credential is None else Found(new, 0.0, (), ())
    book.change(lambda listed: listed.with_endpoint(new))
    return found


def _asked(new: Endpoint) -> Found:
    with client_of(new) as client:
        try:
            return look_at(client)
        except SignInError:
            return Found(new, 0.0, (), ("This server wants a login.",))


def log_in(
    book: Book,
    secrets: Secrets,
    name: str,
    kind: Literal["token", "basic", "command"],
    *,
    secret: str = "",
    user: str = "",
    command: str = "",
) -> Credential:
    """Keep a login for the server called `name`.

    Parameters
    ----------
    book : Book
        The list.
    secrets : Secrets
        Where the secret is put, and nowhere else.
    name : str
        Of the server, and so of its login.
    kind : str
        ``token``, ``basic`` for user and password, ``command`` for a program that
        prints a token; it is tried once.
    secret : str
        Token or password.
    user : str
        For ``basic``.
    command : str
        For ``command``: program and arguments, as in a terminal.

    Raises
    ------
    InputError
        If there is no such server, or something is missing or cannot be used.
    SignInError
        If the secret cannot be one, would travel unencrypted, or cannot be kept.
    """
    endpoint = book.read().endpoint(name)
    check_secret_may_go(endpoint.url)
    place = origin(endpoint.url)
    words = _words(command) if kind == "command" else ()
    if kind == "basic" and not user.strip():
        raise InputError("The user name is missing.", hint="Fill it in.")
    new = Credential(
        name=name,
        kind=kind,
        user=user.strip() if kind == "basic" else "",
        command=words,
        origins=(place,),
    )
    if kind == "command":
        token_of(words)
    elif kind == "basic":
        BasicLogin(place, new.user, secret)
        secrets.put(name, secret)
    else:
        secrets.put(name, clean_token(secret))
    book.change(
        lambda listed: listed.with_credential(new).with_endpoint(
            listed.endpoint(name).but(credential=name)
        )
    )
    return new


def log_out(book: Book, secrets: Secrets, name: str) -> None:
    """Take the login off the server called `name`; forget it where no other one uses it.

    Raises
    ------
    InputError
        If there is no such server.
    SignInError
        If the keyring cannot be used; the server is without the login all the same.
    """
    before = book.read()
    login = before.credential(before.endpoint(name).credential or "")
    after = book.change(
        lambda listed: listed.with_endpoint(listed.endpoint(name).but(credential=None))
    )
    if login is not None and login.name not in {item.credential for item in after.endpoints}:
        gone = login.name
        book.change(
            lambda listed: listed.but(
                credentials=tuple(one for one in listed.credentials if one.name != gone)
            )
        )
        _forget(login, secrets)


def remove_server(book: Book, secrets: Secrets, name: str) -> None:
    """Take the server called `name` off the list, with its login where no other uses it.

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
    for login in before.credentials:
        if login.name not in kept:
            _forget(login, secrets)


def cautions(endpoint: Endpoint, offers: tuple[Offer, ...]) -> tuple[str, ...]:
    """Return what a person should know before they send pictures to a server."""
    found = []
    if endpoint.credential is None and not is_loopback(endpoint.url):
        found.append("This server is open: whoever knows its address can use it.")
    if endpoint.url.startswith("http://") and not is_loopback(endpoint.url):
        found.append("What is sent there can be read on the way: it has no https.")
    found += [
        f"{offer.key} is a stand-in: the real model of this server could not be loaded."
        for offer in offers
        if offer.is_stand_in
    ]
    return tuple(found)


def _forget(login: Credential, secrets: Secrets) -> None:
    if login.kind == "oidc":
        give_back(login, secrets)
    if login.kind != "command":
        secrets.forget(login.name)


def _words(command: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        hint = "Put quotes round the whole of it."
        raise InputError("The command has an open quote.", hint=hint) from error
    if not words:
        raise InputError("The command is missing.", hint="Write it as in a terminal.")
    return words
