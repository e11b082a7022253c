"""``phenoai storage``: where the data of trainings on a server go."""

from __future__ import annotations

import json as json_text
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from napari_phenoai.cli.output import Json, reporting
from napari_phenoai.cli.pairs import pairs_of

if TYPE_CHECKING:
    from napari_phenoai.io.storages import SavedStorage

__all__ = ["COMMANDS"]


def storage(
    server: Annotated[str, typer.Argument(help="Name of a server: phenoai endpoints list.")],
    url: Annotated[
        str | None,
        typer.Argument(help="Folder, s3://bucket/folder, webdav+https://host/folder, ..."),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="What it needs, as name=value; not for secrets.")
    ] = None,
    secret: Annotated[
        list[str] | None, typer.Option(help="Name of an option that is typed in, as a password.")
    ] = None,
    check: Annotated[bool, typer.Option(help="Look whether it can be reached.")] = True,
    remove: Annotated[bool, typer.Option("--remove", help="Take it off the list.")] = False,
    json: Json = False,
) -> None:
    """Show or set the storage that a server takes the data of trainings from."""
    from napari_phenoai.io.endpoints import EndpointBook
    from napari_phenoai.io.storages import SavedStorage, StorageBook

    with reporting(as_json=json) as out:
        EndpointBook().read().endpoint(server)
        book = StorageBook()
        if remove:
            _forget(server)
            out.result({"storage": None}, f"{server} has no storage any more.")
            return
        if url is None:
            saved = book.read().of(server)
            told = None if saved is None else saved.model_dump(mode="json")
            line = f"{server} has no storage." if saved is None else _line(saved)
            out.result({"storage": told}, line)
            return
        new = SavedStorage(
            server=server, url=url, options=pairs_of(option or ()), secrets=tuple(secret or ())
        )
        keys = _asked(new)
        if check:
            _reach(new, keys)
        _keep(new, keys)
        book.change(lambda listed: listed.having(new))
        out.result({"storage": new.model_dump(mode="json")}, _line(new))


def _line(saved: SavedStorage) -> str:
    keys = f", with {', '.join(saved.secrets)} in the keyring" if saved.secrets else ""
    return f"{saved.server} takes data from {saved.url}{keys}."


def _asked(saved: SavedStorage) -> dict[str, str]:
    """Return the secrets that are typed in, or come from standard input one per line."""
    if not sys.stdin.isatty():
        return {name: sys.stdin.readline().rstrip("\r\n") for name in saved.secrets}
    return {name: str(typer.prompt(name, hide_input=True, err=True)) for name in saved.secrets}


def _reach(saved: SavedStorage, keys: dict[str, str]) -> None:
    """Raise unless the storage answers with these keys."""
    from napari_phenoai.loop.remote_storage import opened
    from napari_phenoai.remote.credentials import MemorySecrets

    secrets = MemorySecrets()
    secrets.put(saved.login, json_text.dumps(keys))
    opened(saved, secrets).size("bundles/none")


def _keep(saved: SavedStorage, keys: dict[str, str]) -> None:
    from napari_phenoai.remote.credentials import KeyringSecrets

    if keys:
        KeyringSecrets().put(saved.login, json_text.dumps(keys))


def _forget(server: str) -> None:
    from contextlib import suppress

    from napari_phenoai.errors import SignInError
    from napari_phenoai.loop.remote_storage import forget_storage
    from napari_phenoai.remote.credentials import KeyringSecrets

    with suppress(SignInError):
        forget_storage(server, KeyringSecrets())


COMMANDS = (storage,)
