"""Trainings on servers before they run: noted in the project, and as wanted by this person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_phenoai.core.ids import new_id
from napari_phenoai.core.remote_training import RemoteTraining
from napari_phenoai.errors import InputError
from napari_phenoai.io.own_trainings import OwnTrainings
from napari_phenoai.io.trainings import TrainingStore
from napari_phenoai.loop.remote_call import CALL
from napari_phenoai.loop.remote_ways import way_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_phenoai.io.project import Project
    from napari_phenoai.loop.remote_way import Way
    from napari_phenoai.remote.deepaas import DeepaasClient
    from napari_phenoai.remote.spec import Offer

__all__ = ["begin_call", "kept_training", "open_trainings", "take_over", "without_secrets"]


def begin_call(
    project: Project,
    client: DeepaasClient,
    values: Mapping[str, object],
    *,
    module: str | None = None,
    author: str = "",
) -> RemoteTraining:
    """Note that a module shall train as its form says, without data of the project.

    For modules of which nobody knows how they take data. When it is followed the request is
    sent, once; no model comes back.

    Parameters
    ----------
    project : Project
        Open; the training is kept in it.
    client : DeepaasClient
        The server.
    values : mapping
        Of the fields of the form.
    module : str, optional
        The module of the server, where there are several.
    author : str
        Who trains.

    Raises
    ------
    InputError
        If a secret was filled in: it would be kept in the project.
    EndpointError
        If the server does not answer, or that module does not train.
    """
    offer = client.offer(module)
    training = RemoteTraining(
        id=new_id(),
        server=client.endpoint.name,
        module=offer.key,
        way=CALL,
        snapshot="",
        author=author,
        wishes=without_secrets(offer, values),
    )
    return kept_training(project, training, way_of(CALL, client, offer))


def open_trainings(project: Project) -> tuple[list[RemoteTraining], list[RemoteTraining]]:
    """Return the trainings of which something is still to come, oldest first.

    Returns
    -------
    own : list of RemoteTraining
        Those that this person has begun on this computer, or taken over.
    others : list of RemoteTraining
        What else the project names. It may come from anybody: no server is asked for one
        of these before the person has said so; see `take_over`.
    """
    own = OwnTrainings()
    found = TrainingStore(project.path).open()
    return [one for one in found if own.has(one)], [one for one in found if not own.has(one)]


def take_over(training: RemoteTraining) -> None:
    """Note that this person wants `training` to be followed from now on."""
    OwnTrainings().add(training)


def kept_training(project: Project, training: RemoteTraining, way: Way | None) -> RemoteTraining:
    """Note in the project that a server shall train, and among the settings that it was wanted.

    Raises
    ------
    InputError, RefusedError
        If `way`, where it is known already, cannot train so.
    DiskError
        If the disk is full or read-only.
    """
    if way is not None:
        way.check(training)
    OwnTrainings().add(training)
    return TrainingStore(project.path).save(training)


def without_secrets(offer: Offer | None, values: Mapping[str, object] | None) -> dict[str, object]:
    """Return what was filled in, as it is kept in the project.

    Raises
    ------
    InputError
        If a secret is among it.
    """
    fields = offer.train.fields if offer is not None and offer.train is not None else ()
    secret = next((one.name for one in fields if one.secret and one.name in (values or {})), None)
    if secret is not None:
        what = f"{secret} is a secret, and what a training was asked with is kept in the project."
        hint = "Leave it empty, and ask the owner of the module for another way."
        raise InputError(what, hint=hint)
    return dict(values or {})
