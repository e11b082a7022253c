"""Addresses of servers: one spelling for each, and where a secret may go."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from napari_phenoai.errors import InputError, SignInError

__all__ = [
    "base_url",
    "check_secret_may_go",
    "followed",
    "is_loopback",
    "joined",
    "origin",
    "same_server",
    "shown",
]

_HINT = "Give an address such as https://server.example.org or http://127.0.0.1:5000."
_TAILS = re.compile(r"/(?:v2(?:/.*)?|ui|api|docs|swagger\.json)/?$")
_SECRET_LABEL = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_PORTS = {"http": 80, "https": 443}


def base_url(text: str) -> str:
    """Return the address under which a DEEPaaS server's own paths begin.

    What people copy from a browser is understood: pages of the server such as ``/ui``
    or ``/v2/models`` are cut off. Without a scheme it is ``http`` for this machine and
    ``https`` for all others.

    Raises
    ------
    InputError
        If it is no address, or a user name is in it.

    Examples
    --------
    >>> base_url("https://Server.org:443/deepaas/v2/models/")
    'https://server.org/deepaas'
    >>> base_url("127.0.0.1:5000/ui")
    'http://127.0.0.1:5000'
    """
    text = text.strip()
    if not re.match(r"^[A-Za-z][A-Za-z0-9+.-]*://", text):
        host = _split(f"https://{text}").hostname or ""
        text = f"{'http' if _is_loopback_host(host) else 'https'}://{text}"
    parts = _split(text)
    path = _TAILS.sub("", re.sub(r"/{2,}", "/", parts.path).rstrip("/"))
    return urlunsplit((parts.scheme, _place(parts), path.rstrip("/"), "", ""))


def origin(url: str) -> str:
    """Return scheme, host and port of `url`: what a secret is bound to.

    Examples
    --------
    >>> origin("https://server.org/v2/models/?x=1")
    'https://server.org'
    """
    parts = _split(url)
    return f"{parts.scheme}://{_place(parts)}"


def joined(base: str, path: str) -> str:
    """Return the address of the server's `path`, given the `base` of its own paths.

    A `path` that starts with the path of `base` is one from the root of the host; any
    other one was written behind a proxy that cuts the front off.

    Examples
    --------
    >>> joined("https://server.org/a", "/a/v2/models/"), joined("https://server.org/a", "/v2/")
    ('https://server.org/a/v2/models/', 'https://server.org/a/v2/')
    """
    front = urlsplit(base).path
    path = "/" + path.lstrip("/")
    if front and not path.startswith(f"{front}/"):
        path = front + path
    return origin(base) + path


def followed(url: str, location: str) -> str:
    """Return where the answer to `url` points to; nonsense is returned as it is."""
    try:
        return urljoin(url, location)
    except ValueError:
        return location


def same_server(url: str, server: str) -> bool:
    """Tell whether `url` is on the server with the origin `server`."""
    try:
        return origin(url) == server
    except InputError:
        return False


def is_loopback(url: str) -> bool:
    """Tell whether `url` stays on this machine."""
    return _is_loopback_host(urlsplit(url).hostname or "")


def check_secret_may_go(url: str) -> None:
    """Raise unless a secret may be sent to `url`: over https, or on this machine.

    Raises
    ------
    SignInError
        If it would travel in the open.
    """
    if urlsplit(url).scheme == "https" or is_loopback(url):
        return
    hint = "Use the https address of this server, or use it without a login."
    raise SignInError(f"A login is never sent unencrypted to {shown(url)}.", hint=hint)


def shown(url: str) -> str:
    """Return scheme, host and port of `url` for messages and logs.

    The random part of a deployment's host name is shortened: whoever knows it can use
    the deployment.

    Examples
    --------
    >>> shown("https://api-0123abcd-0000-1111-2222-0123456789ab.site.org/v2/")
    'https://api-0123….site.org'
    """
    return _SECRET_LABEL.sub(lambda found: f"{found[0][:4]}…", origin(url))


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise InputError("This is no address of a server.", hint=_HINT) from error
    if parts.scheme not in _PORTS or not parts.hostname or re.search(r"[\s\\]", url):
        raise InputError("This is no address of a server.", hint=_HINT)
    if parts.username is not None or parts.password is not None:
        hint = "Leave them out; then log in: in the Servers dock, or phenoai endpoints login NAME."
        raise InputError("An address with a user name or a password is not kept.", hint=hint)
    return parts


def _place(parts: SplitResult) -> str:
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    default = parts.port in (None, _PORTS[parts.scheme])
    return host if default else f"{host}:{parts.port}"


def _is_loopback_host(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
