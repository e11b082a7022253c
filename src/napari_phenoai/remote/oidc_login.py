"""A login by an OpenID provider, kept alive: renewed by one program at a time."""

from __future__ import annotations

import logging
import re
import threading
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Protocol

from napari_phenoai.core.ids import sha256_bytes
from napari_phenoai.errors import EndpointError, SignInError
from napari_phenoai.remote.addresses import shown
from napari_phenoai.remote.auth import Login, clean_token
from napari_phenoai.remote.oidc_provider import discover
from napari_phenoai.remote.oidc_tokens import RevokedError, refreshed, revoke

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_phenoai.core.endpoints import Credential
    from napari_phenoai.remote.oidc_provider import Provider
    from napari_phenoai.remote.oidc_tokens import Tokens

__all__ = ["Guard", "KeptLogin", "OidcLogin", "give_back", "login_name"]

Guard = AbstractContextManager[object]
"""Held while a login is renewed, so that no other program does so at the same time."""

_LEEWAY_SECONDS = 60.0
_log = logging.getLogger(__name__)


class _Secrets(Protocol):
    def get(self, name: str) -> str | None: ...

    def put(self, name: str, secret: str) -> None: ...

    def forget(self, name: str) -> None: ...


def login_name(issuer: str, client: str) -> str:
    """Return under which name the login of `client` at `issuer` is kept: one for each pair.

    Examples
    --------
    >>> login_name("https://aai.egi.eu/auth/realms/egi", "abc")
    'oidc aai.egi.eu 9bf7559a'
    """
    host = re.sub(r"[^A-Za-z0-9.-]", "-", issuer.partition("://")[2].partition("/")[0])
    return f"oidc {host[:40]} {sha256_bytes(f'{issuer} {client}'.encode())[:8]}"


class KeptLogin:
    """Access tokens of one login, in memory; the token that gets new ones is in the keyring.

    May be used from several threads.

    Parameters
    ----------
    credential : Credential
        Of the kind ``oidc``.
    secrets : Secrets
        Where the refresh token is kept.
    guard : callable, optional
        Returns what is held while the login is renewed.
    clock : callable
        Time in seconds, for tests.
    """

    def __init__(
        self,
        credential: Credential,
        secrets: _Secrets,
        guard: Callable[[], Guard] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._credential = credential
        self._secrets = secrets
        self._guard = guard or nullcontext
        self._clock = clock
        self._lock = threading.RLock()
        self._provider: Provider | None = None
        self._access = ""
        self._until = 0.0
        self._unsaved = ""

    def token(self) -> str:
        """Return an access token that holds for a while.

        Raises
        ------
        RevokedError
            If the login does not hold any more; it is forgotten.
        SignInError
            If nobody has logged in, or the keyring cannot be used.
        EndpointError
            If the provider cannot be reached.
        LockedError
            If another program has been renewing the login for too long.
        """
        with self._lock:
            if not self._access or self._clock() >= self._until:
                self._renew()
            return self._access

    def take(self, tokens: Tokens) -> None:
        """Begin with `tokens`, as they come from a login just made.

        Raises
        ------
        SignInError
            If they cannot be renewed; or if the keyring cannot be used, in which case the
            login holds until the program ends.
        """
        if not tokens.refresh:
            hint = "Ask for the scope offline_access, or paste a token."
            what = f"{shown(self._credential.issuer)} gave no login that lasts."
            raise SignInError(what, hint=hint)
        with self._lock, self._guard():
            self._take(tokens)
            self._save()

    def drop(self) -> bool:
        """Forget the access token; tell whether there was one."""
        with self._lock:
            had, self._access = bool(self._access), ""
            return had

    def _renew(self) -> None:
        if self._provider is None:
            self._provider = discover(self._credential)
        name = self._credential.name
        with self._guard():
            # Another program may have renewed it since: its token is the one that holds.
            refresh = self._unsaved or self._secrets.get(name)
            if not refresh:
                raise _nobody(name)
            try:
                tokens = refreshed(self._provider, self._credential.client, refresh)
            except RevokedError:
                self._unsaved = self._access = ""
                self._secrets.forget(name)
                raise
            self._take(tokens)
            try:
                self._save()
            except SignInError:
                _log.warning("the login %s is kept in memory only: no keyring", name)

    def _take(self, tokens: Tokens) -> None:
        self._access = clean_token(tokens.access)
        leeway = min(_LEEWAY_SECONDS, tokens.seconds / 4)
        self._until = self._clock() + tokens.seconds - leeway
        self._unsaved = tokens.refresh

    def _save(self) -> None:
        """Put the new refresh token into the keyring; until then it is in memory only."""
        if self._unsaved:
            self._secrets.put(self._credential.name, self._unsaved)
            self._unsaved = ""

    def __repr__(self) -> str:
        return f"KeptLogin({self._credential.name!r})"


class OidcLogin(Login):
    """A bearer token from an OpenID provider, renewed when it is about to end.

    Parameters
    ----------
    url : str
        Any address on the server.
    kept : KeptLogin
        Where the token comes from.
    """

    def __init__(self, url: str, kept: KeptLogin) -> None:
        super().__init__(url)
        self._kept = kept
        self._seen: dict[str, None] = {}

    def header(self) -> str:
        """Return ``Bearer`` and the token."""
        token = self._kept.token()
        self._seen[token] = None
        return f"Bearer {token}"

    def secrets(self) -> tuple[str, ...]:
        """Return the tokens that were used."""
        return tuple(self._seen)

    def renew(self) -> bool:
        """Drop the access token; the next request gets a new one."""
        return self._kept.drop()


def give_back(credential: Credential, secrets: _Secrets) -> bool:
    """Tell the provider that a login is not needed any more; return whether it took that.

    Nothing is raised where the provider cannot be reached: the login is forgotten here all
    the same, and ends there by itself.

    Parameters
    ----------
    credential : Credential
        Any; only those of the kind ``oidc`` can be given back.
    secrets : Secrets
        Where the refresh token is kept.

    Raises
    ------
    SignInError
        If the keyring cannot be used.
    """
    refresh = secrets.get(credential.name) if credential.kind == "oidc" else None
    if not refresh:
        return False
    with suppress(EndpointError):
        return revoke(discover(credential), credential.client, refresh)
    return False


def _nobody(name: str) -> SignInError:
    hint = "Log in again: in the Servers dock, or phenoai endpoints login NAME."
    return SignInError(f"The login {name} is not in the keyring.", hint=hint)
