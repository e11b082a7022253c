"""``phenoai endpoints login``: a token, a user, a command, or a code for the browser."""

from __future__ import annotations

import json as jsons
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_phenoai.cli.endpoint_input import typed_secret
from napari_phenoai.cli.output import Json, reporting

if TYPE_CHECKING:
    from napari_phenoai.cli.output import Reporter
    from napari_phenoai.core.endpoints import Credential
    from napari_phenoai.remote.browser_login import Asked
    from napari_phenoai.remote.oidc import DeviceCode

__all__ = ["login"]


def login(
    name: Annotated[str, typer.Argument(help="Name of a server.")],
    user: Annotated[str | None, typer.Option(help="User name; a password is asked for.")] = None,
    command: Annotated[
        str | None, typer.Option(help="Program that prints a token, with its arguments.")
    ] = None,
    oidc: Annotated[
        str | None, typer.Option(help="Log in in the browser: egi, ai4eosc, or an issuer.")
    ] = None,
    client: Annotated[
        str | None, typer.Option(help="For --oidc: the id registered at the issuer.")
    ] = None,
    scope: Annotated[str, typer.Option(help="For --oidc: what is asked for.")] = "",
    ca_file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="For --oidc: certificates to trust there."),
    ] = None,
    out_: Annotated[bool, typer.Option("--out", help="Log out instead.")] = False,
    json: Json = False,
) -> None:
    """Log in at a server: paste a token, name a command that prints one, a user, or an issuer.

    Secrets are asked for, or read from standard input; they are never an argument.
    """
    from napari_phenoai.io.endpoints import EndpointBook
    from napari_phenoai.remote.addresses import check_secret_may_go
    from napari_phenoai.remote.browser_login import Asked
    from napari_phenoai.remote.credentials import KeyringSecrets
    from napari_phenoai.remote.server_logins import log_in, log_out

    with reporting(as_json=json) as out:
        book, secrets = EndpointBook(), KeyringSecrets()
        endpoint = book.read().endpoint(name)
        if out_:
            told = log_out(book, secrets, name)
            result = {"name": name, "login": None, "revoked": told}
            out.result(result, f"Logged out of {name}.")
            return
        check_secret_may_go(endpoint.url)
        if oidc is not None:
            file = None if ca_file is None else str(ca_file.resolve())
            kept = _in_browser(name, Asked(oidc, client or "", scope, file), out)
        else:
            kind = _kind(command, user)
            secret = "" if kind == "command" else typed_secret(kind)
            kept = log_in(
                book, secrets, name, kind, secret=secret, user=user or "", command=command or ""
            )
        out.result({"name": name, "login": kept.kind}, f"Logged in at {name} ({kept.kind}).")


def _kind(command: str | None, user: str | None) -> Literal["token", "basic", "command"]:
    if command:
        return "command"
    return "basic" if user else "token"


def _in_browser(name: str, asked: Asked, out: Reporter) -> Credential:
    """Show a code, wait until it is typed in, keep what comes back."""
    from napari_phenoai.cli.endpoint_commands import saved_connections
    from napari_phenoai.io.endpoints import EndpointBook
    from napari_phenoai.remote.browser_login import log_in_by_code
    from napari_phenoai.remote.credentials import KeyringSecrets

    def show(code: DeviceCode) -> None:
        _show(code, out)

    book, secrets = EndpointBook(), KeyringSecrets()
    out.resume = "The code does not hold any more; log in again."
    work = log_in_by_code(book, secrets, saved_connections(), name, asked, show=show)
    return out.run(work, "Login")


def _show(code: DeviceCode, out: Reporter) -> None:
    facts = {"code": code.code, "address": code.address, "direct": code.direct}
    if out.as_json:
        typer.echo(jsons.dumps({"login": facts}), err=True)
    else:
        typer.echo(f"Open {code.address} and type in the code  {code.code}", err=True)
        if code.direct:
            typer.echo(f"or open {code.direct}", err=True)
