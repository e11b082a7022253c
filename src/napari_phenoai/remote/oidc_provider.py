"""Providers of identities: where their own description says that logins are made."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import Field, ValidationError

from napari_phenoai.errors import AnswerError, InputError, RefusedError
from napari_phenoai.remote.addresses import check_secret_may_go, origin, shown
from napari_phenoai.remote.replies import Reply, read_json
from napari_phenoai.remote.transport import MEGABYTE, Limits, Transport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_phenoai.core.endpoints import Credential
    from napari_phenoai.remote.transport import Answer

__all__ = ["ISSUERS", "SCOPE", "Provider", "discover", "fitting", "issuer_of", "post_form"]

ISSUERS = {
    "egi": "https://aai.egi.eu/auth/realms/egi",
    "ai4eosc": "https://login.cloud.ai4eosc.eu/realms/ai4eosc",
}
"""Short names of issuers that are known here."""

SCOPE = "openid offline_access"
"""What is asked for by default: who it is, and a login that lasts."""

R = TypeVar("R", bound=Reply)

_LIMITS = Limits(max_bytes=MEGABYTE)


class _Document(Reply):
    issuer: str = Field(max_length=2000)
    token_endpoint: str = Field(max_length=2000)
    device_authorization_endpoint: str = Field(default="", max_length=2000)
    revocation_endpoint: str = Field(default="", max_length=2000)


@dataclass(frozen=True, slots=True)
class Provider:
    """Where one provider takes which question.

    Parameters
    ----------
    issuer : str
        Its name, an address.
    token_url, device_url : str
        Where tokens are given out, and where a login with a code begins.
    revoke_url : str
        Where tokens are given back; empty where they cannot be.
    ca_file : Path or None
        Certificates to trust in place of the usual ones.
    """

    issuer: str
    token_url: str
    device_url: str
    revoke_url: str = ""
    ca_file: Path | None = None


def issuer_of(text: str) -> str:
    """Return the address of an issuer that was typed in, or of one of the `ISSUERS`.

    Raises
    ------
    InputError
        If it is no address.
    SignInError
        If it is one without https on another machine.

    Examples
    --------
    >>> issuer_of("egi")
    'https://aai.egi.eu/auth/realms/egi'
    """
    found = ISSUERS.get(text.strip().lower(), text.strip())
    found = found.removesuffix("/.well-known/openid-configuration").rstrip("/")
    if "://" not in found:
        found = f"https://{found}"
    try:
        check_secret_may_go(found)
        origin(found)
    except InputError as error:
        known = ", ".join(ISSUERS)
        hint = f"Give its address, or one of: {known}."
        raise InputError("This is no address of a login provider.", hint=hint) from error
    return found


def discover(credential: Credential) -> Provider:
    """Ask the issuer of `credential` where logins are made.

    Raises
    ------
    EndpointError
        If it does not answer, or its description cannot be trusted.
    """
    issuer = issuer_of(credential.issuer)
    ca_file = Path(credential.ca_file) if credential.ca_file else None
    with Transport(issuer, ca_file=ca_file) as http:
        answer = http.get(f"{issuer}/.well-known/openid-configuration", limits=_LIMITS)
    found = fitting(answer, _Document)
    if found.issuer.rstrip("/") != issuer:
        hint = "Check the address with whoever runs it; somebody may stand between."
        raise AnswerError(f"{shown(issuer)} gives itself out as another issuer.", hint=hint)
    for url in (found.token_endpoint, found.device_authorization_endpoint):
        if url:
            check_secret_may_go(url)
    if not found.device_authorization_endpoint:
        hint = "Paste a token, or name a command that prints one."
        raise RefusedError(f"{shown(issuer)} has no login with a code.", hint=hint)
    return Provider(
        issuer,
        found.token_endpoint,
        found.device_authorization_endpoint,
        found.revocation_endpoint,
        ca_file,
    )


def post_form(provider: Provider, url: str, fields: Mapping[str, str]) -> Answer:
    """Send a form to `provider`, once, and return the answer whatever its status.

    Raises
    ------
    EndpointError
        If there is no answer.
    SignInError
        If it would be sent unencrypted.
    """
    check_secret_may_go(url)
    with Transport(url, ca_file=provider.ca_file) as http:
        return http.ask("POST", url, data=fields, limits=_LIMITS)


def fitting(answer: Answer, kind: type[R]) -> R:
    """Return the answer as a `kind` of reply; nothing of it is shown if it is none.

    Raises
    ------
    AnswerError
        If it does not fit.
    """
    with suppress(ValidationError):
        return kind.model_validate(read_json(answer))
    hint = "Check the address of the issuer with whoever runs it."
    raise AnswerError(f"{shown(answer.url)} does not answer as a login provider does.", hint=hint)
