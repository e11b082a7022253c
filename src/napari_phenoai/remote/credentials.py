"""Secrets: kept in the keyring of the system, in memory or in the environment, never in a file."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Protocol

from napari_phenoai.errors import SignInError
from napari_phenoai.remote.addresses import check_secret_may_go, origin, shown
from napari_phenoai.remote.auth import BasicLogin, NoLogin, TokenLogin, clean_token
from napari_phenoai.remote.oidc_login import KeptLogin, OidcLogin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from napari_phenoai.core.endpoints import Credential, Endpoint
    from napari_phenoai.remote.auth import Login

__all__ = [
    "KeyringSecrets",
    "MemorySecrets",
    "Secrets",
    "allowed",
    "login_for",
    "token_of",
    "variable",
]

_SERVICE = "napari-phenoai"
_PIECE = 1000
_MOST_PIECES = 40
_COMMAND_SECONDS = 30.0
_TOKEN_SECONDS = 60.0


class Secrets(Protocol):
    """Where secrets are kept."""

    def get(self, name: str) -> str | None:
        """Return the secret called `name`, or None."""
        ...

    def put(self, name: str, secret: str) -> None:
        """Keep `secret` under `name`, in place of an older one."""
        ...

    def forget(self, name: str) -> None:
        """Remove the secret called `name`, if there is one."""
        ...


class MemorySecrets:
    """Secrets that are gone when the program ends."""

    def __init__(self) -> None:
        self._kept: MutableMapping[str, str] = {}

    def get(self, name: str) -> str | None:
        """Return the secret called `name`, or None."""
        return self._kept.get(name)

    def put(self, name: str, secret: str) -> None:
        """Keep `secret` until the program ends."""
        self._kept[name] = secret

    def forget(self, name: str) -> None:
        """Remove the secret called `name`, if there is one."""
        self._kept.pop(name, None)

    def __repr__(self) -> str:
        return f"MemorySecrets({len(self._kept)})"


class KeyringSecrets:
    """Secrets in the keyring of the system.

    Long ones are cut into pieces of 1000 letters, since Windows takes no longer ones.
    """

    def get(self, name: str) -> str | None:
        """Return the secret called `name`, or None.

        Raises
        ------
        SignInError
            If there is no keyring, or it is locked.
        """
        first = self._call("get_password", f"{name}#0")
        if first is None:
            return None
        count, _, text = first.partition(":")
        pieces = [text]
        for number in range(1, min(int(count), _MOST_PIECES) if count.isdigit() else 1):
            piece = self._call("get_password", f"{name}#{number}")
            if piece is None:
                return None
            pieces.append(piece)
        return "".join(pieces)

    def put(self, name: str, secret: str) -> None:
        """Keep `secret` under `name`.

        Raises
        ------
        SignInError
            If there is no keyring, it is locked, or the secret is far too long.
        """
        pieces = [secret[at : at + _PIECE] for at in range(0, len(secret), _PIECE)] or [""]
        if len(pieces) > _MOST_PIECES:
            hint = "Copy the token again, all of it and nothing else."
            raise SignInError("This is too long for a token.", hint=hint)
        for number in range(len(pieces) - 1, 0, -1):
            self._call("set_password", f"{name}#{number}", pieces[number])
        self._call("set_password", f"{name}#0", f"{len(pieces)}:{pieces[0]}")
        self._forget_from(name, len(pieces))

    def forget(self, name: str) -> None:
        """Remove the secret called `name`, if there is one.

        Raises
        ------
        SignInError
            If there is no keyring, or it is locked.
        """
        self._forget_from(name, 0)

    def _forget_from(self, name: str, first: int) -> None:
        for number in range(first, _MOST_PIECES):
            if self._call("get_password", f"{name}#{number}") is None:
                break
            self._call("delete_password", f"{name}#{number}")

    def _call(self, action: str, *arguments: str) -> str | None:
        try:
            import keyring
            from keyring.errors import KeyringError
        except ImportError as error:
            raise _no_keyring("The package keyring is missing.") from error
        try:
            found: str | None = getattr(keyring, action)(_SERVICE, *arguments)
        except (KeyringError, RuntimeError, OSError) as error:
            raise _no_keyring("The keyring of this computer cannot be used.") from error
        return found


def variable(name: str) -> str:
    """Return the environment variable that may hold the secret of the login `name`.

    Examples
    --------
    >>> variable("my lab")
    'PHENOAI_SECRET_MY_LAB'
    """
    return "PHENOAI_SECRET_" + re.sub(r"[^A-Z0-9]+", "_", name.upper())


def allowed(
    credential: Credential, url: str, ask: Callable[[str], bool] | None = None
) -> Credential:
    """Return `credential`, allowed for the server of `url`.

    Parameters
    ----------
    credential : Credential
        The login.
    url : str
        Where its secret is to be sent.
    ask : callable, optional
        Is given a question for the person, and returns whether the answer is yes. It is
        called once for each new server; without it the answer is no.

    Raises
    ------
    SignInError
        If it is not allowed, or the secret would travel unencrypted.
    """
    check_secret_may_go(url)
    place = origin(url)
    if place in credential.origins:
        return credential
    question = f"May the login {credential.name} be sent to {place}?"
    if ask is None or not ask(question):
        hint = "If you trust it: Test in the Servers dock, or phenoai endpoints login NAME."
        raise SignInError(f"The login {credential.name} is not for {shown(url)}.", hint=hint)
    return credential.but(origins=(*credential.origins, place))


def login_for(
    endpoint: Endpoint,
    credential: Credential | None,
    secrets: Secrets,
    environment: Mapping[str, str] | None = None,
    *,
    kept: KeptLogin | None = None,
) -> Login:
    """Return what puts the login of `endpoint` into requests.

    Parameters
    ----------
    endpoint : Endpoint
        The server.
    credential : Credential or None
        Its login; it must be allowed for this server.
    secrets : Secrets
        Where the secret is looked up; an environment variable goes before it.
    environment : mapping, optional
        By default the variables of this process.
    kept : KeptLogin, optional
        For a login in the browser: what keeps it alive; by default one of its own, which
        no other program is kept from renewing.

    Raises
    ------
    SignInError
        If there is no login of that name, it is not for this server, or its secret is
        not there.
    """
    if endpoint.credential is None:
        return NoLogin(endpoint.url)
    hint = f"Log in again: in the Servers dock, or phenoai endpoints login {endpoint.name}."
    if credential is None:
        raise SignInError(f"The login {endpoint.credential} is not known here.", hint=hint)
    allowed(credential, endpoint.url)
    if credential.kind == "command":
        return TokenLogin(endpoint.url, _Remembered(credential.command))
    if credential.kind == "oidc":
        return OidcLogin(endpoint.url, kept or KeptLogin(credential, secrets))
    env = os.environ if environment is None else environment
    secret = env.get(variable(credential.name)) or secrets.get(credential.name)
    if not secret:
        what = f"The secret of the login {credential.name} is not in the keyring."
        raise SignInError(what, hint=f"{hint} Or set {variable(credential.name)}.")
    if credential.kind == "basic":
        return BasicLogin(endpoint.url, credential.user, secret)
    return TokenLogin(endpoint.url, secret)


def token_of(command: tuple[str, ...]) -> str:
    """Run `command` and return the token that it prints.

    Raises
    ------
    SignInError
        If it fails or prints no token; nothing of its output is shown.
    """
    hint = "Try the command in a terminal; it must print a token and nothing else."
    try:
        done = subprocess.run(  # noqa: S603 - the person's own settings name it
            command,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, ValueError, LookupError, subprocess.TimeoutExpired) as error:
        name = command[0] if command else ""
        raise SignInError(f"The login command {name} cannot be run.", hint=hint) from error
    if done.returncode:
        text = f"The login command {command[0]} failed (status {done.returncode})."
        raise SignInError(text, hint=hint)
    return clean_token(done.stdout)


class _Remembered:
    """Runs a login command, and keeps the token for a minute."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._command = command
        self._token = ""
        self._until = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> str:
        with self._lock:
            if time.monotonic() >= self._until:
                self._token = token_of(self._command)
                self._until = time.monotonic() + _TOKEN_SECONDS
            return self._token


def _no_keyring(what: str) -> SignInError:
    hint = f"Set an environment variable such as {variable('NAME')}, or use a login command."
    return SignInError(what, hint=hint)
