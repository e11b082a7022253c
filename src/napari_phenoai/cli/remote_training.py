"""What ``phenoai train`` and ``phenoai jobs`` do with trainings on servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from napari_phenoai.core.remote_training import REMOTE_TRAINING, state_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_phenoai.cli.output import Reporter
    from napari_phenoai.core.ports import TrainSettings
    from napari_phenoai.core.records import JobRecord
    from napari_phenoai.core.remote_training import RemoteTraining
    from napari_phenoai.io.project import Project

__all__ = ["all_jobs", "resume_all", "stop_job", "train_on", "watch_all"]


def train_on(
    out: Reporter,
    project: Project,
    server: str,
    settings: TrainSettings,
    module: str | None,
    base: str | None,
    author: str,
    *,
    wait: bool,
    values: Mapping[str, object] | None = None,
    call: bool = False,
) -> None:
    """Train on a server of the list, and wait until the model is here.

    With `call` only `values` are sent, and no model comes back.
    """
    from napari_phenoai.cli.endpoint_commands import saved_connections
    from napari_phenoai.loop.remote_begin import begin_call
    from napari_phenoai.loop.remote_train import begin_training, follow_training

    connections = saved_connections()
    try:
        client = connections.client(server)
        how: dict[str, Any] = {"module": module, "author": author}
        if call:
            training = begin_call(project, client, values or {}, **how)
        else:
            training = begin_training(project, client, settings, base=base, values=values, **how)
        out.resume = f"The training is kept. Go on with: phenoai train {project.path} --resume."
        if wait:
            _followed(out, project, training.id)
            return
        work = follow_training(project, connections.client, training.id, only_start=True)
        training = out.run(work, training.title)
    finally:
        connections.close()
    out.result(
        {"training": training.model_dump(mode="json")},
        f"{training.title} is {state_words(training)}.",
        f"Its model comes with phenoai train {project.path} --resume, or in an open window.",
    )


def resume_all(out: Reporter, project: Project, *, others: bool = False) -> None:
    """Go on with all trainings on servers of which something is still to come."""
    found = _wanted(project, others=others)
    out.resume = "The training is kept. Run the same command again to go on."
    for training in found:
        _followed(out, project, training.id)
    if not found:
        out.result({"trainings": []}, "No training on a server goes on.")


def watch_all(out: Reporter, project: Project) -> None:
    """Go on with all trainings on servers, however each of them ends."""
    from napari_phenoai.cli.endpoint_commands import saved_connections
    from napari_phenoai.loop.remote_train import follow_training

    connections = saved_connections()
    try:
        for training in _wanted(project):
            out.run(follow_training(project, connections.client, training.id), training.title)
    finally:
        connections.close()


def stop_job(out: Reporter, project: Project, wanted: str) -> None:
    """Have long work stopped that runs anywhere, here or on a server."""
    from napari_phenoai.cli.endpoint_commands import saved_connections
    from napari_phenoai.io.trainings import TrainingStore
    from napari_phenoai.jobs.recording import ask_to_stop
    from napari_phenoai.loop.remote_train import cancel_training

    known = [one for one in TrainingStore(project.path).all() if one.id.startswith(wanted)]
    if len(known) != 1:
        out.result({}, f"Asked {ask_to_stop(project.ledger, wanted).title} to stop.")
        return
    connections = saved_connections()
    try:
        after = cancel_training(project, connections.client, known[0].id)
    finally:
        connections.close()
    asked = f"Asked {after.title} to stop."
    out.result({}, asked if after.open else f"{after.title}: {state_words(after)}.")


def all_jobs(project: Project) -> list[JobRecord]:
    """Return all long work of a project, newest first; trainings on servers as they are kept."""
    from napari_phenoai.io.trainings import TrainingStore

    here = [job for job in project.ledger.jobs() if job.kind != REMOTE_TRAINING]
    there = [training.as_job() for training in TrainingStore(project.path).all()]
    return sorted((*here, *there), key=lambda job: (job.started, job.id), reverse=True)


def _wanted(project: Project, *, others: bool = False) -> list[RemoteTraining]:
    """Return the trainings to go on with; those of somebody else only if a person says so."""
    from napari_phenoai.cli.endpoint_commands import ask_person
    from napari_phenoai.loop.remote_begin import open_trainings, take_over
    from napari_phenoai.remote.redaction import plain

    own, foreign = open_trainings(project)
    for training in foreign:
        where = plain(training.server, 64)
        text = f"The training {training.id} on {where} was not begun here."
        if others or ask_person(f"{text} Ask {where} for it?"):
            take_over(training)
            own.append(training)
        else:
            hint = f"To go on with it, too: phenoai train {project.path} --resume --others."
            typer.echo(f"{text} Nothing was asked there. {hint}", err=True)
    return own


def _followed(out: Reporter, project: Project, training_id: str) -> None:
    from napari_phenoai.cli.endpoint_commands import saved_connections
    from napari_phenoai.io.trainings import TrainingStore
    from napari_phenoai.loop.remote_train import follow_training, outcome

    store = TrainingStore(project.path)
    connections = saved_connections()
    try:
        work = follow_training(project, connections.client, training_id)
        training = outcome(out.run(work, store.get(training_id).title))
    finally:
        connections.close()
    record = next((one for one in project.rounds.all() if one.id == training.round), None)
    told: dict[str, object] = {"training": training.model_dump(mode="json")}
    lines = [f"{training.title}: {state_words(training)}."]
    if record is not None:
        told |= record.model_dump(mode="json")
        lines = [f"Trained {record.model} on {record.tiles} tiles on {training.server}."]
        dice = record.evaluation.dice if record.evaluation else None
        lines += [f"Held-out Dice {dice:.3f}, measured here."] if dice is not None else []
        lines += [record.gate.reason] if record.gate else []
    out.result(told, *lines)
