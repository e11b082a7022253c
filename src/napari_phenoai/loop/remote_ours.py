"""How a server of our own trains: on bundles, with its progress in its metadata."""

from __future__ import annotations

import json
import re
import zipfile
from types import MappingProxyType
from typing import TYPE_CHECKING

from napari_phenoai.core.ids import new_id, sha256_file, slug
from napari_phenoai.core.progress import Progress
from napari_phenoai.errors import AnswerError, InputError, ModelError
from napari_phenoai.io.bundle import SETS
from napari_phenoai.io.files import write_json
from napari_phenoai.io.models import CARD, WEIGHTS
from napari_phenoai.loop.bundles import send_bundle
from napari_phenoai.loop.remote_way import Arrived, Told
from napari_phenoai.loop.training import ENGINE
from napari_phenoai.remote.ours import OurJob, our_server
from napari_phenoai.remote.replies import read_json
from napari_phenoai.remote.shelf import ServerShelf, said

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_phenoai.core.places import Place
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import ModelCard
    from napari_phenoai.core.remote_training import RemoteTraining
    from napari_phenoai.io.project import Project
    from napari_phenoai.remote.deepaas import DeepaasClient
    from napari_phenoai.remote.spec import Offer

__all__ = ["OURS", "OurWay"]

OURS = "phenoai"
_SENT = (
    "family",
    "encoder",
    "pretrained",
    "minutes",
    "steps",
    "batch",
    "crop_px",
    "learning_rate",
    "seed",
)
_ASK_SECONDS = 60.0
_MOST_SUMS = 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,119}")
_MOST_UNPACKED = 8 * 1024**3
_AGAIN = "Try again; if it stays so, train again."


