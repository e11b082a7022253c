"""Setting up a storage: tried with a small file first, kept only if that works."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING, Any

import pytest
from tests.servers.storage_servers import SECRET, s3_server, webdav_server
from typer.testing import CliRunner

from napari_phenoai.cli.app import app
from napari_phenoai.core.endpoints import Endpoint
from napari_phenoai.errors import EndpointError, InputError, PhenoError, SignInError
from napari_phenoai.io.endpoints import EndpointBook
from napari_phenoai.io.storage import Storage
from napari_phenoai.io.storages import SavedStorage, StorageBook
from napari_phenoai.loop.storage_setup import (
    StorageWish,
    address_of,
    set_up,
    try_saved,
    try_storage,
)
from napari_phenoai.remote.credentials import MemorySecrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def webdav(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A WebDAV server for ann, and the folder that it serves."""
    folder = tmp_path_factory.mktemp("webdav")
    (folder / "lab").mkdir()
    with webdav_server(folder, shown={"root": str(folder), "readonly": True}) as url:
        yield url, folder


@pytest.fixture(scope="module")
def s3() -> Iterator[tuple[str, Any]]:
    """An S3 server with the bucket ``lab``: its address, and a client."""
    with s3_server() as found:
        yield found


@pytest.fixture
def books(tmp_path: Path) -> tuple[EndpointBook, StorageBook]:
    servers = EndpointBook(tmp_path / "endpoints.json")
    servers.change(lambda now: now.with_endpoint(Endpoint(name="lab", url="http://127.0.0.1:9")))
    return servers, StorageBook(tmp_path / "storages.json")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("kind", "typed", "address"),
    [
        ("webdav", "https://cloud.example.org/dav/", "webdav+https://cloud.example.org/dav"),
        ("webdav", "webdav+https://a.org/b", "webdav+https://a.org/b"),
        ("s3", "bucket/folder", "s3://bucket/folder"),
        ("s3", " s3://bucket ", "s3://bucket"),
        ("folder", "/mnt/shared/", "/mnt/shared"),
        ("other", "gcs://bucket/x", "gcs://bucket/x"),
    ],
)
def test_addresses_are_taken_as_people_copy_them(kind: Any, typed: str, address: str) -> None:
    assert address_of(kind, typed) == address


