"""What may be shown and logged: plain text without markup, and without secrets."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["plain", "redacted"]

_MASK = "[hidden]"
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b.")
_HIDDEN = re.compile(r"<(script|style|title)\b.*?(?:</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
_TAGS = re.compile(r"<[/!?]?[A-Za-z][^<>]{0,2000}>|<!--.*?(?:-->|$)", re.DOTALL)
_NAMES = (
    r"[\w.-]{0,40}"
    r"(?:token|secret|passw(?:or)?d|api[_-]?key|access[_-]?key|signature|credential)"
    r"[\w.-]{0,40}"
)
_SECRETS = (
    re.compile(r"(?i)(\b(?:proxy-)?authorization\b[\"']?\s*[:=]\s*[\"']?)(?:\w+ +)?[^\s\"',;&]+"),
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}"),
    re.compile(rf"(?i)(\b{_NAMES}[\"']?\s*[:=]\s*[\"']?)[^\s\"',;&}}]+"),
    re.compile(r"()\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"),
    re.compile(r"(://)[^/@\s]+(?=@)"),
)
_HOSTS = re.compile(
    r"(?i)\b([0-9a-f]{4})[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?=\.)"
)


def plain(text: object, limit: int = 400) -> str:
    """Return what a server wrote as plain text in one line.

    Markup, control characters, codes that colour a terminal and characters that turn
    the direction of writing are taken out; so are secrets.

    Parameters
    ----------
    text : object
        What it wrote; anything but text is turned into text first.
    limit : int
        The longest text, in characters.

    Examples
    --------
    >>> plain("bad <b>pixel</b>" + chr(27) + "[31m &amp; more")
    'bad pixel & more'
    """
    found = str(text)[: 20 * limit + 2000]
    found = html.unescape(_without_markup(_ESCAPES.sub("", found)))
    found = _without_markup(found)
    found = "".join(" " if char.isspace() else char for char in found if _is_visible(char))
    found = redacted(re.sub(r" {2,}", " ", found).strip())
    return found if len(found) <= limit else found[: limit - 1].rstrip() + "…"


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without anything that looks like a secret.

    Parameters
    ----------
    text : str
        For a log or a message.
    secrets : iterable of str
        Secrets that are known, and taken out wherever they occur.

    Examples
    --------
    >>> redacted("Authorization: Bearer abc.def and password=x1")
    'Authorization: [hidden] and password=[hidden]'
    """
    for secret in secrets:
        if len(secret) > 3:
            text = text.replace(secret, _MASK)
    for pattern in _SECRETS:
        text = pattern.sub(lambda found: found[1] + _MASK, text)
    return _HOSTS.sub(r"\1…", text)


def _without_markup(text: str) -> str:
    return _TAGS.sub("", _HIDDEN.sub(" ", text))


def _is_visible(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
