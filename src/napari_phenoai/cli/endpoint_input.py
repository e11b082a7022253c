"""What people type in to log in."""

from __future__ import annotations

import sys

import typer

__all__ = ["typed_secret"]


def typed_secret(kind: str) -> str:
    """Return a token or a password that is typed in, or comes from standard input.

    Parameters
    ----------
    kind : str
        ``basic`` for a password, or else a token.
    """
    title = "Password" if kind == "basic" else "Token"
    if sys.stdin.isatty():
        return str(typer.prompt(title, hide_input=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")
