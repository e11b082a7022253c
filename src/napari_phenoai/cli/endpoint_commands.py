"""``phenoai endpoints``: servers that predict."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_phenoai.cli.endpoint_lines import (
    form_lines,
    form_table,
    module_lines,
    offered_line,
    public,
)
from napari_phenoai.cli.endpoint_login import login
from napari_phenoai.cli.output import Json, reporting

if TYPE_CHECKING:
    from napari_phenoai.remote.connections import Connections

__all__ = ["ask_person", "endpoints", "saved_connections"]

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
    from napari_phenoai.io.endpoints import EndpointBook
    from napari_phenoai.remote.addresses import shown
    from napari_phenoai.remote.server_list import How, add_server

    with reporting(as_json=json) as out:
        file = None if ca_file is None else str(ca_file.resolve())
        how = How(file, at_once, ask=check)
        found = add_server(EndpointBook(), url, name or "", kind=kind, how=how)
        new, models = found.endpoint, [offer.key for offer in found.offers]
        lines = [f"{new.name}: {shown(new.url)}", *(f"  {key}" for key in models)]
        lines += [f"! {text}" for text in found.cautions]
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
    from napari_phenoai.remote.server_list import look_at

    with reporting(as_json=json) as out:
        connections = saved_connections()
        found = look_at(connections.client(name))
        facts = [
            {
                "model": offer.key,
                "predict": offer.predict is not None,
                "train": offer.train is not None,
            }
            for offer in found.offers
        ]
        lines = [f"{name} answers in {found.seconds * 1000:.0f} ms."]
        lines += [offered_line(fact) for fact in facts]
        warnings = list(found.cautions)
        out.result(
            {"name": name, "seconds": found.seconds, "models": facts, "warnings": warnings},
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
    """Remove a server, its storage, and its login where no other server uses that."""
    from napari_phenoai.io.endpoints import EndpointBook
    from napari_phenoai.loop.remote_storage import remove_wholly
    from napari_phenoai.remote.credentials import KeyringSecrets

    with reporting(as_json=json) as out:
        logins, storage = remove_wholly(EndpointBook(), KeyringSecrets(), name)
        lines = [f"Removed {name}."]
        if storage is not None:
            lines.append(f"What it has in its storage {storage.url} stays there.")
        told = None if storage is None else storage.url
        out.result({"removed": name, "logins": list(logins), "storage": told}, *lines)


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

    return Connections(EndpointBook(), KeyringSecrets(), ask_person)


def ask_person(question: str) -> bool:
    """Ask whoever sits at the terminal; nobody there means no."""
    return sys.stdin.isatty() and typer.confirm(question, err=True)


for _command in (add, list_, show, remove, login, profiles, catalogue):
    endpoints.command(name=_command.__name__.rstrip("_"))(_command)
endpoints.command(name="test")(probe)
