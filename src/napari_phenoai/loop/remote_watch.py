"""Looking at a training on a server until it has ended there."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from napari_phenoai.core.progress import Progress
from napari_phenoai.errors import EndpointError
from napari_phenoai.remote.training import RunState, look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.remote_training import RemoteTraining
    from napari_phenoai.loop.remote_patience import Patience
    from napari_phenoai.loop.remote_way import Told, Way
    from napari_phenoai.remote.deepaas import DeepaasClient
    from napari_phenoai.remote.spec import Offer

__all__ = ["Watching"]

_STEP = 0.02
"""How much must have happened for it to be written down."""
_NOTHING_NEW = (
    "Nothing new from {} for {:.0f} min: at work, waiting for its turn, or crashed. Ask its owner; "
    "stopping a training that has crashed may freeze that server"
)


class Watching:
    """Asks a server how a training is: often while it changes, seldom while it does not.

    Parameters
    ----------
    client : DeepaasClient
        The server.
    offer : Offer
        The module.
    way : Way
        What the module tells besides.
    patience : Patience
        Waits between questions.
    note : callable
        Keeps what has changed in the record.
    """

    def __init__(
        self,
        client: DeepaasClient,
        offer: Offer,
        way: Way,
        patience: Patience,
        note: Callable[..., RemoteTraining],
    ) -> None:
        self._client, self._offer, self._way = client, offer, way
        self._patience, self._note = patience, note
        self._seen: set[str] = set()
        self._told_at = -1e9
        self._news_at = time.monotonic()
        self._words = ""

    def work(self, training: RemoteTraining, start: float, stop: float) -> Work[RunState]:
        """Wait until `training` does not run any more, and return how it is.

        Progress goes from `start` to `stop` of 1; each point of the curves comes once.

        Raises
        ------
        StoppedWaitingError
            If a person wants it to stop.
        """
        wait = f"{training.server} trains, or waits for its turn"
        self._words = training.message or wait
        self._patience.say(Progress(max(start, training.done), 1, self._words))
        uuid = training.uuid
        while True:
            asking = self._patience.insist(lambda: look(self._client, self._offer, uuid))
            found = yield from asking
            told = self._told(training, ended=found.state != "running")
            if told is not None:
                yield from self._shown(told, start, stop)
                training = self._noted(training)
            if found.state != "running":
                return _settled(found, told)
            self._doubt(training.server)
            yield from self._patience.pause(self._patience.slower())

    def _doubt(self, server: str) -> None:
        """Say so if there was nothing new for long: DEEPaaS lists what has crashed as running."""
        silent = time.monotonic() - self._news_at
        if silent >= self._patience.pace.news:
            last, words = self._patience.last, _NOTHING_NEW.format(server, silent / 60)
            self._patience.say(Progress(last.done, last.total, words))

    def _told(self, training: RemoteTraining, *, ended: bool) -> Told | None:
        """Ask the module, but not too often: it looks for itself each time."""
        if not ended and time.monotonic() - self._told_at < self._patience.pace.told:
            return None
        self._told_at = time.monotonic()
        try:
            return self._way.told(training)
        except EndpointError:
            return None

    def _shown(self, told: Told, start: float, stop: float) -> Iterator[Progress]:
        done = max(self._patience.last.done, start + told.done * (stop - start))
        news = self._news(told.curve)
        if done > self._patience.last.done or news:
            self._news_at = time.monotonic()
            self._patience.faster()
        for row in news:
            yield self._progress(done, told, row)
        yield self._progress(done, told, {})

    def _news(self, curve: Sequence[Mapping[str, object]]) -> list[Mapping[str, object]]:
        """Return the points behind the last one that was seen; servers may leave old ones out."""
        keys = [json.dumps(row, sort_keys=True, default=str) for row in curve]
        known = max((at for at, key in enumerate(keys) if key in self._seen), default=-1)
        self._seen.update(keys[known + 1 :])
        return list(curve[known + 1 :])

    def _progress(self, done: float, told: Told, row: Mapping[str, object]) -> Progress:
        self._words = told.message or self._words
        return self._patience.say(Progress(done, 1, self._words, row))

    def _noted(self, training: RemoteTraining) -> RemoteTraining:
        last = self._patience.last
        if last.done - training.done < _STEP:
            return training
        return self._note(done=last.done, message=last.message[:500])


def _settled(found: RunState, told: Told | None) -> RunState:
    """Return how a training has ended; what the module has kept counts for more."""
    forgotten = found.state in {"lost", "unreadable"}
    if forgotten and told is not None and told.state == "done":
        return RunState("done", told.message, told.output)
    return found
