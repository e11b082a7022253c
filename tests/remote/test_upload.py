"""Large uploads: streamed, with progress, and flat memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from napari_phenoai.errors import DiskError
from napari_phenoai.remote.transport import Limits, Transport
from napari_phenoai.remote.upload import Upload, multipart

GIGABYTES = 2
SEND = """
import resource, sys
from pathlib import Path
from napari_phenoai.remote.transport import Limits, Transport
from napari_phenoai.remote.upload import Upload, multipart
url, path, told = sys.argv[1], Path(sys.argv[2]), []
with Transport(url) as http, multipart({"data": Upload("set.zip", b"small")}) as body:
    http.post(url + "/p/", accept="text/plain", data=body.stream, content_type=body.content_type)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
files = {"data": Upload("set.zip", path)}
with Transport(url) as http, multipart(files, [("a", "b")], lambda *now: told.append(now)) as body:
    http.post(url + "/p/", accept="text/plain", data=body.stream, content_type=body.content_type,
              limits=Limits(read_seconds=300))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(after - before, len(told), told[-1][0], told[-1][1])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
def test_two_gigabytes_travel_in_flat_memory(raw: Any, tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    with path.open("wb") as file:
        file.truncate(GIGABYTES << 30)
    server = raw(raw.reply(b"{}"))
    line = [sys.executable, "-c", SEND, server.url, str(path)]
    done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=590)
    grown_kb, steps, sent, size = map(int, done.stdout.split())
    assert grown_kb < 30_000
    assert 50 < steps < 300
    assert sent == size == server.received > GIGABYTES << 30


def test_what_is_sent_is_what_was_given(raw: Any, tmp_path: Path) -> None:
    got: list[bytes] = []

    def answer(connection: Any, raw_: Any) -> None:
        data = b""
        while not data.endswith(b"--\r\n"):
            data += connection.recv(65536)
        got.append(data)
        connection.sendall(raw.reply(b"{}"))

    server = raw(answer)
    path = tmp_path / "leaf.png"
    path.write_bytes(b"pixels")
    files = {"image": Upload('C:\\secret\\Läuf "1"\r\n.png', path, "image/png")}
    with multipart(files, [("note", "é")]) as body, Transport(server.url) as http:
        http.post(
            f"{server.url}/p/",
            accept="image/png",
            data=body.stream,
            content_type=body.content_type,
            limits=Limits(),
        )
    text = got[0].decode()
    assert "Transfer-Encoding" not in text
    assert 'name="image"; filename="Läuf _1___.png"' in text
    assert "secret" not in text
    assert "pixels" in text
    assert "\r\n\r\né\r\n" in text


def test_a_file_that_has_gone_and_nothing_at_all(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match=r"gone\.png"):
        with multipart({"image": Upload("a.png", tmp_path / "gone.png")}):
            pass
    with multipart({}) as body:
        assert (body.stream, body.content_type, body.size) == (None, None, 0)
