"""Pieces of a training on a server: sending its data, and telling how it went."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from napari_phenoai.core.progress import scaled
from napari_phenoai.errors import (
    EndpointError,
    InputError,
    RefusedError,
    SignInError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.remote_training import RemoteTraining
    from napari_phenoai.io.project import Project
    from napari_phenoai.loop.remote_patience import Patience
    from napari_phenoai.loop.remote_way import Way
    from napari_phenoai.remote.training import RunState

__all__ = ["FINAL", "is_small", "reasons", "sent"]

FINAL = (RefusedError, SignInError, InputError)
"""Errors that time does not heal."""
_MOST_LETTERS = 100_000


def sent(
    way: Way, project: Project, training: RemoteTraining, patience: Patience, share: float
) -> Work[Mapping[str, object]]:
    """Send the data, over any number of breaks as long as something gets through.

    Progress goes from 0 to `share` of 1.

    Raises
    ------
    EndpointError
        If not even the first piece gets through, for another reason than the network.
    StoppedWaitingError
        If nobody wants it any more.
    """
    most = 0.0
    while True:
        before = most
        work = scaled(way.send(project, training), 0, share)
        try:
            while True:
                progress = next(work)
                most = max(most, progress.done)
                patience.check()
                patience.hear()
                yield patience.say(progress)
        except StopIteration as end:
            values: Mapping[str, object] = end.value
            return values
        except FINAL:
            raise
        except EndpointError as error:
            if most <= before and not isinstance(error, UnreachableError):
                raise
            yield from patience.miss(error)
        finally:
            work.close()


def is_small(output: object) -> bool:
    """Tell whether what a training has returned is worth keeping as it is."""
    with suppress(TypeError, ValueError):
        return len(json.dumps(output)) < _MOST_LETTERS
    return False


def reasons(training: RemoteTraining, found: RunState) -> tuple[str, str]:
    """Return what to tell of a training that did not end well, and what to do."""
    server = training.server
    hints = {
        "lost": "Look whether that server has kept anything of it; then train again.",
        "unreadable": "Ask its owner what came of it, or train again.",
        "cancelled": "Somebody else has stopped it; train again.",
    }
    message = found.message or "It gives no reason."
    return f"The training on {server} is {found.state}: {message}", hints.get(
        found.state, "Correct what it names, and train again."
    )