class OurWay:
    """Trainings on a server of our own.

    Parameters
    ----------
    client : DeepaasClient
        The server.
    offer : Offer
        Our module there.
    storage : Place, optional
        The same folder that the server calls its storage. Without one the data go to the
        server itself, if it takes them.
    """

    name = OURS
    fixed = frozenset({"bundle", "job", "base"})
    proposed: Mapping[str, object] = MappingProxyType({})

    def __init__(self, client: DeepaasClient, offer: Offer, storage: Place | None = None) -> None:
        self._client, self._offer = client, offer
        self._storage = storage

    def check(self, training: RemoteTraining) -> None:
        """Raise if that server cannot train so.

        Raises
        ------
        InputError
            If no data can come to it, or it lacks the model to start from.
        """
        name = self._client.endpoint.name
        server = our_server(self._client, self._offer)
        if server is None or self._offer.train is None:
            hint = "Its owner has to start it with phenoai serve --train, or give it a storage."
            raise InputError(f"{name} does not train.", hint=hint)
        if self._storage is None and not server.uploads:
            hint = f"Name its storage: in the Servers dock, or phenoai storage {name} ADDRESS."
            raise InputError(f"{name} takes its data from a storage.", hint=hint)
        if training.base and training.base not in {model.id for model in server.models}:
            hint = "Start from base weights, or from a model that was trained there."
            raise InputError(f"{name} has no model {training.base}.", hint=hint)

    def send(self, project: Project, training: RemoteTraining) -> Work[Mapping[str, object]]:
        """Put the bundle into the storage, or onto the server; see `Way`."""
        root = self._storage or ServerShelf(self._client, self._offer)
        folder = f"bundles/{slug(project.spec.id)[:64]}"
        manifest = f"{SETS}/{training.snapshot[:16]}.json"
        snapshot = project.snapshots.get(training.snapshot)
        yield from send_bundle(project, snapshot, root.inside(folder), manifest)
        chosen = {name: training.settings.get(name) for name in _SENT}
        values = {name: value for name, value in chosen.items() if value is not None}
        if training.settings.get("extra"):
            values["extra"] = json.dumps(training.settings["extra"])
        base = {"base": training.base} if training.base else {}
        values |= training.wishes
        return {**values, **base, "bundle": f"{folder}/{manifest}", "job": training.id}

    def told(self, training: RemoteTraining) -> Told | None:
        """Return what the metadata say of it; they wait for no worker."""
        server = our_server(self._client, self._offer)
        jobs = server.jobs if server else []
        job = next((one for one in jobs if one.job == training.id), None)
        if job is None:
            return None
        return Told(job.state, job.done, job.what or job.message, job.curve, job.model_dump())

    def bring(
        self,
        project: Project,
        training: RemoteTraining,
        output: object,  # noqa: ARG002 - what the server says now is worth more
        folder: Path,
    ) -> Work[Arrived]:
        """Fetch the model from the storage, or from the server; see `Way`."""
        from napari_phenoai.ml.families import load_model

        job = self._job(training)
        if self._storage is not None and job.weights:
            yield from _from_storage(self._storage.inside(job.weights), folder)
        else:
            yield from self._from_server(job, folder)
        card = _checked(project, training, job, folder)
        write_json(folder / CARD, card)
        predictor = load_model(folder, engine=ENGINE)
        return Arrived(card, predictor, job.dice)

    def _job(self, training: RemoteTraining) -> OurJob:
        answer = self._client.predict(
            self._offer, {}, {"job": training.id}, accept="application/json", seconds=_ASK_SECONDS
        )
        return OurJob.model_validate(said(read_json(answer), self._client.endpoint.name))

    def _from_server(self, job: OurJob, folder: Path) -> Work[None]:
        """Load the ZIP of the model in parts: those that are there are not loaded again."""
        if job.zip_bytes < 1 or job.part_bytes < 1:
            hint = "Ask its owner to update it."
            raise AnswerError(f"{self._client.endpoint.name} does not give its model.", hint=hint)
        path = folder / f"{job.zip_sha256[:16]}.zip"
        count = -(-job.zip_bytes // job.part_bytes)
        with path.open("ab") as out:
            out.truncate(out.tell() // job.part_bytes * job.part_bytes)
            for number in range(out.tell() // job.part_bytes, count):
                yield Progress(number, count, "fetching the model")
                values = {"job": job.job, "part": number}
                answer = self._client.predict(
                    self._offer, {}, values, accept="application/zip", seconds=_ASK_SECONDS
                )
                if len(answer.content) != min(
                    job.part_bytes, job.zip_bytes - number * job.part_bytes
                ):
                    raise AnswerError("A part of the model came incomplete.", hint=_AGAIN)
                out.write(answer.content)
                out.flush()
        if sha256_file(path) != job.zip_sha256:
            path.unlink()
            raise AnswerError("The model that came is not what the server has.", hint=_AGAIN)
        _unpack(path, folder)
        path.unlink()


def _from_storage(place: Place, folder: Path) -> Work[None]:
    """Load the files of a model; each is checked against the sums beside it."""
    sums = place.get("sha256sums.txt", _MOST_SUMS).decode(errors="replace")
    pairs = (line.partition("  ") for line in sums.splitlines() if line)
    wanted = {name: digest for digest, _, name in pairs}
    for number, (name, digest) in enumerate(wanted.items()):
        yield Progress(number, len(wanted), f"fetching {name}")
        size = place.size(name)
        target = folder / _plain_name(name)
        if target.is_file() and sha256_file(target) == digest:
            continue
        if size is None or size > _MOST_UNPACKED:
            raise AnswerError(f"The file {name} of the model is not there.", hint=_AGAIN)
        place.fetch(name, target, size)
        if sha256_file(target) != digest:
            target.unlink()
            raise AnswerError(f"The file {name} of the model is damaged.", hint=_AGAIN)


def _unpack(path: Path, folder: Path) -> None:
    """Take the files out of a ZIP without folders, each by its plain name."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > 100 or sum(item.file_size for item in members) > _MOST_UNPACKED:
                raise AnswerError("The model that came is far too large.", hint=_AGAIN)
            for item in members:
                target = folder / _plain_name(item.filename)
                with archive.open(item) as source, target.open("wb") as out:
                    while piece := source.read(1024 * 1024):
                        out.write(piece)
    except (zipfile.BadZipFile, EOFError, ValueError, RuntimeError) as error:
        raise AnswerError("The model that came is damaged.", hint=_AGAIN) from error


def _plain_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise AnswerError("The model that came has a file of a strange name.", hint=_AGAIN)
    return name


def _checked(project: Project, training: RemoteTraining, job: OurJob, folder: Path) -> ModelCard:
    """Return the card of the model that came, if it is the one and fits the project."""
    from napari_phenoai.ml.cards import read_card

    weights = folder / WEIGHTS
    if not weights.is_file() or not (folder / CARD).is_file():
        raise AnswerError("What came is no model.", hint=_AGAIN)
    card = read_card(folder)
    if sha256_file(weights) != job.weights_sha256 or card.weights_sha256 != job.weights_sha256:
        raise AnswerError("The weights that came are not those of the training.", hint=_AGAIN)
    scheme = project.snapshots.get(training.snapshot).scheme
    if (card.class_ids, card.class_names) != (scheme.ids, scheme.names):
        hint = "Ask the owner of the server what it has trained."
        raise ModelError("The model that came has other classes than were sent.", hint=hint)
    known = {model.id: model.weights_sha256 for model in project.models.cards()}
    return card.but(
        id=card.id if known.get(card.id, job.weights_sha256) == job.weights_sha256 else new_id(),
        author=training.author,
        snapshot=training.snapshot,
        parent=training.base if training.base in known else None,
        note=f"Trained on {training.server}.",
    )
