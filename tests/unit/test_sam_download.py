"""Downloads of checkpoints from a server of our own."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from napari_phenoai.core.progress import finish
from napari_phenoai.errors import (
    DiskError,
    InputError,
    ModelError,
    RefusedError,
    ServerFailedError,
    UnreachableError,
)
from napari_phenoai.ml.sam.catalogue import CATALOGUE, Checkpoint, checkpoint
from napari_phenoai.ml.sam.download import download

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = bytes(range(256)) * 6000


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.ranges = True
        self.shift = 0
        self.status = 0
        self.break_after: int | None = None
        self.asked: list[str | None] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers["Range"]
        self.server.asked.append(asked)
        if self.server.status:
            self.send_error(self.server.status)
            return
        start = int(asked[6:-1]) if asked and self.server.ranges else 0
        data = self.server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            whole = len(self.server.content)
            self.send_header(
                "Content-Range", f"bytes {start + self.server.shift}-{whole - 1}/{whole}"
            )
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: self.server.break_after])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def entry(server: Server) -> Checkpoint:
    url = f"http://127.0.0.1:{server.server_port}/sam_tiny.pth?download=1"
    sha = hashlib.sha256(CONTENT).hexdigest()
    return Checkpoint("tiny", "vit_b", url, len(CONTENT), sha, "CC0-1.0", "for tests")


def part_of(entry: Checkpoint, folder: Path) -> Path:
    return folder / f"{entry.file}.part"


def test_the_catalogue_is_complete() -> None:
    assert [entry.kind for entry in CATALOGUE] == ["vit_b", "vit_l", "vit_h"]
    for entry in CATALOGUE:
        assert entry.url.startswith("https://")
        assert len(bytes.fromhex(entry.sha256)) == 32
        assert entry.size_bytes > 3e8
        assert entry.licence
        assert checkpoint(entry.name) is entry
    with pytest.raises(InputError, match="vit_x"):
        checkpoint("vit_x")


def test_a_download_arrives_whole_with_progress_and_only_once(
    server: Server, entry: Checkpoint, tmp_path: Path
) -> None:
    seen: list[float] = []
    path = finish(download(entry, tmp_path), lambda progress: seen.append(progress.done))
    assert path == tmp_path / "sam_tiny.pth"
    assert path.read_bytes() == CONTENT
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
    assert seen == sorted(seen)
    assert seen[-1] == len(CONTENT)
    assert finish(download(entry, tmp_path)) == path
    assert len(server.asked) == 1


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on_where_it_stopped(
    server: Server, entry: Checkpoint, tmp_path: Path, ranges: bool
) -> None:
    server.break_after, server.ranges = 700_000, ranges
    with pytest.raises(UnreachableError, match="broke off") as caught:
        finish(download(entry, tmp_path))
    assert "goes on where it stopped" in caught.value.hint
    had = part_of(entry, tmp_path).stat().st_size
    assert had == 700_000
    server.break_after = None
    assert finish(download(entry, tmp_path)).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={had}-"]


def test_a_cancelled_download_leaves_a_part_that_can_be_resumed(
    server: Server, entry: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_phenoai.ml.sam.download._BYTES", 4096)
    monkeypatch.setattr("napari_phenoai.ml.sam.download._EVERY_SECONDS", 0)
    work = download(entry, tmp_path)
    for _ in range(20):
        next(work)
    work.close()
    had = part_of(entry, tmp_path).stat().st_size
    assert 0 < had < len(CONTENT)
    assert not entry.is_here(tmp_path)
    assert finish(download(entry, tmp_path)).read_bytes() == CONTENT
    assert server.asked[-1] == f"bytes={had}-"


def test_a_file_that_was_changed_on_the_way_is_refused_and_removed(
    server: Server, entry: Checkpoint, tmp_path: Path
) -> None:
    server.content = CONTENT[:-1] + b"!"
    with pytest.raises(ModelError, match="not the checkpoint"):
        finish(download(entry, tmp_path))
    assert not list(tmp_path.iterdir())
    server.content = CONTENT + b"more"
    with pytest.raises(ModelError, match="not the checkpoint"):
        finish(download(entry, tmp_path))
    server.content = CONTENT
    part_of(entry, tmp_path).write_bytes(CONTENT + b"more than there is")
    assert finish(download(entry, tmp_path)).read_bytes() == CONTENT


def test_another_part_than_was_asked_for_is_not_put_into_the_file(
    server: Server, entry: Checkpoint, tmp_path: Path
) -> None:
    part_of(entry, tmp_path).write_bytes(CONTENT[:5000])
    server.shift = 1
    with pytest.raises(ServerFailedError, match="another part"):
        finish(download(entry, tmp_path))
    assert part_of(entry, tmp_path).read_bytes() == CONTENT[:5000]


@pytest.mark.parametrize("breaks", [False, True])
def test_two_downloads_at_once_do_each_other_no_harm(
    server: Server,
    entry: Checkpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    breaks: bool,
) -> None:
    monkeypatch.setattr("napari_phenoai.ml.sam.download._BYTES", 65536)
    monkeypatch.setattr("napari_phenoai.ml.sam.download._EVERY_SECONDS", 0)
    server.break_after = 600_000 if breaks else None
    slow = download(entry, tmp_path)
    for _ in range(4):
        next(slow)
    server.break_after = None
    path = finish(download(entry, tmp_path))
    if breaks:
        with pytest.raises(UnreachableError):
            finish(slow)
    else:
        assert finish(slow) == path
    assert path.read_bytes() == CONTENT
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(("status", "kind"), [(404, RefusedError), (503, ServerFailedError)])
def test_what_the_server_says_no_to_is_named(
    server: Server, entry: Checkpoint, tmp_path: Path, status: int, kind: type[Exception]
) -> None:
    server.status = status
    with pytest.raises(kind, match=str(status)):
        finish(download(entry, tmp_path))


def test_without_a_network_the_error_says_what_to_do(entry: Checkpoint, tmp_path: Path) -> None:
    for url in ("http://127.0.0.1:9/x.pth", "https://name.invalid/x.pth"):
        with pytest.raises(UnreachableError, match="cannot be reached") as caught:
            finish(download(replace(entry, url=url), tmp_path))
        assert "give its path" in caught.value.hint


def test_a_disk_that_is_too_small_or_in_the_way_is_named(
    server: Server, entry: Checkpoint, tmp_path: Path
) -> None:
    with pytest.raises(DiskError, match="are needed"):
        finish(download(replace(entry, size_bytes=2**60), tmp_path))
    assert not server.asked
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DiskError, match="cannot be written"):
        finish(download(entry, tmp_path / "file"))
