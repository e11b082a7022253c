"""A training on a server as a project keeps it: everything that is needed to follow it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from napari_phenoai.core.records import JobRecord, Record, now

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FOLLOWED", "REMOTE_TRAINING", "RemoteTraining", "TrainingState", "state_words"]

REMOTE_TRAINING = "train-remote"
"""Kind of the job that follows a training on a server."""

TrainingState = Literal[
    "submitting",
    "submit-unknown",
    "running",
    "fetching",
    "done",
    "failed",
    "cancelled",
    "lost",
    "unreadable",
]

FOLLOWED: frozenset[TrainingState] = frozenset({"submitting", "running", "fetching"})
"""The states in which something is still to come."""

_WORDS: Mapping[TrainingState, str] = {
    "submitting": "being sent",
    "submit-unknown": "perhaps started",
    "running": "running there",
    "fetching": "ended there, its model is on the way",
    "done": "done",
    "failed": "failed",
    "cancelled": "cancelled",
    "lost": "lost",
    "unreadable": "ended, result unreadable",
}


class RemoteTraining(Record):
    """``trainings/<id>.json``: a training on a server, from before it is asked for.

    Parameters
    ----------
    id : str
        Ours; servers of our own kind know the training by it.
    server : str
        Name in the user's list of servers. Where that is, and logins, are not in the project.
    module : str
        The model of that server.
    way : str
        How that module trains, see `napari_phenoai.loop.remote_way`.
    state : str
        ``submitting`` until the server has named an id; ``submit-unknown`` when its answer
        to the request was lost; ``running``; ``fetching`` when it has ended well there;
        ``done`` when the model is in the project; ``failed``; ``cancelled``; ``lost`` when
        the server does not know it any more; ``unreadable`` when its result cannot be had.
    asked : bool
        Whether the request that starts it may have been sent; it is never sent again.
    uuid : str
        The server's own id of it; dies with the server.
    snapshot : str
        What it learns from.
    base : str
        The model that it starts from; empty for base weights.
    settings : dict
        What the person chose, as `TrainSettings`.
    wishes : dict
        What the person filled into the module's own form; no secrets.
    values : dict
        What was sent with the request.
    others : tuple of str
        Trainings that the server knew before it was asked.
    output : object
        What the training has returned, as JSON holds it.
    author : str
        Who trains.
    model : str
        The model that came of it.
    round : str
        Id of its link in the audit trail, chosen before that is written.
    cancel : bool
        Whether a person wanted it to stop.
    unreachable : datetime or None
        Since when the server does not answer; None while it does.
    done : float
        Share from 0 to 1, as the server says.
    message : str
        What it is doing, for people.
    there : float or None
        Held-out Dice as the server measured it.
    what, hint : str
        Why it did not end well, and what to do now.
    fields : dict
        What the server said of single values, by their names in the form.
    """

    format: Literal[1] = 1
    id: str = Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")
    server: str
    module: str
    way: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    state: TrainingState = "submitting"
    asked: bool = False
    uuid: str = Field(default="", pattern=r"^[0-9a-fA-F-]{0,36}$")
    snapshot: str
    base: str = ""
    settings: dict[str, object] = Field(default_factory=dict)
    wishes: dict[str, object] = Field(default_factory=dict)
    values: dict[str, object] = Field(default_factory=dict)
    others: tuple[str, ...] = ()
    output: object = None
    author: str = ""
    model: str = ""
    round: str = ""
    cancel: bool = False
    unreachable: datetime | None = None
    done: float = 0
    message: str = ""
    there: float | None = None
    what: str = ""
    hint: str = ""
    fields: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    started: datetime = Field(default_factory=now)
    ended: datetime | None = None

    @property
    def title(self) -> str:
        """What people call it."""
        return f"Training on {self.server}"

    @property
    def open(self) -> bool:
        """Whether something is still to come, so that it is followed."""
        return self.state in FOLLOWED

    def as_job(self) -> JobRecord:
        """Return what is known of it in the terms of all long work."""
        plain = {"submit-unknown": "lost", "unreadable": "failed"}
        state = "running" if self.open else plain.get(self.state, self.state)
        return JobRecord.model_validate(
            {
                "id": self.id,
                "kind": REMOTE_TRAINING,
                "title": self.title,
                "state": state,
                "done": self.done,
                "total": 1,
                "message": state_words(self),
                "what": self.what,
                "hint": self.hint,
                "result": self.model,
                "started": self.started,
                "ended": self.ended,
            }
        )


def state_words(training: RemoteTraining) -> str:
    """Return how a training is, in words.

    Examples
    --------
    >>> state_words(RemoteTraining(id="abcdefgh", server="lab", module="m", way="phenoai",
    ...                            snapshot="s", state="running"))
    'running there'
    """
    words = _WORDS[training.state]
    if training.open and training.unreachable is not None:
        since = training.unreachable.astimezone()
        return f"{words}; {training.server} does not answer since {since:%H:%M}"
    return words
