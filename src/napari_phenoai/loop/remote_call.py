"""Trainings of modules that nobody has described: the form is sent, and nothing else."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from napari_phenoai.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.remote_training import RemoteTraining
    from napari_phenoai.io.project import Project
    from napari_phenoai.loop.remote_way import Arrived, Told
    from napari_phenoai.remote.deepaas import DeepaasClient
    from napari_phenoai.remote.spec import Offer

__all__ = ["CALL", "CallWay"]

CALL = "call"


class CallWay:
    """Starts the training of a module as its form says.

    Data of the project are not sent, and no model comes back: the module takes what its
    form names, and keeps what it makes. The training is followed like any other.

    Parameters
    ----------
    client : DeepaasClient
        The server.
    offer : Offer
        The module.
    """

    name = CALL
    fixed: frozenset[str] = frozenset()
    proposed: Mapping[str, object] = MappingProxyType({})

    def __init__(self, client: DeepaasClient, offer: Offer) -> None:
        self._client, self._offer = client, offer

    def check(self, training: RemoteTraining) -> None:
        """Raise if the module does not train, or cannot be asked to; see `Way`."""
        server, form = self._client.endpoint.name, self._offer.train
        if form is None:
            hint = f"The Servers dock, or phenoai endpoints show {server}, lists what it offers."
            raise RefusedError(f"{training.module} does not train at this server.", hint=hint)
        needed = [item.name for item in form.files if item.required]
        if needed:
            what = f"It wants the file {needed[0]} with the request, which DEEPaaS cannot do."
            raise RefusedError(what, hint="Ask its owner for a way through a storage.")

    def send(self, project: Project, training: RemoteTraining) -> Work[Mapping[str, object]]:  # noqa: ARG002
        """Return what was filled in; see `Way`."""
        yield from ()
        return training.wishes

    def told(self, training: RemoteTraining) -> Told | None:  # noqa: ARG002
        """Return nothing: such a module tells its state only; see `Way`."""
        return None

    def bring(
        self,
        project: Project,  # noqa: ARG002
        training: RemoteTraining,
        output: object,  # noqa: ARG002
        folder: Path,  # noqa: ARG002
    ) -> Work[Arrived]:
        """Raise: nothing comes back; see `Way`."""
        yield from ()
        what = f"{training.server} keeps what it has made."
        raise RefusedError(what, hint="Ask its owner where that is.")
