"""Where zarr data lie: a folder, or an address."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from napari_phenoai.errors import ImageError
from napari_phenoai.io.images.problems import NETWORK_HINT, explained, reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zarr.abc.store import Store

__all__ = ["DOCUMENTS", "documents", "is_address", "local_path", "zarr_store"]

DOCUMENTS = ("zarr.json", ".zattrs", ".zgroup", ".zarray")
_ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")
_CONNECT_SECONDS, _READ_SECONDS = 10, 60


def is_address(uri: str) -> bool:
    """Tell whether `uri` is an address such as ``https://...`` or ``s3://...``.

    Examples
    --------
    >>> is_address("s3://bucket/leaf.zarr"), is_address("leaf.zarr"), is_address("file:///a")
    (True, False, False)
    """
    return bool(_ADDRESS.match(uri)) and not uri.lower().startswith("file://")


def local_path(uri: str) -> Path:
    """Return the path that a local `uri` means, be it a plain path or ``file://...``."""
    if uri.lower().startswith("file://"):
        return Path(url2pathname(urlsplit(uri).path))
    return Path(uri).expanduser()


def zarr_store(uri: str) -> Store:
    """Return a read-only store on a local folder or an address.

    Addresses of S3 use the credentials and the endpoint that the AWS tools use
    (environment or ``~/.aws``), and read anonymously where there are none.

    Raises
    ------
    ImageError
        If the protocol of the address is unknown.
    """
    import zarr  # noqa: F401 - before its parts: else the imports of two threads may block each other
    from zarr.storage import FsspecStore, LocalStore

    if not is_address(uri):
        return LocalStore(local_path(uri), read_only=True)
    hint = "Use a path, or an address that begins with https:// or s3://."
    with explained(uri, "cannot be opened", hint):
        return FsspecStore.from_url(
            uri.rstrip("/"), storage_options=_storage_options(uri), read_only=True
        )


def _storage_options(uri: str) -> dict[str, Any]:
    protocol = uri.split("://", 1)[0].lower()
    if protocol in ("http", "https"):
        import aiohttp

        limits = aiohttp.ClientTimeout(connect=_CONNECT_SECONDS, sock_read=_READ_SECONDS)
        return {"client_kwargs": {"timeout": limits}}
    if protocol == "s3":
        import botocore.session  # type: ignore[import-untyped]

        known = botocore.session.get_session().get_credentials() is not None
        seconds = {"connect_timeout": _CONNECT_SECONDS, "read_timeout": _READ_SECONDS}
        return {"anon": not known, "config_kwargs": seconds}
    return {}


def documents(store: Store, uri: str, folder: str = "") -> Mapping[str, Any]:
    """Return the parsed metadata files of one zarr node by name; only those that are there.

    Raises
    ------
    ImageError
        If the place cannot be reached, refuses all of them, or holds one that is
        not JSON. A refusal of some is taken for their absence, as S3 says so.
    """
    prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
    found: dict[str, Any] = {}
    refusal: Exception | None = None
    for name in DOCUMENTS:
        data = _content(store, uri, prefix + name)
        if isinstance(data, Exception):
            refusal = data
        elif data is not None:
            found[name] = _parsed(data, uri, prefix + name)
        if name == "zarr.json" and found:
            break
    if refusal is not None and not found:
        what = f"{uri} cannot be read: access was denied ({reason(refusal)})."
        raise ImageError(what, hint=NETWORK_HINT) from refusal
    return found


def _parsed(data: bytes, uri: str, key: str) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:
        hint = "Copy the image again from its origin."
        raise ImageError(f"{uri}: {key} is not JSON ({error}).", hint=hint) from error


def _content(store: Store, uri: str, key: str) -> bytes | Exception | None:
    from zarr.core.buffer import default_buffer_prototype
    from zarr.core.sync import sync

    with explained(uri, "cannot be read", NETWORK_HINT):
        try:
            buffer = sync(store.get(key, prototype=default_buffer_prototype()))
        except Exception as error:
            if isinstance(error, PermissionError) or getattr(error, "status", 0) in (401, 403):
                return error
            raise
    return None if buffer is None else bytes(buffer.to_bytes())
