"""The learning side of a session: which model serves, and the training of the next."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_phenoai.core.niceness import BESIDE_WINDOW
from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.core.records import RoundRecord
from napari_phenoai.errors import JobError
from napari_phenoai.jobs.job import Job, JobState
from napari_phenoai.jobs.process import process_work
from napari_phenoai.loop.child import command
from napari_phenoai.ui.links import hear_from_thread
from napari_phenoai.ui.preferences import Place
from napari_phenoai.ui.quiet import load_quietly
from napari_phenoai.ui.remote_jobs import FollowJob, RemoteJobs
from napari_phenoai.ui.standing import Standing, next_family

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from napari_phenoai.core.ports import Predictor
    from napari_phenoai.core.progress import Work
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.background import Background
    from napari_phenoai.ui.server_desk import ServerDesk

__all__ = ["Learner", "training_work"]

_AUTO = "auto-train"


def training_work(project: Project, settings: TrainSettings, author: str) -> Work[RoundRecord]:
    """Train, evaluate and record a round in a child process.

    Returns
    -------
    RoundRecord
        The new link of the audit trail.
    """
    argv = command(project.path, settings, author=author)
    log, env = project.path / "training.log", {BESIDE_WINDOW: "1"}
    result = yield from process_work(argv, env=env, log=log)
    return RoundRecord.model_validate(result)


class Learner:
    """The models of one open project: the one that serves, and at most one in training.

    Parameters
    ----------
    project : Project
        Open; closed by the caller.
    background : Background
        Lanes ``tiles`` and ``writes`` are used.
    run : callable
        Starts and tracks a `Job`.
    author : str
        Who trains.
    desk : ServerDesk
        The servers of the session.

    Attributes
    ----------
    wish : callable or None
        Makes settings of the family that fits, as the person chose them.
    server : str
        Name of the server that trains; empty for this computer.
    remote : RemoteJobs
        The trainings on servers.
    """

    loaded = Signal(object)
    trained = Signal()
    failed = Signal(object)
    auto_changed = Signal(bool)

    def __init__(
        self,
        project: Project,
        background: Background,
        run: Callable[[Job[Any]], object],
        author: str,
        desk: ServerDesk,
    ) -> None:
        self.project = project
        self.author = author
        self.place = Place()
        self.wish: Callable[[str], TrainSettings] | None = None
        self.server = ""
        self.training: Job[Any] | None = None
        self._auto = project.ledger.get_setting(_AUTO) != "off"
        self._background = background
        self._run = run
        self._closed = False
        self._not_before = 0
        self._teaching = 0
        self.remote = RemoteJobs(project, background, run, desk)
        self.remote.begun.connect(self._on_begun)
        self.remote.ended.connect(self._on_ended)
        self.remote.resume()

    @property
    def auto(self) -> bool:
        """Whether a training starts by itself after enough reviewed tiles."""
        return self._auto

    def set_auto(self, auto: bool) -> None:
        """Switch automatic training on or off; kept in the project."""
        self._auto = auto
        setting = "on" if auto else "off"
        self._background.do("writes", partial(self.project.ledger.set_setting, _AUTO, setting))
        self.auto_changed.emit(auto)

    def load(self, standing: Standing) -> None:
        """Load the served model in the background; `loaded` hands it over."""
        if standing.served is None:
            self.loaded.emit(None)
            return
        self._background.do(
            "tiles",
            partial(load_quietly, self.project, standing.served.id, self.place),
            then=self._on_loaded,
            otherwise=self._on_not_loaded,
        )

    def train(self, settings: TrainSettings) -> None:
        """Start a training here or on the server, unless one is running there.

        Raises
        ------
        JobError
            If one is running.
        """
        elsewhere = isinstance(self.training, FollowJob) and not self.server
        if self.training is not None and not elsewhere:
            hint = "Wait for it, or stop it first."
            raise JobError("A training is running already.", hint=hint)
        if self.server:
            self.remote.train(self.server, settings, self.author)
            return
        work = training_work(self.project, settings, self.author)
        job = Job("Training", work, kind="train")
        self.training = job
        hear_from_thread(job.ended, self._on_ended)
        self._run(job)

    def settings(self, family: str) -> TrainSettings:
        """Return the settings of the next training, where `family` is what fits the tiles."""
        if self.wish is not None:
            return self.wish(family)
        return TrainSettings(family=family, device=self.place.device)

    def suited_family(self, standing: Standing) -> str:
        """Return the family of model that fits the number of reviewed tiles."""
        enough = standing.teaching >= self.project.spec.train_after
        return "unet" if enough and (self.server or _has_torch()) else "forest"

    def cancel(self) -> None:
        """Stop the training, if one is running; nothing that exists is lost."""
        if self.training is not None:
            self.training.cancel()

    def consider(self, standing: Standing) -> None:
        """Start a training by itself when there is enough new work.

        After a training that failed or was stopped, as many tiles must be reviewed
        again before the next one starts by itself.
        """
        self._teaching = standing.teaching
        idle = self._auto and self.training is None and not self._closed
        if not idle or standing.teaching < self._not_before:
            return
        after = self.project.spec.train_after
        able = bool(self.server) or _has_torch()
        network = able and self.settings("unet").family == "unet"
        family = next_family(standing, train_after=after, network=network)
        if family is not None:
            self.train(self.settings(family))

    def close(self) -> None:
        """Stop a training here and drop answers that are under way; those on servers go on."""
        self._closed = True
        self.remote.close()
        self.cancel()

    def _on_loaded(self, predictor: Predictor) -> None:
        if not self._closed:
            self.loaded.emit(predictor)

    def _on_not_loaded(self, error: Exception) -> None:
        if not self._closed:
            self.failed.emit(error)
            self.loaded.emit(None)

    def _on_begun(self, job: FollowJob) -> None:
        self.training = self.training or job

    def _on_ended(self, job: Job[Any]) -> None:
        if job is self.training:
            self.training = next(iter(self.remote.jobs), None)
        if job.state is not JobState.DONE:
            self._not_before = self._teaching + self.project.spec.train_after
        if job.state is JobState.DONE and not self._closed:
            self.trained.emit()


def _has_torch() -> bool:
    return find_spec("torch") is not None
