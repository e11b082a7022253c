"""How connections are made: what is tried again, and how long sending may stand still."""

from __future__ import annotations

import logging
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import MaxRetryError, NameResolutionError
from urllib3.util.retry import Retry

from napari_phenoai.remote.redaction import redacted

__all__ = ["Adapter", "OwnSession", "policy"]

_PIECE = 64 * 1024
_SEND_SECONDS = 60.0
"""How long a piece of an upload may take: a slow line must not look like a dead one."""


class Adapter(HTTPAdapter):
    """Makes connections that are patient while they send.

    Else the short time for making a connection would be the longest time that a piece of
    an upload may take, too.

    Parameters
    ----------
    retries : bool
        Whether anything is tried again.
    """

    def __init__(self, *, retries: bool = True) -> None:
        logging.getLogger("urllib3.connectionpool").addFilter(_UNSEEN)
        super().__init__(pool_connections=4, pool_maxsize=4, max_retries=policy() if retries else 0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **options, blocksize=_PIECE)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        """Make, or return, the pools of connections over a proxy."""
        manager = super().proxy_manager_for(*args, **options, blocksize=_PIECE)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class _Unseen(logging.Filter):
    """Takes secrets out of the addresses that urllib3 writes down when all is logged."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            texts = (redacted(one) if isinstance(one, str) else one for one in record.args)
            record.args = tuple(texts)
        return True


_UNSEEN = _Unseen()


class _Patient(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        if self.sock is not None:
            self.sock.settimeout(_SEND_SECONDS)


class _PatientTls(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        if self.sock is not None:
            self.sock.settimeout(_SEND_SECONDS)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Patient


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _PatientTls


_POOLS = {"http": _Pool, "https": _TlsPool}


class OwnSession(requests.Session):
    """A session that neither looks at redirects nor reads their bodies to the end."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        """Return that there is none."""
        return


class _Policy(Retry):
    """Like `Retry`, but a host without an address is not looked up again."""

    def increment(self, *args: Any, **options: Any) -> Self:
        error = options.get("error")
        if isinstance(error, NameResolutionError):
            raise MaxRetryError(options["_pool"], "", error) from error
        return super().increment(*args, **options)


def policy() -> Retry:
    """Return what is tried again: connections, and GET after a broken one."""
    return _Policy(
        total=None,
        connect=3,
        read=2,
        status=3,
        other=0,
        redirect=0,
        status_forcelist={502, 503, 504},
        allowed_methods={"GET", "HEAD"},
        backoff_factor=0.5,
        retry_after_max=5,
        raise_on_status=False,
    )
