"""Work on many machines: a function and its items, spread over a Dask cluster."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from napari_phenoai.core.ids import new_id
from napari_phenoai.core.progress import Progress
from napari_phenoai.errors import InputError, JobError, MissingExtraError, PhenoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from distributed import Client, Future

    from napari_phenoai.core.progress import Work

__all__ = ["SCHEME", "cluster_work", "scheduler_of"]

SCHEME = "dask://"
"""How the address of a cluster begins: ``dask://host:8786``."""

T = TypeVar("T")
R = TypeVar("R")

_POLL_SECONDS = 0.1
_CONNECT_SECONDS = 15
_FETCH_SECONDS = 2


def scheduler_of(address: str) -> str:
    """Return the address of the scheduler as Dask writes it.

    Raises
    ------
    InputError
        If it does not begin with ``dask://`` or names no machine.

    Examples
    --------
    >>> scheduler_of("dask://login1:8786")
    'tcp://login1:8786'
    >>> scheduler_of("dask://tls://login1:8786")
    'tls://login1:8786'
    """
    place = address.removeprefix(SCHEME)
    if place == address or not place:
        hint = "Write it like dask://host:8786, the address that dask scheduler prints."
        raise InputError(f"{address!r} is not the address of a Dask cluster.", hint=hint)
    return place if "://" in place else f"tcp://{place}"


def cluster_work(
    address: str,
    function: Callable[[T], R],
    items: Sequence[T],
    *,
    weight: Callable[[T], int] = lambda _: 1,
) -> Work[list[R]]:
    """Let a Dask cluster call `function` with each of `items`.

    Each item is given to one machine at a time. When that machine is lost, another one
    gets the item, so `function` must be able to find half of its work done. Machines may
    come and go meanwhile; with none, the work waits and says so. Closing the generator
    takes back what has not begun.

    Parameters
    ----------
    address : str
        ``dask://host:port``.
    function : callable
        Importable on the machines of the cluster, and so are its items.
    items : sequence
        What to do, the same order as the results.
    weight : callable
        How much of the whole an item is, for the progress.

    Returns
    -------
    list
        What `function` returned for each item.

    Raises
    ------
    InputError
        If `address` is no address of a cluster.
    MissingExtraError
        If Dask's distributed scheduler is not installed.
    JobError
        If the cluster does not answer, or items cannot be done on it.
    PhenoError
        What `function` raised.
    """
    total = sum(weight(item) for item in items)
    yield Progress(0, total, "asking the cluster")
    if not items:
        return []
    with _connected(address) as client:
        keys = [f"phenoai-{new_id()}-{number}" for number in range(len(items))]
        futures = client.map(function, items, key=keys, pure=False)
        weights = dict(zip(keys, map(weight, items), strict=True))
        results: dict[str, R] = {}
        try:
            yield from _followed(client, futures, weights, results)
        finally:
            client.cancel(futures, force=True)
        return [results[key] for key in keys]


def _followed(
    client: Client, futures: Sequence[Future], weights: dict[str, int], results: dict[str, Any]
) -> Work[None]:
    """Take each result as soon as it is there, before its machine can be lost."""
    waiting = {future.key: future for future in futures}
    while waiting:
        for key in [key for key, future in waiting.items() if future.done()]:
            if waiting[key].status != "finished":
                raise _failure(waiting[key])
            with suppress(TimeoutError):
                results[key] = waiting[key].result(timeout=_FETCH_SECONDS)
                del waiting[key]
        done = sum(weights[key] for key in results)
        state = _state(client, len(results), len(futures))
        yield Progress(done, sum(weights.values()), state)
        time.sleep(_POLL_SECONDS)


def _state(client: Client, finished: int, count: int) -> str:
    if client.status != "running":
        hint = "Start the cluster again, then run this again: it goes on where it was."
        raise JobError("The cluster does not answer any more.", hint=hint)
    machines = len(client.scheduler_info(n_workers=-1)["workers"])
    if not machines:
        return f"{finished} of {count} parts; waiting for a machine"
    return f"{finished} of {count} parts on {machines} worker{'s' if machines > 1 else ''}"


def _failure(future: Future) -> PhenoError:
    """Return what went wrong with `future`, in words."""
    from distributed import KilledWorker

    error = future.exception()
    if isinstance(error, PhenoError):
        return error
    if isinstance(error, KilledWorker):
        text = "Worker after worker was lost over the same part."
        hint = "Give the workers more memory, or look into their logs for the reason."
        return JobError(text, hint=hint)
    text = f"A worker failed: {type(error).__name__}: {error}"
    return JobError(text, hint="All workers need the same version of napari-phenoai.")


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    place = scheduler_of(address)
    try:
        from distributed import Client
    except ImportError as error:
        text = "Work on a Dask cluster needs the package distributed."
        raise MissingExtraError(text, hint='pip install "napari-phenoai[cluster]"') from error
    try:
        client = Client(place, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        text = f"There is no Dask scheduler at {place}: {error}"
        hint = "Start one with: dask scheduler. It prints its address."
        raise JobError(text, hint=hint) from error
    try:
        yield client
    finally:
        client.close(timeout=_CONNECT_SECONDS)
