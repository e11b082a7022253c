"""The way of one training on a server through its states; each is on the disk before it counts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from napari_phenoai.core.progress import Progress, scaled
from napari_phenoai.core.records import now
from napari_phenoai.errors import (
    AnswerError,
    EndpointError,
    FieldsError,
    LostAnswerError,
    ModelError,
    NoAnswerError,
    RefusedError,
    SignInError,
    UnreachableError,
)
from napari_phenoai.io.files import make_folder
from napari_phenoai.io.trainings import TrainingStore
from napari_phenoai.loop.remote_arrival import taken_in
from napari_phenoai.loop.remote_call import CALL
from napari_phenoai.loop.remote_patience import Patience, StoppedWaitingError
from napari_phenoai.loop.remote_send import FINAL, is_small, reasons, sent
from napari_phenoai.loop.remote_watch import Watching
from napari_phenoai.loop.remote_ways import ANY, way_of
from napari_phenoai.remote.training import cancel, known_ids, started, submit

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.remote_training import RemoteTraining, TrainingState
    from napari_phenoai.io.project import Project
    from napari_phenoai.loop.remote_patience import Pace
    from napari_phenoai.loop.remote_way import Way
    from napari_phenoai.remote.deepaas import DeepaasClient
    from napari_phenoai.remote.replies import Training
    from napari_phenoai.remote.spec import Offer
    from napari_phenoai.remote.training import RunState

__all__ = ["Following"]

_SENT, _RAN, _CAME = 0.08, 0.88, 0.95
"""Shares of the progress after each step."""
_FETCHES = 3
_LOOK = "Look at the trainings of that server before you start another one."
_UNKNOWN = "Nobody knows whether the training has started at {}."


class Following:
    """Leads a training from the state that it is in to its end.

    Parameters
    ----------
    project : Project
        Open.
    connect : callable
        Returns the client of a server by its name.
    training : RemoteTraining
        Still open; whoever makes this holds its lock.
    pace : Pace
        How often the server is asked.
    heard : callable, optional
        Hears each failure that it asks again after, and None once the server has answered.
    """

    def __init__(
        self,
        project: Project,
        connect: Callable[[str], DeepaasClient],
        training: RemoteTraining,
        pace: Pace,
        heard: Callable[[EndpointError | None], object] | None = None,
    ) -> None:
        self.training = training
        self._heard = heard
        self._project = project
        self._store = TrainingStore(project.path)
        self._client = connect(training.server)
        self._patience = Patience(pace, self._wanted, self._miss, self._answer)
        self._reached: tuple[Offer, Way] | None = None
        self._stopping = False

    def work(self, *, only_start: bool = False) -> Work[RemoteTraining]:
        """Do what is left to do; see `napari_phenoai.loop.remote_train.follow_training`."""
        steps: dict[TrainingState, Callable[[], Work[None]]] = {
            "submitting": self._submit,
            "running": self._run,
            "fetching": self._fetch,
        }
        while self.training.open and not (only_start and self.training.uuid):
            try:
                yield from steps[self.training.state]()
            except StoppedWaitingError:
                yield from self._stop()
        return self.training

    def stop(self) -> RemoteTraining:
        """Stop the training now, without patience."""
        if not self.training.asked or self.training.state == "fetching":
            self._end("cancelled")
            return self.training
        offer, _ = self._reach()
        if not self.training.uuid:
            self._found(started(self._client, offer, self.training.values, self.training.others))
        if self.training.open:
            self._cancelled(cancel(self._client, offer, self._noted_wish().uuid))
            self._store.forget_wish(self.training.id)
        return self.training

    # --- the states

    def _submit(self) -> Work[None]:
        """Send the data and the request; after that request, only look for its effect."""
        offer, way = yield from self._patience.insist(self._reach, unless=FINAL)
        if self.training.asked:
            yield from self._search(offer)
            return
        values = yield from sent(way, self._project, self.training, self._patience, _SENT)
        self._patience.check()
        others = yield from self._patience.insist(lambda: known_ids(self._client, offer))
        self._note(asked=True, values=dict(values), others=others)
        try:
            run = submit(self._client, offer, values)
        except UnreachableError as error:  # nothing was sent
            self._note(asked=False)
            yield from self._patience.miss(error)
        except LostAnswerError as error:
            self._end("submit-unknown", error.what, error.hint)
        except EndpointError as error:
            fields = error.fields if isinstance(error, FieldsError) else {}
            self._note(fields=fields)
            self._end("failed", error.what, error.hint)
        else:
            self._note(state="running", uuid=run.uuid, done=_SENT)

    def _search(self, offer: Offer) -> Work[None]:
        """Look whether the request, which may have been sent, has started a training."""
        training = self.training
        run = yield from self._patience.insist(
            lambda: started(self._client, offer, training.values, training.others)
        )
        self._found(run)

    def _found(self, run: Training | None) -> None:
        """Take note of the training that the request has started, or of none."""
        if run is not None:
            self._note(state="running", uuid=run.uuid)
        else:
            self._end("submit-unknown", _UNKNOWN.format(self.training.server), _LOOK)

    def _run(self) -> Work[None]:
        """Wait for the end there."""
        offer, way = yield from self._patience.insist(self._reach, unless=FINAL)
        watching = Watching(self._client, offer, way, self._patience, self._note)
        found = yield from watching.work(self.training, _SENT, _RAN)
        if found.state == "done":
            output = found.output if is_small(found.output) else None
            if way.name == CALL:
                self._note(output=output, done=1)
                self._end("done")
            else:
                self._note(state="fetching", output=output, done=_RAN)
        elif found.state == "lost" and self.training.cancel:
            self._end("cancelled")
        elif found.state != "running":
            self._end(found.state, *reasons(self.training, found))

    def _fetch(self) -> Work[None]:
        """Fetch the model, measure it and keep it."""
        _, way = yield from self._patience.insist(self._reach, unless=FINAL)
        folder = make_folder(self._store.files(self.training.id))
        damaged = 0
        while True:
            work = scaled(
                way.bring(self._project, self.training, self.training.output, folder), _RAN, _CAME
            )
            try:
                arrived = yield from self._shown(work)
                break
            except AnswerError as error:
                damaged += 1
                if damaged >= _FETCHES:
                    self._end("unreadable", error.what, error.hint)
                    return
                yield from self._patience.miss(error)
            except ModelError as error:
                self._end("failed", error.what, error.hint)
                return
            except RefusedError as error:
                self._end("unreadable", error.what, error.hint)
                return
            except SignInError:
                raise
            except EndpointError as error:
                yield from self._patience.miss(error)
        judging = taken_in(self._project, self.training, arrived, folder)
        yield from self._shown(scaled(judging, _CAME, 1))
        self._note(model=arrived.card.id, there=arrived.there, done=1)
        self._end("done")

    def _stop(self) -> Work[None]:
        """Have it stopped, as a person wishes, and wait until that has worked."""
        if not self.training.asked:
            self._end("cancelled")
            return
        self._stopping = True
        try:
            offer, _ = yield from self._patience.insist(self._reach, unless=FINAL)
            if self.training.state == "submitting" and self.training.asked:
                yield from self._search(offer)
            if self.training.state != "running":
                if self.training.open:
                    self._end("cancelled")
                return
            uuid = self._noted_wish().uuid
            yield Progress(self.training.done, 1, f"asking {self.training.server} to stop")
            found = yield from self._patience.insist(
                lambda: cancel(self._client, offer, uuid), unless=(NoAnswerError,)
            )
            self._cancelled(found)
        except NoAnswerError as error:
            yield from self._patience.miss(error)
        finally:
            self._stopping = False
        self._store.forget_wish(self.training.id)

    # --- inside

    def _shown(self, work: Work[Any]) -> Work[Any]:
        try:
            while True:
                progress = next(work)
                self._patience.check()
                yield self._patience.say(progress)
        except StopIteration as end:
            return end.value
        finally:
            work.close()

    def _reach(self) -> tuple[Offer, Way]:
        if self._reached is None:
            offer = self._client.offer(self.training.module or None)
            way = way_of(self.training.way, self._client, offer)
            if self.training.way == ANY:
                way.check(self._note(module=offer.key, way=way.name))
            self._reached = offer, way
        return self._reached

    def _cancelled(self, found: RunState) -> None:
        """Take note of what came of the wish to stop it."""
        if found.state in {"cancelled", "lost"}:
            self._end("cancelled")
        elif found.state in {"failed", "unreadable"}:
            self._end(found.state, *reasons(self.training, found))

    def _noted_wish(self) -> RemoteTraining:
        """Note that a person wants it to stop, before the server hears of it."""
        return self._note(cancel=True)

    def _wanted(self) -> bool:
        return self._stopping or not self._store.wishes_cancel(self.training.id)

    def _miss(self, error: EndpointError, seconds: float) -> None:
        if self._heard is not None:
            self._heard(error)
        if self.training.unreachable is None and seconds >= self._patience.pace.unreachable:
            self._note(unreachable=now() - timedelta(seconds=seconds))
        since = self.training.unreachable
        told = "no answer" if since is None else f"no answer since {since.astimezone():%H:%M}"
        silent = since is not None or isinstance(error, UnreachableError | NoAnswerError)
        message = f"{told}; asked again. {error.what}" if silent else error.what
        self._patience.say(Progress(self._patience.last.done, None, message))

    def _answer(self) -> None:
        if self._heard is not None:
            self._heard(None)
        if self.training.unreachable is not None:
            self._note(unreachable=None)

    def _note(self, **changes: object) -> RemoteTraining:
        self.training = self._store.save(self.training.but(**changes))
        return self.training

    def _end(self, state: TrainingState, what: str = "", hint: str = "") -> None:
        ended = {"unreachable": None, "ended": now(), "message": ""}
        self._note(state=state, what=what, hint=hint, **ended)
        self._store.clean(self.training.id)
