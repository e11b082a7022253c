"""How trainings on servers begin, in the threads of their jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_phenoai.core.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_phenoai.core.ports import TrainSettings
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.remote_training import RemoteTraining
    from napari_phenoai.io.project import Project
    from napari_phenoai.remote.deepaas import DeepaasClient
    from napari_phenoai.ui.remote_jobs import FollowJob

    Connect = Callable[[], DeepaasClient]

__all__ = ["TrainWish", "asked", "begun", "resumed", "trained"]


@dataclass(frozen=True)
class TrainWish:
    """A training that a person has filled in the form of a module for.

    Parameters
    ----------
    server, module : str
        Name of the server, and of its module.
    values : mapping
        Of the fields of the form.
    takes_tiles : bool
        Whether the reviewed tiles of the project are sent there, and a model comes back.
    """

    server: str
    module: str
    values: Mapping[str, object]
    takes_tiles: bool


def trained(
    project: Project, settings: TrainSettings, author: str, client: DeepaasClient
) -> RemoteTraining:
    """Begin a training on the reviewed tiles of a project."""
    from napari_phenoai.loop.remote_train import begin_training

    return begin_training(project, client, settings, author=author)


def asked(project: Project, wish: TrainWish, author: str, client: DeepaasClient) -> RemoteTraining:
    """Begin a training as a person filled in the form of a module."""
    from napari_phenoai.core.ports import TrainSettings
    from napari_phenoai.loop.remote_begin import begin_call
    from napari_phenoai.loop.remote_train import begin_training

    how: dict[str, Any] = {"module": wish.module, "author": author}
    if not wish.takes_tiles:
        return begin_call(project, client, wish.values, **how)
    family = str(wish.values.get("family", "unet"))
    settings = TrainSettings(family=family)
    return begin_training(project, client, settings, values=wish.values, **how)


def begun(
    project: Project,
    connect: Connect,
    begin: Callable[[DeepaasClient], RemoteTraining],
    job: FollowJob,
) -> Work[RemoteTraining]:
    """Connect, begin a training with that client, and follow it; the work of a `FollowJob`."""
    from napari_phenoai.loop.remote_train import follow_training

    client = yield from _connected(connect)
    while not job.enter():
        yield Progress(0, None, "stopping")
    training = begin(client)
    job.training = training.id
    return (yield from follow_training(project, lambda _: client, training.id, heard=job.hear))


def resumed(
    project: Project, connect: Connect, training: RemoteTraining, job: FollowJob
) -> Work[RemoteTraining]:
    """Connect, and follow a training that was begun before; the work of a `FollowJob`."""
    from napari_phenoai.loop.remote_train import follow_training

    job.training = training.id
    job.enter()
    client = yield from _connected(connect)
    return (yield from follow_training(project, lambda _: client, training.id, heard=job.hear))


def _connected(connect: Connect) -> Work[DeepaasClient]:
    """Get the client of a server, which may wait for the person's word."""
    from napari_phenoai.remote.calls import Call

    call = Call(connect)
    for _ in call.steps():
        yield Progress(0, None, "connecting")
    return call.result()
