"""Logins in the browser: a code is shown here and typed in there (RFC 8628, RFC 7636)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from napari_phenoai.core.progress import Progress
from napari_phenoai.errors import ServerFailedError, UnreachableError
from napari_phenoai.remote.addresses import check_secret_may_go, shown
from napari_phenoai.remote.oidc_provider import SCOPE, fitting, post_form
from napari_phenoai.remote.oidc_tokens import (
    CodeExpiredError,
    PendingError,
    Tokens,
    fetched,
    refusal_of,
)
from napari_phenoai.remote.redaction import plain
from napari_phenoai.remote.replies import Reply, Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_phenoai.core.endpoints import Credential
    from napari_phenoai.core.progress import Work
    from napari_phenoai.remote.oidc_provider import Provider

__all__ = ["DeviceCode", "device_login"]

_SLOWER_SECONDS = 5.0
_STEP_SECONDS = 0.2
_MOST_SECONDS = 3600.0


@dataclass(frozen=True)
class DeviceCode:
    """What a person needs to log in.

    Parameters
    ----------
    code : str
        To be typed in.
    address : str
        Page where it is typed in.
    direct : str
        Page that has the code already; empty where there is none.
    seconds : float
        How long the code holds.
    """

    code: str
    address: str
    direct: str
    seconds: float


class _Begun(Reply):
    device_code: str = Field(min_length=1, max_length=32_768)
    user_code: Text = Field(min_length=1)
    verification_uri: str = Field(min_length=1, max_length=2000)
    verification_uri_complete: str = Field(default="", max_length=4000)
    expires_in: float = Field(gt=0)
    interval: float = Field(default=5, ge=0, le=120)


def device_login(
    provider: Provider,
    credential: Credential,
    show: Callable[[DeviceCode], object],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Work[Tokens]:
    """Log in: show a code, wait until the person has typed it in, return the tokens.

    Parameters
    ----------
    provider : Provider
        As `discover` returns.
    credential : Credential
        Of the kind ``oidc``.
    show : callable
        Is given the code and the address, once.
    clock, sleep : callable
        Time in seconds, for tests.

    Raises
    ------
    DeniedError
        If the person or the provider refuses.
    CodeExpiredError
        If the code was not typed in in time.
    EndpointError
        If the provider cannot be reached, or answers something else.
    """
    from authlib.common.security import generate_token

    verifier = generate_token(48)
    begun = _begin(provider, credential, verifier)
    seconds = min(begun.expires_in, _MOST_SECONDS)
    code = DeviceCode(begun.user_code, *_pages(begun), seconds)
    show(code)
    start, pause = clock(), begun.interval
    while (passed := clock() - start) < seconds:
        until = clock() + pause
        while clock() < until:
            left = f"Waiting for the code {code.code} at {shown(code.address)}"
            yield Progress(min(clock() - start, seconds), seconds, left)
            sleep(_STEP_SECONDS)
        found = _poll(provider, credential.client, begun.device_code, verifier)
        if isinstance(found, Tokens):
            return found
        pause += _SLOWER_SECONDS if found == "slow_down" else 0
    hint = "Start the login again; the code has to be typed in while it waits."
    raise CodeExpiredError(f"The code was not typed in within {passed:.0f} s.", hint=hint)


def _begin(provider: Provider, credential: Credential, verifier: str) -> _Begun:
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    fields = {
        "client_id": credential.client,
        "scope": credential.scope or SCOPE,
        "code_challenge": create_s256_code_challenge(verifier),
        "code_challenge_method": "S256",
    }
    answer = post_form(provider, provider.device_url, fields)
    if not 200 <= answer.status < 300:
        raise refusal_of(provider, answer)
    return fitting(answer, _Begun)


def _pages(begun: _Begun) -> tuple[str, str]:
    """Return the pages for a person; they have to be those of a provider, not of a file."""
    check_secret_may_go(begun.verification_uri)
    direct = begun.verification_uri_complete
    if direct:
        check_secret_may_go(direct)
    return plain(begun.verification_uri, 2000), plain(direct, 4000) if direct else ""


def _poll(provider: Provider, client: str, code: str, verifier: str) -> Tokens | str:
    try:
        return fetched(provider, client, code, verifier)
    except PendingError as waiting:
        return waiting.kind
    except (UnreachableError, ServerFailedError):
        return "slow_down"  # the network may be gone for a while; the code's end is the limit
