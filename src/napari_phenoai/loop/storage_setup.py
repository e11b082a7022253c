"""Setting up a storage for trainings on a server: tried first, then kept with its keys."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import ValidationError

from napari_phenoai.core.ids import new_id
from napari_phenoai.errors import EndpointError, InputError, SignInError
from napari_phenoai.io.storages import SavedStorage, StorageBook
from napari_phenoai.loop.remote_storage import opened
from napari_phenoai.remote.credentials import MemorySecrets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_phenoai.io.storage import Storage
    from napari_phenoai.remote.connections import Book
    from napari_phenoai.remote.credentials import Secrets

__all__ = ["StorageWish", "address_of", "set_up", "storage_words", "try_saved", "try_storage"]

T = TypeVar("T")
Kind = Literal["webdav", "s3", "folder", "other"]

_SILENT = ("Connect", "Timeout", "NameResolution", "gaierror", "Unreachable")
"""What the names of errors hold where nothing answers, whatever kind of storage it is."""
_LONGEST_CHAIN = 20
_FOLDER = "Make that folder or bucket first, or check its name."
_NETWORK = "Check the address, the network and the VPN."


@dataclass(frozen=True)
class StorageWish:
    """A storage as a person describes it.

    Parameters
    ----------
    server : str
        Name of the server that takes data from it.
    url : str
        Address of the folder, or path, see `address_of`.
    options : mapping
        What it needs besides, without secrets.
    keys : mapping of str to str
        Secret values by the names of their options; in no repr.
    """

    server: str
    url: str
    options: Mapping[str, object] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)

    def saved(self) -> SavedStorage:
        """Return the entry of the list, which holds the names of the keys only.

        Raises
        ------
        InputError
            If the address cannot be used, or holds a password.
        """
        _check_address(self.url)
        told = {"server": self.server, "url": self.url, "options": dict(self.options)}
        try:
            return SavedStorage.model_validate({**told, "secrets": tuple(self.keys)})
        except ValidationError as error:
            hint = "Write it as s3://bucket/folder, or as the path of a folder."
            raise InputError("This address cannot be used for a storage.", hint=hint) from error


def address_of(kind: Kind, typed: str) -> str:
    """Return the address of a storage from what a person typed in, or copied.

    Parameters
    ----------
    kind : str
        ``webdav``, ``s3``, ``folder``, or ``other`` for any address that fsspec knows.
    typed : str
        Such as the address of a folder in the browser, or ``bucket/folder``.

    Raises
    ------
    InputError
        If nothing was typed in, or it is of another kind.

    Examples
    --------
    >>> address_of("webdav", " https://cloud.example.org/remote.php/dav/files/ann/ ")
    'webdav+https://cloud.example.org/remote.php/dav/files/ann'
    >>> address_of("s3", "bucket/phenoai")
    's3://bucket/phenoai'
    """
    text = typed.strip().rstrip("/")
    if not text:
        raise InputError("The address of the storage is missing.", hint="Fill it in.")
    if kind == "webdav":
        bare = text.removeprefix("webdav+")
        if not bare.startswith(("https://", "http://")):
            hint = "It begins with https://, as your browser or your cloud's settings show it."
            raise InputError("This is no address of a WebDAV folder.", hint=hint)
        return f"webdav+{bare}"
    if kind == "s3":
        if "://" in text and not text.startswith("s3://"):
            hint = "Write bucket/folder here, and the address of the service below."
            raise InputError("This is no bucket.", hint=hint)
        return f"s3://{text.removeprefix('s3://')}"
    if kind == "folder" and "://" in text:
        hint = "Choose its kind above."
        raise InputError("This is an address, not a folder.", hint=hint)
    return text


def try_storage(storage: Storage) -> float:
    """Write a small file into a storage, read it back and remove it; return the seconds it took.

    Raises
    ------
    SignInError
        If the storage wants another user, password or key.
    EndpointError
        If one of the three does not work; it says which, and what to do.
    """
    name, data, began = f"checks/{new_id()}.txt", b"napari-phenoai was here\n", time.monotonic()
    _tried("Nothing can be written there", lambda: storage.put(name, data))
    found = _tried("What was written cannot be read back", lambda: storage.get(name, 1000))
    if found != data:
        what = "What is read back is not what was written."
        raise EndpointError(what, hint="Tell whoever runs the storage; do not train with it.")
    _tried("Files can be written and read, but not removed", lambda: storage.remove(name))
    return time.monotonic() - began


def try_saved(server: str, secrets: Secrets, book: StorageBook | None = None) -> float:
    """Try the storage that is set up for a server; see `try_storage`.

    Raises
    ------
    InputError
        If none is.
    SignInError
        If its keys are missing, wrong, or would travel unencrypted.
    EndpointError
        If it does not work.
    """
    saved = (book or StorageBook()).read().of(server)
    if saved is None:
        raise InputError(f"{server} has no storage.", hint="Set one up first.")
    return try_storage(opened(saved, secrets))


def set_up(
    wish: StorageWish,
    servers: Book,
    secrets: Secrets,
    book: StorageBook | None = None,
    *,
    check: bool = True,
) -> SavedStorage:
    """Try a storage and, if it works, keep it for its server, with its keys in `secrets`.

    It takes the place of the one that the server had.

    Parameters
    ----------
    wish : StorageWish
        What a person filled in.
    servers : Book
        The list of servers.
    secrets : Secrets
        Where the keys are put, and nowhere else.
    book : StorageBook, optional
        Where storages are listed; by default among the user's settings.
    check : bool
        Whether to try it before.

    Raises
    ------
    InputError
        If there is no such server, or the address cannot be used.
    SignInError
        If the keys are wrong, would travel unencrypted, or cannot be kept.
    EndpointError
        If the storage does not work; the list is then as it was.
    """
    servers.read().endpoint(wish.server)
    saved = wish.saved()
    book = book or StorageBook()
    kept = json.dumps(dict(wish.keys))
    tried = MemorySecrets()
    tried.put(saved.login, kept)
    storage = opened(saved, tried, environment={})
    if check:
        try_storage(storage)
    old = book.read().of(wish.server)
    if wish.keys:
        secrets.put(saved.login, kept)
    elif old is not None and old.secrets:
        secrets.forget(saved.login)
    book.change(lambda listed: listed.having(saved))
    return saved


def storage_words(saved: SavedStorage) -> str:
    """Return what is set up for a server, for people; without any secret.

    Examples
    --------
    >>> storage_words(SavedStorage(server="lab", url="s3://b/f", secrets=("secret",)))
    'lab takes data from s3://b/f, with secret in the keyring.'
    """
    keys = f", with {' and '.join(saved.secrets)} in the keyring" if saved.secrets else ""
    return f"{saved.server} takes data from {saved.url}{keys}."


def _check_address(url: str) -> None:
    rest = url.partition("://")[2]
    if "@" in rest.partition("/")[0]:
        hint = "Write them in their own fields: they are kept in the keyring."
        raise InputError("This address has a user name or a password in it.", hint=hint)
    if rest and "?" in rest:
        hint = "Leave out the question mark and what follows."
        raise InputError("This address has more than a place in it.", hint=hint)


def _tried(what: str, act: Callable[[], T]) -> T:
    """Do `act`; say what failed, in words for people who have just typed in an address."""
    try:
        return act()
    except SignInError as error:
        raise SignInError(f"{what}: permission was denied.", hint=error.hint) from error
    except EndpointError as error:
        names = _names(error)
        if any(mark in name for name in names for mark in _SILENT):
            raise EndpointError(f"{what}: the storage does not answer.", hint=_NETWORK) from error
        if names & {"FileNotFoundError", "ResourceNotFound", "ResourceConflict", "NoSuchBucket"}:
            raise EndpointError(f"{what}: there is no such place.", hint=_FOLDER) from error
        raise EndpointError(f"{what}. {error.what}", hint=error.hint) from error


def _names(error: BaseException | None) -> set[str]:
    """Return the kinds of an error and of all that it came from."""
    names: set[str] = set()
    for _ in range(_LONGEST_CHAIN):
        if error is not None:
            names.add(type(error).__name__)
            error = error.__cause__ or error.__context__
    return names
