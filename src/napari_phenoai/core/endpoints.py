"""Servers that a person uses: where they are, and the names of their logins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import Field

from napari_phenoai.core.records import Record
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Credential", "Endpoint", "EndpointList"]

_NAME = r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$"


class Endpoint(Record):
    """One server.

    Parameters
    ----------
    name : str
        What people call it.
    url : str
        Where its own paths begin.
    kind : str
        What it speaks: ``deepaas``, or ``oscar`` for a cluster of services.
    credential : str or None
        Name of the login; None for an open server. The secret itself is in the keyring.
    ca_file : str or None
        File with certificates to trust in place of the usual ones.
    at_once : int
        How many predictions it may be asked for at the same time.
    """

    name: str = Field(pattern=_NAME)
    url: str = Field(min_length=1, max_length=2000)
    kind: Literal["deepaas", "oscar"] = "deepaas"
    credential: str | None = Field(default=None, pattern=_NAME)
    ca_file: str | None = None
    at_once: int = Field(default=1, ge=1, le=32)


class Credential(Record):
    """One login, without its secret.

    Parameters
    ----------
    name : str
        Name in the keyring.
    kind : str
        ``token``; ``basic`` for user and password; ``command`` for a program that prints
        a token; ``oidc`` for a login in the browser.
    user : str
        For ``basic``.
    command : tuple of str
        For ``command``: program and arguments; no shell is involved.
    issuer : str
        For ``oidc``: address of the provider of identities.
    client : str
        For ``oidc``: id under which this program is registered there.
    scope : str
        For ``oidc``: what is asked for.
    ca_file : str or None
        For ``oidc``: certificates to trust in place of the usual ones at the issuer.
    origins : tuple of str
        Servers (scheme, host, port) that a person has allowed it for.
    """

    name: str = Field(pattern=_NAME)
    kind: Literal["token", "basic", "command", "oidc"] = "token"
    user: str = ""
    command: tuple[str, ...] = ()
    issuer: str = Field(default="", max_length=2000)
    client: str = Field(default="", max_length=200)
    scope: str = Field(default="", max_length=1000)
    ca_file: str | None = None
    origins: tuple[str, ...] = ()


T = TypeVar("T", Endpoint, Credential)


class EndpointList(Record):
    """``endpoints.json`` among the user's settings: no secrets in it."""

    format: Literal[1] = 1
    endpoints: tuple[Endpoint, ...] = ()
    credentials: tuple[Credential, ...] = ()

    def endpoint(self, name: str) -> Endpoint:
        """Return the server called `name`.

        Raises
        ------
        InputError
            If there is none.
        """
        for item in self.endpoints:
            if item.name == name:
                return item
        known = ", ".join(item.name for item in self.endpoints)
        add = "Add one: in the Servers dock, or phenoai endpoints add URL."
        hint = f"There are: {known}." if known else add
        raise InputError(f"There is no server called {name!r}.", hint=hint)

    def credential(self, name: str) -> Credential | None:
        """Return the login called `name`, or None."""
        return next((item for item in self.credentials if item.name == name), None)

    def with_endpoint(self, endpoint: Endpoint) -> EndpointList:
        """Return the list with `endpoint` in it, in place of one of its name."""
        return self.but(endpoints=_put(self.endpoints, endpoint))

    def with_credential(self, credential: Credential) -> EndpointList:
        """Return the list with `credential` in it, in place of one of its name."""
        return self.but(credentials=_put(self.credentials, credential))

    def without(self, name: str) -> EndpointList:
        """Return the list without the server `name`, and without logins nobody uses."""
        kept = tuple(item for item in self.endpoints if item.name != name)
        used = {item.credential for item in kept}
        gone = {self.endpoint(name).credential} - used
        logins = tuple(item for item in self.credentials if item.name not in gone)
        return self.but(endpoints=kept, credentials=logins)


def _put(items: Iterable[T], new: T) -> tuple[T, ...]:
    listed: list[T] = list(items)
    names = [item.name for item in listed]
    if new.name not in names:
        listed.append(new)
    else:
        listed[names.index(new.name)] = new
    return tuple(listed)
