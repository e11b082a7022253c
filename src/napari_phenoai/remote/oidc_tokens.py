"""Tokens of an OpenID provider: asked for by Authlib, refused with a reason."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from napari_phenoai.errors import ServerFailedError, SignInError
from napari_phenoai.remote.addresses import shown
from napari_phenoai.remote.oidc_provider import fitting, post_form
from napari_phenoai.remote.redaction import plain
from napari_phenoai.remote.replies import Reply

if TYPE_CHECKING:
    from napari_phenoai.remote.oidc_provider import Provider
    from napari_phenoai.remote.transport import Answer

__all__ = [
    "CodeExpiredError",
    "DeniedError",
    "PendingError",
    "RevokedError",
    "Tokens",
    "fetched",
    "refreshed",
    "refusal_of",
    "revoke",
]

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_LONGEST_TOKEN = 32_768


class DeniedError(SignInError):
    """The person, or the provider, said no to a login."""


class CodeExpiredError(SignInError):
    """Nobody typed in the code of a login in time."""


class RevokedError(SignInError):
    """A login that was kept does not hold any more."""


class PendingError(SignInError):
    """Nobody has typed in the code yet; `kind` is what the provider calls that."""

    def __init__(self, kind: str) -> None:
        super().__init__("The code has not been typed in yet.", hint="Type it in.")
        self.kind = kind


@dataclass(frozen=True)
class Tokens:
    """What a provider gave out; never shown.

    Parameters
    ----------
    access : str
        Goes to servers.
    refresh : str
        Gets the next ones; empty where the login cannot be renewed.
    seconds : float
        How long `access` holds.
    """

    access: str
    refresh: str
    seconds: float

    def __repr__(self) -> str:
        return "Tokens()"


class _Given(Reply):
    access_token: str = Field(min_length=1, max_length=_LONGEST_TOKEN)
    refresh_token: str = Field(default="", max_length=_LONGEST_TOKEN)
    expires_in: float = Field(default=300, ge=0)


def fetched(provider: Provider, client: str, code: str, verifier: str) -> Tokens:
    """Return the tokens of a login with a code.

    Parameters
    ----------
    provider : Provider
        Where the login began.
    client : str
        Id of this program there.
    code : str
        The device code, which nobody sees.
    verifier : str
        What the challenge was made of.

    Raises
    ------
    PendingError
        If the person has not typed in the code yet.
    DeniedError, CodeExpiredError
        If it will not come to that.
    EndpointError
        If the provider cannot be reached, or answers something else.
    """
    fields = {"device_code": code, "code_verifier": verifier}
    given = _client(provider, client).fetch_token(provider.token_url, grant_type=_GRANT, **fields)
    return _tokens(given)


def refreshed(provider: Provider, client: str, refresh: str) -> Tokens:
    """Return new tokens for the token `refresh`, which may not hold any more afterwards.

    It is sent once only: sending it again could end the login.

    Raises
    ------
    RevokedError
        If the provider does not take it any more.
    EndpointError
        If it cannot be reached, or answers something else.
    """
    given = _client(provider, client).refresh_token(provider.token_url, refresh_token=refresh)
    return _tokens(given)


def revoke(provider: Provider, client: str, refresh: str) -> bool:
    """Give a refresh token back, and return whether the provider took it.

    Raises
    ------
    EndpointError
        If it cannot be reached.
    """
    if not provider.revoke_url:
        return False
    fields = {"token": refresh, "token_type_hint": "refresh_token", "client_id": client}
    return 200 <= post_form(provider, provider.revoke_url, fields).status < 300


class _Session:
    """Carries the requests that Authlib makes, without redirects, cookies or ``netrc``."""

    def __init__(self, provider: Provider, client: str) -> None:
        self._provider = provider
        self._client = client

    def post(self, url: str, data: dict[str, str], **_: object) -> _TokenAnswer:
        answer = post_form(self._provider, url, {**data, "client_id": self._client})
        if not 200 <= answer.status < 300 or _said(answer)[0]:
            raise refusal_of(self._provider, answer)
        fitting(answer, _Given)
        return _TokenAnswer(answer)


class _TokenAnswer:
    def __init__(self, answer: Answer) -> None:
        self.status_code = answer.status
        self._answer = answer

    def json(self) -> object:
        return json.loads(self._answer.content)

    def raise_for_status(self) -> None:
        """Do nothing: the session has looked at the status."""


def _client(provider: Provider, client: str) -> Any:
    from authlib.oauth2.client import OAuth2Client

    session = _Session(provider, client)
    return OAuth2Client(session, client, token_endpoint_auth_method="none")  # noqa: S106


def _tokens(given: object) -> Tokens:
    found = _Given.model_validate(given)
    return Tokens(found.access_token, found.refresh_token, found.expires_in)


def _said(answer: Answer) -> tuple[str, str]:
    """Return the code of the error and its text, empty where there are none."""
    try:
        found = json.loads(answer.content)
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(found, dict):
        return "", ""
    return plain(found.get("error", ""), 60), plain(found.get("error_description", ""), 200)


def refusal_of(provider: Provider, answer: Answer) -> SignInError | ServerFailedError:
    """Return the error for an answer that is no success."""
    place, status = shown(provider.issuer), answer.status
    error, text = _said(answer)
    if error in {"authorization_pending", "slow_down"}:
        return PendingError(error)
    if error == "access_denied":
        hint = "Log in again if that was by mistake, or ask for access there."
        return DeniedError(f"The login at {place} was refused.", hint=hint)
    if error == "expired_token":
        hint = "Start the login again."
        return CodeExpiredError("The code was not typed in in time.", hint=hint)
    if error == "invalid_grant":
        hint = "Log in again: in the Servers dock, or phenoai endpoints login NAME."
        return RevokedError(f"{place} does not take this login any more.", hint=hint)
    said = f" It says: {text}" if text else ""
    if error in {"invalid_client", "unauthorized_client"}:
        hint = "Check the client id: it has to be registered there for logins with a code."
        return SignInError(f"{place} does not know this program.{said}", hint=hint)
    if status >= 500 or status == 429:
        what = f"{place} cannot log anybody in just now ({status}).{said}"
        return ServerFailedError(what, hint="Wait a little and try again.")
    hint = "Check the issuer, the client id and the scope with whoever runs it."
    return SignInError(f"{place} refused the login ({error or status}).{said}", hint=hint)
