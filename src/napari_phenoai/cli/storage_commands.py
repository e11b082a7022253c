"""``phenoai storage``: where the data of trainings on a server go."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from napari_phenoai.cli.output import Json, reporting
from napari_phenoai.cli.pairs import pairs_of

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
    check: Annotated[bool, typer.Option(help="Write, read and remove a small file first.")] = True,
    test: Annotated[bool, typer.Option("--test", help="Try the one that is set.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take it off the list.")] = False,
    json: Json = False,
) -> None:
    """Show or set the storage that a server takes the data of trainings from."""
    from napari_phenoai.io.endpoints import EndpointBook
    from napari_phenoai.io.storages import StorageBook
    from napari_phenoai.loop.storage_setup import StorageWish, set_up, storage_words, try_saved
    from napari_phenoai.remote.credentials import KeyringSecrets

    with reporting(as_json=json) as out:
        EndpointBook().read().endpoint(server)
        book = StorageBook()
        if remove:
            _forget(server)
            out.result({"storage": None}, f"{server} has no storage any more.")
            return
        if test:
            seconds = try_saved(server, KeyringSecrets(), book)
            words = f"The storage of {server} works: a file was written, read and removed."
            out.result({"works": True, "seconds": round(seconds, 3)}, words)
            return
        if url is None:
            saved = book.read().of(server)
            told = None if saved is None else saved.model_dump(mode="json")
            line = f"{server} has no storage." if saved is None else storage_words(saved)
            out.result({"storage": told}, line)
            return
        names = tuple(secret or ())
        wish = StorageWish(server, url, pairs_of(option or ()), _asked(names))
        new = set_up(wish, EndpointBook(), KeyringSecrets(), book, check=check)
        out.result({"storage": new.model_dump(mode="json")}, storage_words(new))


def _asked(names: tuple[str, ...]) -> dict[str, str]:
    """Return the secrets that are typed in, or come from standard input one per line."""
    if not sys.stdin.isatty():
        return {name: sys.stdin.readline().rstrip("\r\n") for name in names}
    return {name: str(typer.prompt(name, hide_input=True, err=True)) for name in names}


def _forget(server: str) -> None:
    from contextlib import suppress

    from napari_phenoai.errors import SignInError
    from napari_phenoai.loop.remote_storage import forget_storage
    from napari_phenoai.remote.credentials import KeyringSecrets

    with suppress(SignInError):
        forget_storage(server, KeyringSecrets())


COMMANDS = (storage,)
