"""``phenoai endpoints``: servers that predict."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_phenoai.cli.endpoint_input import checked
from napari_phenoai.cli.endpoint_lines import (
    form_lines,
    form_table,
    module_lines,
    offered_line,
    public,
    warnings_of,
)
from napari_phenoai.cli.endpoint_login import login
from napari_phenoai.cli.output import Json, reporting

if TYPE_CHECKING:
    from napari_phenoai.core.endpoints import Endpoint
    from napari_phenoai.remote.auth import Login
    from napari_phenoai.remote.connections import Connections

__all__ = ["endpoints", "saved_connections"]

endpoints = typer.Typer(
    help="Servers that predict: add, list, test, show, remove, log in.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="Name of a server.")]
CaFile = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="Certificates to trust for this server."),
]


def add(
    url: Annotated[str, typer.Argument(help="Address, as copied from a browser.")],
    name: Annotated[str | None, typer.Option(help="By default its host.")] = None,
    ca_file: CaFile = None,
    at_once: Annotated[int, typer.Option(min=1, max=32, help="Predictions at a time.")] = 1,
    kind: Annotated[str, typer.Option(help="deepaas, or oscar for a cluster.")] = "deepaas",
    check: Annotated[bool, typer.Option(help="Ask the server what it offers.")] = True,
    json: Json = False,
) -> None:
    """Add a server, or change the one of this name."""
    from napari_phenoai.core.endpoints import Endpoint
    from napari_phenoai.core.ids import slug
    from napari_phenoai.io.endpoints import EndpointBook
    from napari_phenoai.remote.addresses import base_url, shown

    with reporting(as_json=json) as out:
        base = base_url(url)
        place = shown(base).partition("://")[2]
        book = EndpointBook()
        called = name or slug(place)[:40]
        old = next((item for item in book.read().endpoints if item.name == called), None)
        new = checked(
            Endpoint,
            name=called,
            url=base,
            ca_file=None if ca_file is None else str(ca_file.resolve()),
            at_once=at_once,
            kind=kind,
            credential=old.credential if old is not None and old.url == base else None,
        )
        models: list[str] = []
        if check:
            from napari_phenoai.remote.connections import client_of

            with client_of(new, _login(new)) as client:
                client.check()
                models = [] if _waits_for_login(new) else [one.key for one in client.offers()]
        book.change(lambda listed: listed.with_endpoint(new))
        lines = [f"{called}: {shown(base)}", *(f"  {key}" for key in models)]
        out.result({"endpoint": public(new), "models": models}, *lines)


def list_(json: Json = False) -> None:
    """List the servers."""
    from napari_phenoai.io.endpoints import EndpointBook
    from napari_phenoai.remote.addresses import shown

    with reporting(as_json=json) as out:
        listed = EndpointBook().read()
        lines = [
            f"{item.name}  {shown(item.url)}  {'with login' if item.credential else 'open'}"
            for item in listed.endpoints
        ]
        out.result({"endpoints": [public(item) for item in listed.endpoints]}, *lines)
        if not lines:
            out.result({}, "There is no server yet: phenoai endpoints add URL.")


def probe(name: Name, json: Json = False) -> None:
    """Ask a server whether it works, and how fast it answers."""
    with reporting(as_json=json) as out:
        connections = saved_connections()
        client = connections.client(name)
        seconds = client.check()
        found = client.offers()
        facts = [
            {
                "model": offer.key,
                "predict": offer.predict is not None,
                "train": offer.train is not None,
            }
            for offer in found
        ]
        lines = [f"{name} answers in {seconds * 1000:.0f} ms."]
        lines += [offered_line(fact) for fact in facts]
        warnings = warnings_of(client)
        out.result(
            {"name": name, "seconds": seconds, "models": facts, "warnings": warnings},
            *lines,
            *(f"! {text}" for text in warnings),
        )
        connections.close()


def show(
    name: Name,
    model: Annotated[str | None, typer.Option(help="Needed where there are several.")] = None,
    json: Json = False,
) -> None:
    """Show what a model on a server says of itself, and what it takes."""
    with reporting(as_json=json) as out:
        connections = saved_connections()
        client = connections.client(name)
        offer = client.offer(model)
        entry = client.entry(offer)
        facts = {"name": entry.name, "version": entry.version, "license": entry.license}
        data = {
            "model": offer.key,
            "about": {**facts, "description": entry.description},
            "predict": form_table(offer.predict),
            "train": form_table(offer.train),
        }
        lines = [f"{offer.key}: {entry.name} {entry.version} {entry.license}".rstrip()]
        lines += [entry.description] if entry.description else []
        out.result(data, *lines, *form_lines("predict", offer.predict))
        out.result({}, *form_lines("train", offer.train))
        connections.close()


def remove(name: Name, json: Json = False) -> None:
    """Remove a server, and its login where no other server uses that."""
    from napari_phenoai.errors import SignInError
    from napari_phenoai.io.endpoints import EndpointBook
    from napari_phenoai.remote.credentials import KeyringSecrets
    from napari_phenoai.remote.oidc_login import give_back

    with reporting(as_json=json) as out:
        book = EndpointBook()
        before = book.read()
        after = book.change(lambda listed: listed.without(name))
        kept = {item.name for item in after.credentials}
        gone = [item for item in before.credentials if item.name not in kept]
        out.result({"removed": name, "logins": [item.name for item in gone]}, f"Removed {name}.")
        for item in gone:
            if item.kind != "command":
                try:
                    give_back(item, KeyringSecrets())
                    KeyringSecrets().forget(item.name)
                except SignInError as error:
                    typer.echo(f"The login {item.name} is not removed: {error}", err=True)


def profiles(json: Json = False) -> None:
    """List what is known of modules that are not ours, and where your own profiles go."""
    from napari_phenoai.remote.profiles import profiles as known
    from napari_phenoai.remote.profiles import profiles_folder

    with reporting(as_json=json) as out:
        folder, found = profiles_folder(), known()
        data = [
            {
                "name": item.name,
                "title": item.title,
                "about": item.about,
                "predict": item.predict is not None,
                "train": item.train is not None,
            }
            for item in found
        ]
        lines = [f"{item.name}: {item.title or item.about}" for item in found]
        out.result({"profiles": data, "folder": str(folder)}, *lines, f"Your own: {folder}")


def catalogue(
    module: Annotated[str | None, typer.Argument(help="Name of a module.")] = None,
    url: Annotated[str | None, typer.Option(help="Another platform of that kind.")] = None,
    json: Json = False,
) -> None:
    """List the modules of the AI4OS marketplace, or show one."""
    from napari_phenoai.remote.catalogue import AI4OS, Catalogue

    with reporting(as_json=json) as out:
        market = Catalogue(url or AI4OS)
        found = [market.module(module)] if module else market.modules()
        data = [item.model_dump(mode="json", by_alias=True) for item in found]
        out.result(
            {"modules": data},
            *(line for item in found for line in module_lines(item, whole=module is not None)),
        )
        market.close()


def saved_connections() -> Connections:
    """Return connections to the servers on the list; questions go to the terminal."""
    from napari_phenoai.io.endpoints import EndpointBook
    from napari_phenoai.remote.connections import Connections
    from napari_phenoai.remote.credentials import KeyringSecrets

    return Connections(EndpointBook(), KeyringSecrets(), _ask)


def _ask(question: str) -> bool:
    return sys.stdin.isatty() and typer.confirm(question, err=True)


def _waits_for_login(endpoint: Endpoint) -> bool:
    """Tell whether a server says nothing of itself before somebody has logged in."""
    return endpoint.kind == "oscar" and endpoint.credential is None


def _login(endpoint: Endpoint) -> Login:
    from napari_phenoai.io.endpoints import EndpointBook
    from napari_phenoai.remote.credentials import KeyringSecrets, login_for

    book = EndpointBook()
    known = book.read().credential(endpoint.credential or "")
    kept = saved_connections().kept(known) if known and known.kind == "oidc" else None
    return login_for(endpoint, known, KeyringSecrets(), kept=kept)


for _command in (add, list_, show, remove, login, profiles, catalogue):
    endpoints.command(name=_command.__name__.rstrip("_"))(_command)
endpoints.command(name="test")(probe)
