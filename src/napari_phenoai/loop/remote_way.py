"""What differs between modules that train on servers: data there, progress, model back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from napari_phenoai.core.ports import Predictor
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import ModelCard
    from napari_phenoai.core.remote_training import RemoteTraining
    from napari_phenoai.io.project import Project

__all__ = ["Arrived", "Told", "Way"]


@dataclass(frozen=True)
class Told:
    """What a module says of a training, besides what DEEPaaS knows.

    Parameters
    ----------
    state : str
        ``running``, ``done``, ``failed`` or ``lost``.
    done : float
        Share from 0 to 1.
    message : str
        Plain text.
    curve : sequence of mapping
        All points of its curves so far, such as ``{"epoch": 3, "loss": 0.2}``.
    output : object
        What it has returned, if it has ended.
    """

    state: Literal["running", "done", "failed", "lost"] = "running"
    done: float = 0
    message: str = ""
    curve: Sequence[Mapping[str, object]] = field(default_factory=tuple)
    output: object = None


@dataclass(frozen=True)
class Arrived:
    """A model that a training has made.

    Parameters
    ----------
    card : ModelCard
        What it is. One of the family ``remote`` stays on its server: it is measured and
        kept as a card, but never serves.
    predictor : Predictor
        The model, to be measured.
    there : float or None
        Held-out Dice as the server measured it.
    """

    card: ModelCard
    predictor: Predictor
    there: float | None = None


class Way(Protocol):
    """How one kind of module trains; the rest is `napari_phenoai.loop.remote_train`.

    An object belongs to one server and module. All methods are called in a thread, and
    raise `EndpointError` where the server or a storage fails: that is tried again later,
    except in `send`.
    """

    @property
    def name(self) -> str:
        """Kept with each training; after a restart the way is found again by it."""
        ...

    @property
    def fixed(self) -> frozenset[str]:
        """Names of the values that the way itself gives; nobody has to fill them in."""
        ...

    @property
    def proposed(self) -> Mapping[str, object]:
        """Values that are sent unless a person fills in others."""
        ...

    def check(self, training: RemoteTraining) -> None:
        """Raise an `InputError` or `RefusedError` if such a training cannot be done there."""
        ...

    def send(self, project: Project, training: RemoteTraining) -> Work[Mapping[str, object]]:
        """Put the data where the module takes them from; what is there is not sent again.

        Returns
        -------
        mapping of str to object
            Values of the module's form for the request that starts the training.
        """
        ...

    def told(self, training: RemoteTraining) -> Told | None:
        """Ask how it is; None where the module does not tell. Must not wait for a worker."""
        ...

    def bring(
        self, project: Project, training: RemoteTraining, output: object, folder: Path
    ) -> Work[Arrived]:
        """Fetch the model into `folder`, empty, and check it.

        Parameters
        ----------
        project : Project
            Open.
        training : RemoteTraining
            In the state ``fetching``.
        output : object
            What the training returned, as JSON holds it; None where that is not known.
        folder : Path
            Becomes the model's folder in the project.

        Raises
        ------
        AnswerError
            If what came is not what the server announced.
        ModelError
            If the model does not fit the project.
        """
        ...
