"""Memory and speed of an upload of 2 GB over loopback, beside one of 20 MB and bare sockets.

Run as a program: each upload is sent by a process of its own to a server that throws away what
it reads. Printed are the growth of the peak of that process's memory over what it held after
a small upload, and the rate as a share of what a bare socket reaches with the same file.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MEGABYTE = 1 << 20
PEAK = """
import json, sys, time
from pathlib import Path

def memory(name):
    text = Path("/proc/self/status").read_text()
    return int(text.split(name + ":")[1].split()[0])

host, port, path = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
"""
OURS = """
from napari_phenoai.remote.transport import Limits, Transport
from napari_phenoai.remote.upload import Upload, multipart

url, told = f"http://{host}:{port}", []

def send(source):
    files = {"data": Upload("set.zip", source)}
    with Transport(url) as http, multipart(files, (), lambda *now: told.append(now)) as body:
        http.post(
            f"{url}/p/", accept="text/plain", data=body.stream,
            content_type=body.content_type, limits=Limits(read_seconds=600),
        )

send(b"small")
told.clear()
"""
PLAIN = """
import requests

def send(source):
    data = source if isinstance(source, bytes) else source.open("rb")
    url, files = f"http://{host}:{port}/p/", {"data": ("set.zip", data)}
    answer = requests.post(url, files=files, timeout=600)
    answer.raise_for_status()

send(b"small")
"""
BARE = """
import socket

def send(source):
    head = f"POST /p/ HTTP/1.1\\r\\nContent-Length: {source.stat().st_size}\\r\\n\\r\\n"
    with socket.create_connection((host, port)) as out, source.open("rb") as file:
        out.sendall(head.encode())
        while piece := file.read(1 << 16):
            out.sendall(piece)
        out.recv(1000)
"""
SENT = """
Path("/proc/self/clear_refs").write_text("5")  # from here on the peak is counted anew
before, began = memory("VmRSS"), time.perf_counter()
send(path)
seconds = time.perf_counter() - began
print(json.dumps({"before_kb": before, "grown_kb": memory("VmHWM") - before, "seconds": seconds}))
"""
WAYS = {"ours": OURS, "requests alone": PLAIN, "bare socket": BARE}


@contextmanager
def sink() -> Iterator[int]:
    """Serve one request after the other and throw away what comes; gives the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                swallow(connection)

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


def swallow(connection: socket.socket) -> None:
    """Read a request to its end, and answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = [line.split(b":", 1) for line in head.lower().split(b"\r\n")]
    left = next(int(line[1]) for line in lines if line[0] == b"content-length") - len(rest)
    room = memoryview(bytearray(MEGABYTE))
    while left > 0:
        got = connection.recv_into(room)
        if not got:
            return
        left -= got
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def upload(way: str, path: Path) -> dict[str, float]:
    """Send a file in a process of its own; return what that took."""
    with sink() as port:
        line = [sys.executable, "-c", PEAK + WAYS[way] + SENT, "127.0.0.1", str(port), str(path)]
        done = subprocess.run(  # noqa: S603 - our own program
            line, capture_output=True, text=True, check=True, timeout=900
        )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print one line for each upload, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=2048, help="Size of the large file.")
    parser.add_argument("--small-mb", type=int, default=20, help="Size of the small one.")
    options = parser.parse_args()
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for way, size in (
            ("ours", options.small_mb),
            ("ours", options.mb),
            ("bare socket", options.mb),
            ("requests alone", options.small_mb * 10),
        ):
            path = Path(folder, "set.zip")
            with path.open("wb") as file:
                file.truncate(size * MEGABYTE)
            found = rows[way, size] = upload(way, path)
            rate = size / found["seconds"]
            row = {"way": way, "mb": size, "grown_kb": found["grown_kb"], "mb_s": round(rate)}
            print(json.dumps(row), flush=True)
    large, bare = rows["ours", options.mb], rows["bare socket", options.mb]
    print(
        json.dumps(
            {
                "grown_share_of_file": large["grown_kb"] / 1024 / options.mb,
                "rate_of_bare_socket": round(bare["seconds"] / large["seconds"], 3),
            }
        )
    )


if __name__ == "__main__":
    main()
