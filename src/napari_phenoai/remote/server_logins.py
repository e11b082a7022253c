"""Logins for the servers on the list, as a person changes them: log in, log out."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Literal

from napari_phenoai.core.endpoints import Credential
from napari_phenoai.errors import InputError
from napari_phenoai.remote.addresses import check_secret_may_go, origin
from napari_phenoai.remote.auth import BasicLogin, clean_token
from napari_phenoai.remote.credentials import token_of
from napari_phenoai.remote.oidc_login import give_back

if TYPE_CHECKING:
    from napari_phenoai.remote.connections import Book
    from napari_phenoai.remote.credentials import Secrets

__all__ = ["forget_login", "log_in", "log_out"]


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


def log_out(book: Book, secrets: Secrets, name: str) -> bool:
    """Take the login off the server called `name`; forget it where no other one uses it.

    Returns
    -------
    bool
        Whether a provider of identities was told, too.

    Raises
    ------
    InputError
        If there is no such server.
    SignInError
        If the keyring cannot be used; the server is without the login all the same.
    """
    wanted = book.read().endpoint(name).credential
    after = book.change(
        lambda listed: listed.with_endpoint(listed.endpoint(name).but(credential=None))
    )
    if wanted is None or wanted in {item.credential for item in after.endpoints}:
        return False
    login = after.credential(wanted)
    book.change(
        lambda listed: listed.but(
            credentials=tuple(one for one in listed.credentials if one.name != wanted)
        )
    )
    if login is None:
        secrets.forget(wanted)
        return False
    return forget_login(login, secrets)


def forget_login(login: Credential, secrets: Secrets) -> bool:
    """Forget the secret of a login; tell whether a provider of identities was told, too.

    Raises
    ------
    SignInError
        If the keyring cannot be used.
    """
    told = give_back(login, secrets)
    if login.kind != "command":
        secrets.forget(login.name)
    return told


def _words(command: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        hint = "Put quotes round the whole of it."
        raise InputError("The command has an open quote.", hint=hint) from error
    if not words:
        raise InputError("The command is missing.", hint="Write it as in a terminal.")
    return words
