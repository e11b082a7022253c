"""Trainings of a project on a server: begun, followed over any break, stopped.

What is known of one is in the project before the server is asked for it, so that whoever
opens the project next goes on. The request that starts it is sent once.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from napari_phenoai.core.ids import new_id
from napari_phenoai.core.progress import Progress
from napari_phenoai.core.remote_training import RemoteTraining, state_words
from napari_phenoai.errors import JobError, LockedError, PhenoError, UnreachableError
from napari_phenoai.io.own_trainings import OwnTrainings
from napari_phenoai.io.trainings import TrainingStore
from napari_phenoai.loop.remote_begin import kept_training, without_secrets
from napari_phenoai.loop.remote_follow import Following
from napari_phenoai.loop.remote_patience import Pace
from napari_phenoai.loop.remote_ways import ANY, way_of
from napari_phenoai.loop.snapshots import take_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_phenoai.core.ports import TrainSettings
    from napari_phenoai.core.progress import Work
    from napari_phenoai.errors import EndpointError
    from napari_phenoai.io.project import Project
    from napari_phenoai.loop.remote_way import Way
    from napari_phenoai.remote.deepaas import DeepaasClient
    from napari_phenoai.remote.spec import Offer

__all__ = ["begin_training", "cancel_training", "follow_training", "outcome"]

_WATCH_SECONDS = 1.0


def begin_training(
    project: Project,
    client: DeepaasClient,
    settings: TrainSettings,
    *,
    module: str | None = None,
    base: str | None = None,
    author: str = "",
    values: Mapping[str, object] | None = None,
) -> RemoteTraining:
    """Freeze what is to be learned, and note that a server shall learn it.

    Nothing is sent yet: `follow_training` does all the rest. If there is no connection to
    the server now, the training waits for it.

    Parameters
    ----------
    project : Project
        Open.
    client : DeepaasClient
        The server.
    settings : TrainSettings
        What the person chose; device and precision are the server's own.
    module : str, optional
        The module of the server, where there are several.
    base : str, optional
        Id of a model of the server to start from.
    author : str
        Who trains.
    values : mapping, optional
        Of the fields of the module's own form; they go before `settings`.

    Raises
    ------
    InputError
        If there is nothing to learn from, or that server cannot train so.
    EndpointError
        If it answers, but not as expected.
    """
    reached = _reached(client, module)
    snapshot_id, _ = take_snapshot(project)
    training = RemoteTraining(
        id=new_id(),
        server=client.endpoint.name,
        module=reached[0].key if reached else module or "",
        way=reached[1].name if reached else ANY,
        snapshot=snapshot_id,
        base=base or "",
        settings={**asdict(settings), "extra": dict(settings.extra)},
        author=author,
        round=new_id(),
        wishes=without_secrets(reached[0] if reached else None, values),
    )
    return kept_training(project, training, reached[1] if reached else None)


def follow_training(
    project: Project,
    connect: Callable[[str], DeepaasClient],
    training_id: str,
    pace: Pace | None = None,
    *,
    only_start: bool = False,
    heard: Callable[[EndpointError | None], object] | None = None,
) -> Work[RemoteTraining]:
    """Bring a training to its end, from wherever it is: send, wait, fetch, measure, keep.

    It may be followed by one process at a time; a second one watches. Closing the
    generator stops the following and nothing else.

    Parameters
    ----------
    project : Project
        Open.
    connect : callable
        Returns the client of a server by its name, such as ``Connections.client``.
    training_id : str
        Of the training.
    pace : Pace, optional
        How often the server is asked.
    only_start : bool
        Return as soon as the server has taken it.
    heard : callable, optional
        Hears each failure that it asks again after, and None once the server has answered.

    Returns
    -------
    RemoteTraining
        How it has ended; `outcome` raises where that is not well.

    Raises
    ------
    InputError, SignInError
        If the server is not on the user's list any more, or its login is missing.
    PhenoError
        If the model that came cannot be measured or kept; it is fetched again next time.
    """
    pace = pace or Pace()
    store = TrainingStore(project.path)
    training = store.get(training_id)
    lock = store.lock(training.id)
    while training.open:
        try:
            lock.acquire()
        except LockedError:
            yield _seen(training)
            time.sleep(min(_WATCH_SECONDS, pace.most))
            training = store.get(training.id)
            continue
        try:
            following = Following(project, connect, store.get(training.id), pace, heard)
            return (yield from following.work(only_start=only_start))
        finally:
            lock.release()
            store.tidy(training.id)
            _forget_ended(store, training)
    return training


def cancel_training(
    project: Project, connect: Callable[[str], DeepaasClient], training_id: str
) -> RemoteTraining:
    """Have a training stopped: by whoever follows it, or else here and now.

    Returns
    -------
    RemoteTraining
        How it is; it may be open still where another process does it.

    Raises
    ------
    JobError
        If it has ended already.
    EndpointError
        If the server does not answer; it is stopped when it does.
    """
    store = TrainingStore(project.path)
    training = store.get(training_id)
    if not training.open:
        what = f"The training is {state_words(training)} already."
        raise JobError(what, hint="Only one that goes on can be stopped.")
    store.wish_cancel(training.id)
    lock = store.lock(training.id)
    try:
        lock.acquire()
    except LockedError:
        return training
    try:
        return Following(project, connect, store.get(training.id), Pace()).stop()
    finally:
        lock.release()
        _forget_ended(store, training)


def outcome(training: RemoteTraining) -> RemoteTraining:
    """Return a training that ended well, or was stopped by a person.

    Raises
    ------
    JobError
        If it ended in another way; says how, and what to do.
    """
    if training.state in {"done", "cancelled"}:
        return training
    what = training.what or f"{training.title}: {state_words(training)}."
    raise JobError(what, hint=training.hint or "The Jobs strip, or phenoai jobs DIR, lists it.")


def _forget_ended(store: TrainingStore, training: RemoteTraining) -> None:
    with suppress(PhenoError):
        if not store.get(training.id).open:
            OwnTrainings().forget(training)


def _reached(client: DeepaasClient, module: str | None) -> tuple[Offer, Way] | None:
    """Return the module and how it trains; None while there is no connection."""
    try:
        offer = client.offer(module)
        return offer, way_of("", client, offer)
    except UnreachableError:
        return None


def _seen(training: RemoteTraining) -> Progress:
    """Return what another process that follows it has noted."""
    message = " ".join(part for part in (state_words(training), training.message) if part)
    return Progress(training.done, 1, message)
