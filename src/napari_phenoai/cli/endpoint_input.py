"""What people type in to name a server or to log in."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

import typer
from pydantic import BaseModel

if TYPE_CHECKING:
    from napari_phenoai.core.endpoints import Credential

__all__ = ["checked", "keep_secret", "split"]

R = TypeVar("R", bound=BaseModel)


def checked(record: type[R], **values: object) -> R:
    """Make a record from what was typed in.

    Raises
    ------
    InputError
        If something of it cannot be used.
    """
    from pydantic import ValidationError

    from napari_phenoai.errors import InputError

    try:
        return record.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        what = f"This {first['loc'][0]} cannot be used: {first['msg']}."
        hint = "A name has letters, digits, spaces, dots and dashes; up to 64 of them."
        raise InputError(what, hint=hint) from error


def split(command: str | None) -> tuple[str, ...]:
    """Return the words of a command line.

    Raises
    ------
    InputError
        If a quote is open.
    """
    import shlex

    from napari_phenoai.errors import InputError

    try:
        return tuple(shlex.split(command or ""))
    except ValueError as error:
        hint = "Put quotes round the whole of it."
        raise InputError("The command has an open quote.", hint=hint) from error


def keep_secret(credential: Credential) -> None:
    """Get the secret of a login, try whether it can be one, and put it into the keyring.

    Raises
    ------
    SignInError
        If it cannot be one, or there is no keyring.
    """
    from napari_phenoai.remote.auth import BasicLogin, clean_token
    from napari_phenoai.remote.credentials import KeyringSecrets, token_of

    if credential.kind == "command":
        token_of(credential.command)
        return
    title = "Password" if credential.kind == "basic" else "Token"
    if sys.stdin.isatty():
        secret = str(typer.prompt(title, hide_input=True, err=True))
    else:
        secret = sys.stdin.readline().rstrip("\r\n")
    if credential.kind == "basic":
        BasicLogin(credential.origins[0], credential.user, secret)
    else:
        secret = clean_token(secret)
    KeyringSecrets().put(credential.name, secret)
