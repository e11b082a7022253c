"""Logins on the wire: objects that put them into a request, for one server only.

Requests are always sent with one of these. Without, the ``requests`` package would take
a login from the file ``~/.netrc``, even in place of a header that was set by hand.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from requests.auth import AuthBase

from napari_phenoai.errors import SignInError
from napari_phenoai.remote.addresses import check_secret_may_go, origin, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest

__all__ = ["BasicLogin", "Login", "NoLogin", "TokenLogin", "clean_token"]

_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")


class Login(AuthBase):
    """Puts something into the requests to one server and into no others.

    Parameters
    ----------
    url : str
        Any address on that server.
    """

    def __init__(self, url: str) -> None:
        self.origin = origin(url)

    def header(self) -> str | None:
        """Return the value of the header ``Authorization``, or None for none."""
        return None

    def secrets(self) -> tuple[str, ...]:
        """Return what must never be shown."""
        return ()

    def renew(self) -> bool:
        """Drop what the server has just refused; tell whether something new can be had."""
        return False

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Put the login into `request`.

        Raises
        ------
        SignInError
            If it goes to another server, or unencrypted over a network.
        """
        value = self.header()
        if value is None:
            return request
        url = request.url or ""
        if origin(url) != self.origin:
            hint = "Log in at that server of its own."
            raise SignInError(f"The login for {self.origin} is not for {shown(url)}.", hint=hint)
        check_secret_may_go(url)
        request.headers["Authorization"] = value
        return request

    def __repr__(self) -> str:
        return f"{type(self).__name__}({shown(self.origin)!r})"


class NoLogin(Login):
    """For servers that are open to everybody who knows the address."""


class TokenLogin(Login):
    """A bearer token.

    Parameters
    ----------
    url : str
        Any address on the server.
    token : str or callable
        The token, or a function that gets it each time.
    """

    def __init__(self, url: str, token: str | Callable[[], str]) -> None:
        super().__init__(url)
        self._token = token
        self._seen: dict[str, None] = {}
        if isinstance(token, str):
            self._seen[clean_token(token)] = None

    def header(self) -> str:
        """Return ``Bearer`` and the token."""
        token = clean_token(self._token if isinstance(self._token, str) else self._token())
        self._seen[token] = None
        return f"Bearer {token}"

    def secrets(self) -> tuple[str, ...]:
        """Return the tokens that were used."""
        return tuple(self._seen)


class BasicLogin(Login):
    """A user name and a password, in UTF-8 (RFC 7617)."""

    def __init__(self, url: str, user: str, password: str) -> None:
        super().__init__(url)
        if ":" in user or re.search(r"[\x00-\x1f\x7f]", user + password):
            hint = "A user name has no colon, and neither has control characters."
            raise SignInError("This user name or password cannot be sent.", hint=hint)
        self._password = password
        self._coded = base64.b64encode(f"{user}:{password}".encode()).decode()

    def header(self) -> str:
        """Return ``Basic`` and both, encoded."""
        return f"Basic {self._coded}"

    def secrets(self) -> tuple[str, ...]:
        """Return the password, also as it is sent."""
        return self._password, self._coded


def clean_token(text: str) -> str:
    """Return a token without the space round it and without ``Bearer`` before it.

    Raises
    ------
    SignInError
        If it cannot be a token; the message does not show it.
    """
    token = re.sub(r"(?i)^bearer\s+", "", text.strip())
    if not _TOKEN.fullmatch(token):
        what = "no token" if not token else "a token with spaces, line breaks or foreign letters"
        hint = "Copy the token again, all of it and nothing else."
        raise SignInError(f"This is {what}.", hint=hint)
    return token
