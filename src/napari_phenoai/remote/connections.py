"""Clients by the names of their servers, made once: so a server has one lane."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from napari_phenoai.remote.addresses import origin
from napari_phenoai.remote.credentials import allowed, login_for
from napari_phenoai.remote.deepaas import DeepaasClient
from napari_phenoai.remote.oidc_login import KeptLogin
from napari_phenoai.remote.oscar import OscarClient

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from napari_phenoai.core.endpoints import Credential, Endpoint, EndpointList
    from napari_phenoai.remote.auth import Login
    from napari_phenoai.remote.credentials import Secrets

__all__ = ["Book", "Connections", "client_of"]


class Book(Protocol):
    """Where servers and logins are listed."""

    def read(self) -> EndpointList:
        """Return the list as it is now."""
        ...

    def change(self, change: Callable[[EndpointList], EndpointList]) -> EndpointList:
        """Replace the list by what `change` makes of it."""
        ...

    def holding(self, login: str) -> AbstractContextManager[None]:
        """Keep other programs from renewing a login for the time of a ``with`` block."""
        ...


def client_of(endpoint: Endpoint, login: Login | None = None) -> DeepaasClient:
    """Return a client for the kind of server that `endpoint` is."""
    kinds = {"deepaas": DeepaasClient, "oscar": OscarClient}
    return kinds[endpoint.kind](endpoint, login)


class Connections:
    """The clients of this program.

    Parameters
    ----------
    book : Book
        The list of servers.
    secrets : Secrets
        Where secrets are looked up.
    ask : callable, optional
        Is given a question before a login goes to a server for the first time, and
        returns whether it may; without it the answer is no. It may wait for a person:
        meanwhile all other clients can be had.
    """

    def __init__(
        self, book: Book, secrets: Secrets, ask: Callable[[str], bool] | None = None
    ) -> None:
        self._book = book
        self._secrets = secrets
        self._ask = ask
        self._clients: dict[str, tuple[Endpoint, Credential | None, DeepaasClient]] = {}
        self._kept: dict[str, tuple[Credential, KeptLogin]] = {}
        self._lock = threading.RLock()

    def client(self, name: str) -> DeepaasClient:
        """Return the client of the server called `name`; any thread may ask for it.

        It is the same one each time, unless the server's settings have changed.

        Raises
        ------
        InputError
            If there is no such server.
        SignInError
            If its login is missing, or not allowed for it.
        """
        self._ask_if_new(name)
        with self._lock:
            listed = self._book.read()
            endpoint = listed.endpoint(name)
            credential = listed.credential(endpoint.credential or "")
            old = self._clients.get(name)
            if old is not None and old[:2] == (endpoint, credential):
                return old[2]
            client = client_of(endpoint, self._login(endpoint, credential))
            if old is not None:
                old[2].close()
            self._clients[name] = endpoint, credential, client
            return client

    def forget(self, name: str) -> None:
        """Make the client of `name` anew when it is next asked for, as after a login."""
        with self._lock:
            old = self._clients.pop(name, None)
        if old is not None:
            old[2].close()

    def kept(self, credential: Credential) -> KeptLogin:
        """Return what keeps a login in the browser alive: one for all of its servers.

        Parameters
        ----------
        credential : Credential
            Of the kind ``oidc``.
        """
        name, bare = credential.name, credential.but(origins=())
        with self._lock:
            old = self._kept.get(name)
            if old is None or old[0] != bare:
                new = KeptLogin(bare, self._secrets, lambda: self._book.holding(name))
                self._kept[name] = old = bare, new
            return old[1]

    def close(self) -> None:
        """Close all connections."""
        for name in list(self._clients):
            self.forget(name)

    def _ask_if_new(self, name: str) -> None:
        """Have a login allowed for a server that it did not go to before."""
        listed = self._book.read()
        endpoint = listed.endpoint(name)
        known = listed.credential(endpoint.credential or "")
        if known is None:
            return
        place = origin(endpoint.url)
        if allowed(known, endpoint.url, self._ask) != known:
            self._book.change(lambda now: _with_place(now, known.name, place))

    def _login(self, endpoint: Endpoint, credential: Credential | None) -> Login:
        kept = None
        if credential is not None and credential.kind == "oidc":
            kept = self.kept(credential)
        return login_for(endpoint, credential, self._secrets, kept=kept)


def _with_place(listed: EndpointList, login: str, place: str) -> EndpointList:
    """Return the list with `place` among those of a login; nothing else of it changes."""
    known = listed.credential(login)
    if known is None or place in known.origins:
        return listed
    return listed.with_credential(known.but(origins=(*known.origins, place)))
