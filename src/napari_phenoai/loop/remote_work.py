"""Work on a server as the windows want it: asked, waited for, taken up again, stopped."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from napari_phenoai.core.context import read_with_context
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import Progress
from napari_phenoai.errors import UnreachableError
from napari_phenoai.loop.remote_form import kept_form
from napari_phenoai.loop.remote_meaning import Unclear, remember_meaning
from napari_phenoai.loop.remote_predict import predict_remote, understood
from napari_phenoai.remote.calls import Call
from napari_phenoai.remote.deepaas import PREDICT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_phenoai.core.mapping import ValueMapping
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import ModelCard
    from napari_phenoai.io.project import Project
    from napari_phenoai.remote.deepaas import DeepaasClient
    from napari_phenoai.remote.predictor import RemotePredictor

__all__ = ["Outcome", "Wish", "patient", "predict_there", "propose_there"]

T = TypeVar("T")

_STEP_SECONDS = 0.1
_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 60.0
_TELL_AFTER = 2.0


@dataclass(frozen=True)
class Wish:
    """What a person wants of a model on a server.

    Parameters
    ----------
    server : str
        Its name on the list.
    model : str or None
        Its module; None for the only one.
    values : mapping or None
        Of the fields of the form; those left out keep the server's own values. None where
        the form is not known yet: then what was filled in last in the project.
    picture_field : str or None
        Field that takes the tile, where that is not clear.
    seconds : float
        How long the server may be silent.
    meaning : ValueMapping or None
        What its values mean, if that was confirmed just now; kept in the project.
    """

    server: str
    model: str | None = None
    values: Mapping[str, object] | None = field(default_factory=dict)
    picture_field: str | None = None
    seconds: float = PREDICT_SECONDS
    meaning: ValueMapping | None = None


@dataclass(frozen=True)
class Outcome:
    """How work on a server ended.

    Parameters
    ----------
    card : ModelCard or None
        The model there, as it is kept in the project.
    count : int
        Tiles that were predicted now.
    unclear : Unclear or None
        What a person has to say first; nothing was predicted then.
    """

    card: ModelCard | None = None
    count: int = 0
    unclear: Unclear | None = None


def predict_there(
    project: Project,
    connect: Callable[[str], DeepaasClient],
    wish: Wish,
    images: Sequence[str] | None = None,
    *,
    regions: Sequence[Tile] = (),
) -> Work[Outcome]:
    """Predict images, or what lies round `regions`, into the stores of the project.

    While the server cannot be reached it waits and says so; then it goes on where it was.

    Parameters
    ----------
    project : Project
    connect : callable
        Returns the client of a server by its name.
    wish : Wish
    images : sequence of str, optional
        Ids or names; by default all.
    regions : sequence of Tile, optional
        In place of `images`.

    Raises
    ------
    EndpointError
        If the server fails; what was predicted before is kept.
    LabelError, InputError
        As `predict_remote` does.
    """
    counted = [0]

    def once() -> Work[Outcome]:
        names = list(images or [tile.image for tile in regions]) or None
        found = yield from _connected(project, connect, wish, names)
        if isinstance(found, Unclear):
            return Outcome(unclear=found)
        counted[0] += yield from _clocked(predict_remote(project, found, images, regions=regions))
        return Outcome(found.card, counted[0])

    return (yield from patient(once, wish.server))


def propose_there(
    project: Project,
    connect: Callable[[str], DeepaasClient],
    wish: Wish,
    tiles: Sequence[Tile],
    keep: Callable[[Tile, ModelCard, NDArray[np.uint8]], object],
) -> Work[Outcome]:
    """Have tiles predicted one after the other, and hand each over as soon as it is there.

    A tile that lies in what the same model has predicted before is not asked for again.

    Parameters
    ----------
    project, connect, wish
        As for `predict_there`.
    tiles : sequence of Tile
    keep : callable
        Is given, in the thread of the work, each tile, the model, and the classes
        ``(height, width)``; 0 where unlabelled.

    Raises
    ------
    EndpointError
        If the server fails; what was handed over before is not lost.
    LabelError
        If a value came that nobody has said the meaning of.
    """
    left = list(tiles)

    def once() -> Work[Outcome]:
        found = yield from _connected(project, connect, wish, [tile.image for tile in left])
        if isinstance(found, Unclear):
            return Outcome(unclear=found)
        yield from _proposed(project, found, left, keep, len(tiles))
        return Outcome(found.card, len(tiles))

    return (yield from patient(once, wish.server))


def patient(
    start: Callable[[], Work[T]],
    server: str,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Work[T]:
    """Do work that needs `server`; while there is no way to it, wait and start it again.

    Only a connection that could not be made is waited for: nothing was sent then.

    Parameters
    ----------
    start : callable
        Starts the work, or goes on with it.
    server : str
        For the message.
    clock, sleep : callable
    """
    pause, last = _FIRST_PAUSE, Progress(0, None)
    while True:
        work = start()
        try:
            while True:
                last = next(work)
                pause = _FIRST_PAUSE if last.done else pause
                yield last
        except StopIteration as end:
            result: T = end.value
            return result
        except UnreachableError as error:
            reason = error.what
        finally:
            work.close()
        until = clock() + pause
        while (rest := until - clock()) > 0:
            message = f"{reason} {server} is asked again in {rest:.0f} s"
            yield Progress(last.done, last.total, message)
            sleep(_STEP_SECONDS)
        pause = min(_LONGEST_PAUSE, 1.5 * pause)


def _connected(
    project: Project,
    connect: Callable[[str], DeepaasClient],
    wish: Wish,
    images: Sequence[str] | None,
) -> Work[RemotePredictor | Unclear]:
    stop = threading.Event()

    def ask() -> RemotePredictor | Unclear:
        client = connect(wish.server)
        key = client.offer(wish.model).key
        filled = kept_form(project, wish.server, key, "predict")
        if wish.meaning is not None:
            remember_meaning(project, wish.server, key, wish.meaning)
        return understood(
            project,
            client,
            offer=wish.model,
            values=filled if wish.values is None else wish.values,
            meaning=wish.meaning,
            images=images,
            picture_field=wish.picture_field,
            seconds=wish.seconds,
            stop=stop,
        )

    try:
        call, began = Call(ask), time.monotonic()
        for _ in call.steps():
            yield Progress(0, None, _told(f"asking {wish.server}", time.monotonic() - began))
        return call.result()
    finally:
        stop.set()


def _proposed(
    project: Project,
    predictor: RemotePredictor,
    left: list[Tile],
    keep: Callable[[Tile, ModelCard, NDArray[np.uint8]], object],
    total: int,
) -> Work[None]:
    card, context = predictor.card, predictor.card.context_px

    def read(tile: Tile) -> NDArray[np.generic]:
        return read_with_context(project.source(tile.image), tile, context)

    def hand_over(tile: Tile, labels: NDArray[np.uint8]) -> None:
        inner = Tile(tile.image, context, context, *tile.shape)
        keep(tile, card, labels[inner.slices].copy())
        left.remove(tile)

    for tile in list(left):
        store = project.predictions(tile.image, card.id)
        if store.exists and store.has(tile):
            keep(tile, card, store.read(tile)[0])
            left.remove(tile)
    gone = total - len(left)
    work = _clocked(predictor.work(list(left), read, hand_over))
    try:
        for now in work:
            yield Progress(gone + now.done, total, now.message)
    finally:
        work.close()


def _clocked(work: Work[T]) -> Work[T]:
    """Say for how long one request has been waited for, once that takes its time."""
    since, message = time.monotonic(), ""
    try:
        while True:
            now = next(work)
            if now.message != message:
                since, message = time.monotonic(), now.message
            waited = time.monotonic() - since
            yield Progress(now.done, now.total, _told(message, waited), now.data)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        work.close()


def _told(message: str, waited: float) -> str:
    return message if waited < _TELL_AFTER else f"{message}, for {waited:.0f} s now"
