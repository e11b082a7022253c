"""``phenoai endpoints login``: a token, a user, a command, or a code for the browser."""

from __future__ import annotations

import json as jsons
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_phenoai.cli.endpoint_input import checked, keep_secret, split
from napari_phenoai.cli.output import Json, reporting

if TYPE_CHECKING:
    from napari_phenoai.cli.output import Reporter
    from napari_phenoai.core.endpoints import Credential, Endpoint
    from napari_phenoai.io.endpoints import EndpointBook
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
    from napari_phenoai.core.endpoints import Credential
    from napari_phenoai.io.endpoints import EndpointBook
    from napari_phenoai.remote.addresses import check_secret_may_go, origin

    with reporting(as_json=json) as out:
        book = EndpointBook()
        endpoint = book.read().endpoint(name)
        if out_:
            _log_out(book, endpoint, out)
            return
        check_secret_may_go(endpoint.url)
        if oidc is not None:
            new = _oidc(oidc, client, scope, ca_file, book)
            if endpoint.credential == new.name or not _holds(book, new):
                _in_browser(book, new, out)
        else:
            new = checked(
                Credential,
                name=name,
                kind="command" if command else "basic" if user else "token",
                user=user or "",
                command=split(command),
                origins=(origin(endpoint.url),),
            )
            keep_secret(new)
        place = origin(endpoint.url)
        new = new.but(origins=tuple(dict.fromkeys((*new.origins, place))))
        book.change(
            lambda listed: listed.with_credential(new).with_endpoint(
                listed.endpoint(name).but(credential=new.name)
            )
        )
        out.result({"name": name, "login": new.kind}, f"Logged in at {name} ({new.kind}).")


def _oidc(
    issuer: str, client: str | None, scope: str, ca_file: Path | None, book: EndpointBook
) -> Credential:
    """Return the login for an issuer: the one that is known already, or a new one."""
    from napari_phenoai.core.endpoints import Credential
    from napari_phenoai.errors import InputError
    from napari_phenoai.remote.oidc_login import login_name
    from napari_phenoai.remote.oidc_provider import SCOPE, issuer_of

    if not client:
        hint = "Whoever runs it registers the program and tells you its id: --client ID."
        raise InputError("The issuer needs to know which program asks.", hint=hint)
    address = issuer_of(issuer)
    name = login_name(address, client)
    old = book.read().credential(name)
    return checked(
        Credential,
        name=name,
        kind="oidc",
        issuer=address,
        client=client,
        scope=scope or SCOPE,
        ca_file=None if ca_file is None else str(ca_file.resolve()),
        origins=() if old is None else old.origins,
    )


def _holds(book: EndpointBook, credential: Credential) -> bool:
    """Tell whether somebody has logged in with the issuer already, for another server."""
    from napari_phenoai.errors import EndpointError
    from napari_phenoai.remote.connections import Connections
    from napari_phenoai.remote.credentials import KeyringSecrets

    secrets = KeyringSecrets()
    if secrets.get(credential.name) is None:
        return False
    try:
        Connections(book, secrets).kept(credential).token()
    except EndpointError:
        return False
    return True


def _in_browser(book: EndpointBook, credential: Credential, out: Reporter) -> None:
    """Show a code, wait until it is typed in, keep what comes back."""
    from napari_phenoai.remote.connections import Connections
    from napari_phenoai.remote.credentials import KeyringSecrets
    from napari_phenoai.remote.oidc import device_login
    from napari_phenoai.remote.oidc_provider import discover

    secrets = KeyringSecrets()
    secrets.get(credential.name)  # without a keyring, nobody should have to type in a code
    kept = Connections(book, secrets).kept(credential)

    def show(code: DeviceCode) -> None:
        _show(code, out)

    out.resume = "The code does not hold any more; log in again."
    kept.take(out.run(device_login(discover(credential), credential, show), "Login"))


def _show(code: DeviceCode, out: Reporter) -> None:
    facts = {"code": code.code, "address": code.address, "direct": code.direct}
    if out.as_json:
        typer.echo(jsons.dumps({"login": facts}), err=True)
    else:
        typer.echo(f"Open {code.address} and type in the code  {code.code}", err=True)
        if code.direct:
            typer.echo(f"or open {code.direct}", err=True)


def _log_out(book: EndpointBook, endpoint: Endpoint, out: Reporter) -> None:
    """Take the login off the server; forget it where no other server uses it."""
    from napari_phenoai.remote.credentials import KeyringSecrets
    from napari_phenoai.remote.oidc_login import give_back

    before = book.read()
    after = book.change(
        lambda listed: listed.with_endpoint(listed.endpoint(endpoint.name).but(credential=None))
    )
    used = {item.credential for item in after.endpoints}
    known = before.credential(endpoint.credential or "")
    told = False
    if endpoint.credential and endpoint.credential not in used:
        secrets = KeyringSecrets()
        if known is not None and known.kind == "oidc":
            told = give_back(known, secrets)
        if known is None or known.kind != "command":
            secrets.forget(endpoint.credential)
        name = endpoint.credential
        book.change(
            lambda listed: listed.but(
                credentials=tuple(one for one in listed.credentials if one.name != name)
            )
        )
    result = {"name": endpoint.name, "login": None, "revoked": told}
    out.result(result, f"Logged out of {endpoint.name}.")
