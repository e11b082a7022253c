"""Real storages on this machine: WebDAV and S3, each with one login."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["SECRET", "s3_server", "webdav_server"]

SECRET = "s3cret-0f-the-storage"  # noqa: S105 - of servers that live for a test


@contextmanager
def webdav_server(folder: Path, **shown: Any) -> Iterator[str]:
    """Serve `folder` to ann, and what is `shown` below it by its name; give the address."""
    pytest.importorskip("webdav4", reason="webdav4 is not installed")
    pytest.importorskip("wsgidav", reason="wsgidav is not installed")
    from cheroot import wsgi
    from wsgidav.wsgidav_app import WsgiDAVApp

    more = {f"/{name}": place for name, place in shown.items()}
    application = WsgiDAVApp(
        {
            "provider_mapping": {"/": str(folder), **more},
            "simple_dc": {"user_mapping": {"*": {"ann": {"password": SECRET}}}},
            "verbose": 1,
            "logging": {"enable": False},
        }
    )
    server = wsgi.Server(("127.0.0.1", 0), application, numthreads=4)
    server.prepare()
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield f"http://127.0.0.1:{server.bind_addr[1]}"
    server.stop()
    thread.join()


@contextmanager
def s3_server() -> Iterator[tuple[str, Any]]:
    """Give the address of an S3 server with the bucket ``lab``, and a client of ann.

    All such servers of one run share their buckets.
    """
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url, keys = f"http://{host}:{port}", {"aws_access_key_id": "ann"}
    keys["aws_secret_access_key"] = SECRET
    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys)
    client.create_bucket(Bucket="lab")
    yield url, client
    client.close()
    server.stop()
