"""The storage that a person has set up for a server: opened, and taken off the list."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from napari_phenoai.errors import SignInError
from napari_phenoai.io.storage import Storage
from napari_phenoai.io.storages import StorageBook
from napari_phenoai.remote.addresses import check_secret_may_go
from napari_phenoai.remote.credentials import KeyringSecrets, variable
from napari_phenoai.remote.server_list import remove_server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_phenoai.io.storages import SavedStorage
    from napari_phenoai.remote.connections import Book
    from napari_phenoai.remote.credentials import Secrets

__all__ = ["forget_storage", "opened", "remove_wholly", "storage_for"]


def storage_for(
    server: str, book: StorageBook | None = None, secrets: Secrets | None = None
) -> Storage | None:
    """Return the storage of a server of the user's list; None where none was set up.

    Parameters
    ----------
    server : str
        Name of the server.
    book : StorageBook, optional
        Where storages are listed; by default among the user's settings.
    secrets : Secrets, optional
        Where keys are looked up; by default the keyring.

    Raises
    ------
    SignInError
        If its keys are missing, or would travel unencrypted.
    """
    saved = (book or StorageBook()).read().of(server)
    return None if saved is None else opened(saved, secrets or KeyringSecrets())


def opened(
    saved: SavedStorage, secrets: Secrets, *, environment: Mapping[str, str] | None = None
) -> Storage:
    """Return a storage with its keys; see `storage_for`.

    A variable in `environment`, by default that of this process, goes before `secrets`.
    """
    options = {name: value for name, value in saved.options.items() if name not in saved.secrets}
    if saved.secrets:
        _check_encrypted(saved)
        options |= _keys(saved, secrets, os.environ if environment is None else environment)
    return Storage(saved.url, options)


def forget_storage(
    server: str, secrets: Secrets, book: StorageBook | None = None
) -> SavedStorage | None:
    """Take the storage of a server off the user's list, with its keys; nothing in it changes.

    Returns
    -------
    SavedStorage or None
        What was listed.

    Raises
    ------
    SignInError
        If the keyring cannot be used; the storage is off the list all the same.
    """
    book = book or StorageBook()
    saved = book.read().of(server)
    if saved is not None:
        book.change(lambda listed: listed.without(server))
        if saved.secrets:
            secrets.forget(saved.login)
    return saved


def remove_wholly(
    servers: Book, secrets: Secrets, name: str, book: StorageBook | None = None
) -> tuple[tuple[str, ...], SavedStorage | None]:
    """Take a server off the user's list, with its login and its storage.

    Returns
    -------
    logins : tuple of str
        Names of the logins that no other server uses, gone with it.
    storage : SavedStorage or None
        The storage that was listed for it; what lies there stays.

    Raises
    ------
    InputError
        If there is no such server.
    SignInError
        If the keyring cannot be used; both are off their lists all the same.
    """
    servers.read().endpoint(name)
    try:
        logins = remove_server(servers, secrets, name)
    finally:
        storage = forget_storage(name, secrets, book)
    return logins, storage


def _check_encrypted(saved: SavedStorage) -> None:
    """Raise if keys would travel without TLS to another computer."""
    client = saved.options.get("client_kwargs")
    addresses = [saved.url.removeprefix("webdav+"), saved.options.get("endpoint_url")]
    addresses.append(client.get("endpoint_url") if isinstance(client, dict) else None)
    for address in addresses:
        if isinstance(address, str) and address.startswith(("http://", "https://")):
            check_secret_may_go(address)


def _keys(
    saved: SavedStorage, secrets: Secrets, environment: Mapping[str, str]
) -> dict[str, object]:
    hint = f"Set it up again: in the Servers dock, or phenoai storage {saved.server} ADDRESS."
    text = environment.get(variable(saved.login)) or secrets.get(saved.login)
    try:
        found = json.loads(text or "")
    except ValueError:
        found = None
    if not isinstance(found, dict) or set(saved.secrets) - set(found):
        what = f"The keys of the storage of {saved.server} are not in the keyring."
        raise SignInError(what, hint=f"{hint} Or set {variable(saved.login)}.")
    return {name: found[name] for name in saved.secrets}