@pytest.mark.parametrize(
    ("kind", "typed", "said"),
    [
        ("webdav", "  ", "is missing"),
        ("webdav", "cloud.example.org", "no address of a WebDAV"),
        ("s3", "https://minio.example.org/bucket", "no bucket"),
        ("folder", "s3://bucket", "not a folder"),
    ],
)
def test_other_addresses_are_refused_with_a_remedy(kind: Any, typed: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        address_of(kind, typed)
    assert error.value.hint


@pytest.mark.parametrize("url", ["webdav+https://ann:pw-1234@a.org/b", "s3://b/f?key=pw-1234"])
def test_no_password_gets_into_the_list_through_an_address(
    url: str, books: tuple[EndpointBook, StorageBook]
) -> None:
    servers, book = books
    with pytest.raises(InputError) as error:
        set_up(StorageWish("lab", url), servers, MemorySecrets(), book)
    assert "pw-1234" not in str(error.value)
    assert not book.path.exists()


def test_a_storage_that_works_is_kept_with_its_keys_in_the_keyring(
    webdav: tuple[str, Path], books: tuple[EndpointBook, StorageBook]
) -> None:
    url, folder = webdav
    servers, book = books
    secrets = MemorySecrets()
    wish = StorageWish("lab", f"webdav+{url}/lab", {"user": "ann"}, {"password": SECRET})
    assert SECRET not in repr(wish)
    saved = set_up(wish, servers, secrets, book)
    assert book.read().of("lab") == saved
    assert SECRET not in book.path.read_text()
    assert json.loads(secrets.get(saved.login) or "") == {"password": SECRET}
    assert try_saved("lab", secrets, book) > 0
    left = [path for path in folder.rglob("*") if path.is_file()]
    assert left == [], "a trial leaves nothing"
    # Another storage without keys takes the place, and the old keys are gone.
    set_up(StorageWish("lab", str(folder)), servers, secrets, book)
    assert secrets.get(saved.login) is None
    assert [one.url for one in book.read().storages] == [str(folder)]
    with pytest.raises(InputError, match="no server called"):
        set_up(StorageWish("other", str(folder)), servers, secrets, book)


def test_a_key_in_the_environment_does_not_hide_a_wrong_one_that_was_typed_in(
    webdav: tuple[str, Path],
    books: tuple[EndpointBook, StorageBook],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PHENOAI_SECRET_STORAGE_LAB", json.dumps({"password": SECRET}))
    wish = StorageWish("lab", f"webdav+{webdav[0]}/lab", {"user": "ann"}, {"password": "wrong"})
    with pytest.raises(SignInError, match="permission was denied"):
        set_up(wish, books[0], MemorySecrets(), books[1])


def _closed() -> str:
    return f"webdav+http://127.0.0.1:{free_port()}"


WRONG: dict[str, tuple[Callable[[str], StorageWish], type[PhenoError], str]] = {
    "password": (
        lambda url: StorageWish("lab", f"webdav+{url}", {"user": "ann"}, {"password": "no"}),
        SignInError,
        "Nothing can be written there: permission was denied",
    ),
    "nobody there": (
        lambda _: StorageWish("lab", _closed(), {"user": "ann"}, {"password": SECRET}),
        EndpointError,
        "Nothing can be written there: the storage does not answer",
    ),
    "only to look at": (
        lambda url: StorageWish(
            "lab", f"webdav+{url}/shown", {"user": "ann"}, {"password": SECRET}
        ),
        SignInError,
        "Nothing can be written there: permission was denied",
    ),
    "in the open": (
        lambda _: StorageWish("lab", "webdav+http://a.example.org", {}, {"password": SECRET}),
        SignInError,
        "never sent unencrypted",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_webdav_storage_that_does_not_work_is_not_kept(
    case: str, webdav: tuple[str, Path], books: tuple[EndpointBook, StorageBook]
) -> None:
    make, kind, said = WRONG[case]
    secrets = MemorySecrets()
    with pytest.raises(kind, match=said) as error:
        set_up(make(webdav[0]), books[0], secrets, books[1])
    assert error.value.hint
    assert SECRET not in f"{error.value} {error.value!r}"
    assert "127.0.0.1" not in str(error.value)
    assert books[1].read().storages == ()
    assert secrets.get("storage lab") is None


@pytest.mark.parametrize(
    ("bucket", "port_is_right", "said"),
    [("none/x", True, "no such place"), ("lab/x", False, "does not answer")],
)
def test_an_s3_storage_that_does_not_work_says_why(
    bucket: str,
    port_is_right: bool,
    said: str,
    s3: tuple[str, Any],
    books: tuple[EndpointBook, StorageBook],
) -> None:
    url = s3[0] if port_is_right else f"http://127.0.0.1:{free_port()}"
    options = {"endpoint_url": url, "key": "ann"}
    wish = StorageWish("lab", f"s3://{bucket}", options, {"secret": SECRET})
    with pytest.raises(EndpointError, match=said) as error:
        set_up(wish, books[0], MemorySecrets(), books[1])
    assert error.value.hint
    assert books[1].read().storages == ()
    assert "none" not in {one["Name"] for one in s3[1].list_buckets()["Buckets"]}, "it is not made"


def test_an_s3_storage_works(s3: tuple[str, Any], books: tuple[EndpointBook, StorageBook]) -> None:
    url, client = s3
    options = {"endpoint_url": url, "key": "ann"}
    secrets = MemorySecrets()
    set_up(
        StorageWish("lab", "s3://lab/phenoai", options, {"secret": SECRET}),
        books[0],
        secrets,
        books[1],
    )
    assert try_saved("lab", secrets, books[1]) > 0
    assert client.list_objects_v2(Bucket="lab", Prefix="phenoai/").get("Contents", []) == []


class Keeping(Storage):
    """Lets nothing be removed."""

    def remove(self, name: str) -> None:
        raise EndpointError("No.", hint="Ask.")


class Mangling(Storage):
    """Gives back something else."""

    def get(self, name: str, most_bytes: int) -> bytes:
        return super().get(name, most_bytes)[:-1]


@pytest.mark.parametrize(
    ("kind", "said"), [(Keeping, "but not removed"), (Mangling, "not what was written")]
)
def test_each_of_the_three_steps_counts(kind: type[Storage], said: str, tmp_path: Path) -> None:
    with pytest.raises(EndpointError, match=said):
        try_storage(kind(str(tmp_path)))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs rights that bind")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SignInError, match="Nothing can be written there"):
        try_storage(Storage(str(tmp_path)))


def test_a_file_is_removed_and_one_that_is_not_there_is_no_error(
    webdav: tuple[str, Path], s3: tuple[str, Any], tmp_path: Path
) -> None:
    key = {"key": "ann", "secret": SECRET, "endpoint_url": s3[0]}
    login = {"user": "ann", "password": SECRET}
    for storage in (
        Storage(str(tmp_path)),
        Storage(f"webdav+{webdav[0]}/lab", login),
        Storage("s3://lab/removed", key),
    ):
        storage.put("a/b.txt", b"1")
        storage.remove("a/b.txt")
        assert storage.size("a/b.txt") is None
        storage.remove("a/b.txt")
        with pytest.raises(InputError):
            storage.remove("../b.txt")


def test_a_storage_is_tried_in_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def phenoai(*argv: str) -> dict[str, Any]:
        result = CliRunner().invoke(app, [*argv, "--json"])
        found: dict[str, Any] = json.loads(result.stdout.strip().splitlines()[-1])
        return found

    phenoai("endpoints", "add", "http://127.0.0.1:9", "--name", "lab", "--no-check")
    assert "has no storage" in phenoai("storage", "lab", "--test")["error"]["what"]
    StorageBook().change(
        lambda now: now.having(SavedStorage(server="lab", url=str(tmp_path / "data")))
    )
    assert phenoai("storage", "lab", "--test")["works"] is True
    (tmp_path / "file").write_text("")
    StorageBook().change(
        lambda now: now.having(SavedStorage(server="lab", url=str(tmp_path / "file")))
    )
    assert "Nothing can be written" in phenoai("storage", "lab", "--test")["error"]["what"]
