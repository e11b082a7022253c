"""How modules that are not ours train: as their profile says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from napari_phenoai.core.ids import slug
from napari_phenoai.core.mapping import ValueMapping
from napari_phenoai.core.progress import Progress
from napari_phenoai.errors import (
    AnswerError,
    EndpointError,
    InputError,
    RefusedError,
    ServerFailedError,
)
from napari_phenoai.loop.profile_data import taught, yolo_files, zipped
from napari_phenoai.loop.remote_storage import storage_for
from napari_phenoai.loop.remote_way import Arrived, Told
from napari_phenoai.remote.asking import RemoteSettings
from napari_phenoai.remote.predictor import RemotePredictor, remote_card
from napari_phenoai.remote.profiles import profiles
from napari_phenoai.remote.redaction import plain
from napari_phenoai.remote.replies import read_json
from napari_phenoai.remote.training import look

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from napari_phenoai.core.places import Place
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.remote_training import RemoteTraining
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.io.project import Project
    from napari_phenoai.remote.deepaas import DeepaasClient
    from napari_phenoai.remote.profiles import Profile
    from napari_phenoai.remote.spec import Offer

__all__ = ["ProfileWay", "profile_way"]

_PREFIX = "profile-"
_SETS = "phenoai"
_MOST_LIST = 1024 * 1024
_LONGEST = 200


def profile_way(name: str, client: DeepaasClient, offer: Offer) -> ProfileWay | None:
    """Return how a module trains by the profile `name`, or by whatever fits; or None.

    Raises
    ------
    InputError
        If a profile of the person cannot be read.
    SignInError
        If the keys of its storage are missing.
    """
    wanted = name.removeprefix(_PREFIX) if name.startswith(_PREFIX) else None
    if name and wanted is None:
        return None
    for profile in profiles():
        chosen = profile.name == wanted if wanted else profile.fits(offer)
        if chosen and profile.train is not None:
            return ProfileWay(client, offer, profile, storage_for(client.endpoint.name))
    return None


class ProfileWay:
    """Trainings of a module that has a profile.

    Parameters
    ----------
    client : DeepaasClient
        The server.
    offer : Offer
        The module.
    profile : Profile
        With a part about trainings.
    storage : Place, optional
        The storage that the module reads, too.
    """

    def __init__(
        self, client: DeepaasClient, offer: Offer, profile: Profile, storage: Place | None
    ) -> None:
        if profile.train is None:
            hint = "Add a part [train] to it."
            raise InputError(f"The profile {profile.name} says nothing of trainings.", hint=hint)
        self._client, self._offer, self._storage = client, offer, storage
        self._profile, self._train = profile, profile.train

    @property
    def name(self) -> str:
        """Kept with each training."""
        return _PREFIX + self._profile.name

    @property
    def fixed(self) -> frozenset[str]:
        """The argument that names the data."""
        return frozenset(filter(None, (self._train.argument,)))

    @property
    def proposed(self) -> Mapping[str, object]:
        """What the profile says of the other arguments."""
        return self._train.values

    def check(self, training: RemoteTraining) -> None:
        """Raise if that module cannot train so; see `Way`."""
        server = self._client.endpoint.name
        if self._storage is None:
            hint = f"Name its storage: in the Servers dock, or phenoai storage {server} ADDRESS."
            raise InputError(f"{server} takes its data from a storage.", hint=hint)
        form = self._offer.train
        if form is None:
            hint = f"The Servers dock, or phenoai endpoints show {server}, lists what it offers."
            raise RefusedError(f"{self._offer.key} does not train at this server.", hint=hint)
        known = {field.name for field in form.fields}
        missing = [name for name in self._arguments() if name not in known]
        if missing:
            what = f"{self._offer.key} at {server} has no argument {missing[0]}."
            hint = (
                f"The profile {self._profile.name} is for another version: write one of your own."
            )
            raise InputError(what, hint=hint)
        if training.base:
            hint = "Start from its own weights."
            raise InputError("Such a module cannot start from a model of ours.", hint=hint)

    def send(self, project: Project, training: RemoteTraining) -> Work[Mapping[str, object]]:
        """Put the data into the storage; see `Way`."""
        snapshot = project.snapshots.get(training.snapshot)
        if self._profile.means == "binary" and len(snapshot.scheme.foreground) != 1:
            hint = "Train it on a project with background and one other class."
            raise InputError(f"{self._profile.title} knows one class only.", hint=hint)
        place, name = self._place(), self._set(training)
        sent = 0
        for number, (path, data) in enumerate(self._files(project, training), 1):
            yield Progress(number - 1, number, "sending the data")
            if place.size(path) != len(data):
                place.put(path, data)
                sent += 1
        if self._train.back.source == "metadata":
            place.put(f"{_SETS}/{training.id}.json", json.dumps(self._listed()).encode())
        if sent and self._train.restart == "before":
            what = f"The data are in the storage, but {training.server} reads them when it starts."
            hint = (
                "Ask its owner to restart it, then open the project again, or go on with: "
                "phenoai train DIR --resume."
            )
            raise RefusedError(what, hint=hint)
        told = {self._train.argument: self._filled(self._train.told, name)}
        return {
            **self._train.values,
            **self._chosen(training.settings),
            **training.wishes,
            **(told if self._train.argument else {}),
        }

    def told(self, training: RemoteTraining) -> Told | None:
        """Look whether there are new weights, where the module's own answer cannot be read."""
        if self._train.back.source != "metadata":
            return None
        state = look(self._client, self._offer, training.uuid).state
        if state != "unreadable":
            return Told()
        known = json.loads(self._place().get(f"{_SETS}/{training.id}.json", _MOST_LIST))
        new = sorted(set(self._listed()) - set(known))
        return Told("done", 1, "ended", (), {self._train.back.key: new[-1]} if new else None)

    def bring(
        self,
        project: Project,
        training: RemoteTraining,
        output: object,
        folder: Path,  # noqa: ARG002 - the weights stay where they are
    ) -> Work[Arrived]:
        """Return the module with its new weights; they stay on its server. See `Way`."""
        back = self._train.back
        if back.source == "none":
            what = f"{training.server} keeps the new weights in {back.file} of its storage."
            hint = f"If you want them, copy them to {back.use}, and predict with it."
            raise RefusedError(what, hint=hint)
        yield Progress(0, 1, "looking for the new weights")
        run = output.get(back.key) if isinstance(output, dict) else None
        if not isinstance(run, str) or not 0 < len(run) <= _LONGEST:
            what = f"{training.server} does not say what its new weights are called."
            raise AnswerError(what, hint="Ask its owner.")
        if back.file and self._place().size(self._filled(back.file, run)) is None:
            what = f"The new weights {plain(run, 80)} are not in the storage yet."
            raise AnswerError(what, hint="They are looked for again.")
        values = self._with_weights(run)
        snapshot = project.snapshots.get(training.snapshot)
        record = project.image(project.reviews.get(snapshot.items[0].review).tile.image)
        mapping = _meaning(snapshot.scheme, self._profile)
        channels, dtype = record.shape[1], record.dtype
        card = remote_card(
            self._offer, training.server, snapshot.scheme, channels=channels, dtype=dtype
        )
        card = card.but(
            id=f"remote-{slug(training.server)[:24]}-{slug(run)[:32]}-{training.id[-6:].lower()}",
            author=training.author,
            snapshot=training.snapshot,
            note=f"Trained on {training.server}, where it stays as {plain(run, 80)}.",
            settings={
                "server": training.server,
                "model": self._offer.key,
                "values": {name: str(value) for name, value in sorted(values.items())},
                "mapping": mapping.model_dump(mode="json"),
                "weights_sha256": "",
            },
        )
        settings = self._profile.asking(self._offer, RemoteSettings(values=values))
        return Arrived(card, RemotePredictor(self._client, self._offer, card, mapping, settings))

    def _with_weights(self, run: str) -> dict[str, object]:
        """Return the value that makes the module predict with `run`.

        Raises
        ------
        ServerFailedError
            If it does not offer them before it starts anew.
        """
        argument = self._profile.predict.model if self._profile.predict else ""
        if not argument:
            return {}
        if self._train.restart == "after":
            offers = {offer.key: offer for offer in self._client.offers(fresh=True)}
            form = offers.get(self._offer.key, self._offer).predict
            choices = [] if form is None else list(form[argument].choices)
            if choices and run not in choices:
                what = f"{self._client.endpoint.name} offers the new weights once it starts anew."
                raise ServerFailedError(what, hint="Ask its owner to restart it.")
        return {argument: run}

    def _arguments(self) -> Iterator[str]:
        yield from filter(None, (self._train.argument,))
        yield from self._train.values
        yield from self._train.settings.values()

    def _chosen(self, settings: Mapping[str, object]) -> dict[str, object]:
        """Return what a person has set, under the names of the module."""
        extra = settings.get("extra")
        all_of_them = {**settings, **(extra if isinstance(extra, dict) else {})}
        names = self._train.settings.items()
        found = {argument: all_of_them.get(name) for name, argument in names}
        return {argument: value for argument, value in found.items() if value is not None}

    def _files(self, project: Project, training: RemoteTraining) -> Iterator[tuple[str, bytes]]:
        snapshot, name = project.snapshots.get(training.snapshot), self._set(training)
        tiles, put = taught(project, snapshot), self._filled(self._train.put, name)
        if self._train.layout == "yolo":
            where = self._filled(self._train.told, name).rpartition("/")[0]
            for path, data in yolo_files(tiles, snapshot.scheme, where):
                yield f"{put.rstrip('/')}/{path}", data
            return
        folders = {"images": self._train.images, "masks": self._train.masks}
        yield put, zipped(tiles, snapshot.scheme, self._profile.means, **folders)

    def _filled(self, template: str, name: str) -> str:
        pairs = {"{set}": name, "{run}": name, "{mount}": self._train.mount.rstrip("/")}
        for mark, value in pairs.items():
            template = template.replace(mark, value)
        return template

    def _listed(self) -> list[str]:
        """Return what the module lists under the key of its profile."""
        answer = self._client.http.get(self._client.url(f"{self._offer.path}/"))
        said = read_json(answer)
        found = said.get(self._train.back.key) if isinstance(said, dict) else None
        return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []

    def _place(self) -> Place:
        if self._storage is None:
            server = self._client.endpoint.name
            hint = f"Name it: in the Servers dock, or phenoai storage {server} ADDRESS."
            raise EndpointError(f"The storage of {server} is not known any more.", hint=hint)
        return self._storage

    @staticmethod
    def _set(training: RemoteTraining) -> str:
        return f"phenoai-{training.snapshot[:16]}"


def _meaning(scheme: ClassScheme, profile: Profile) -> ValueMapping:
    """Return what the values mean of a module that has learned the classes of `scheme`."""
    background = scheme.background
    reason = f"By the profile {profile.name}."
    if profile.means == "binary":
        rest = scheme.foreground[0].id
        return ValueMapping(pairs={0: background}, rest=rest, reason=reason, confirmed=True)
    if profile.means == "order":
        pairs = {0: background}
        pairs |= {number: item.id for number, item in enumerate(scheme.foreground, 1)}
        return ValueMapping(pairs=pairs, reason=reason, confirmed=True)
    pairs = {0: 0, **{number: number for number in scheme.ids}}
    return ValueMapping(pairs=pairs, reason=reason, confirmed=True)
