"""The child process that trains: ``python -m napari_phenoai.loop.child PROJECT``.

It prints one JSON object per line on its standard output: ``{"kind": "progress",
"done", "total", "message", "data"}`` any number of times, then either ``{"kind":
"result", "result"}`` with the `RoundRecord`, or ``{"kind": "error", "what", "hint"}``.
Everything else that anything in it prints goes to the standard error.

SIGTERM and SIGINT stop the training cleanly. When it was started as a job, it also
stops when its parent dies: its standard input ends then.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import asdict, fields
from typing import IO, TYPE_CHECKING, Any

from napari_phenoai.core.niceness import step_back
from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.core.progress import finish
from napari_phenoai.errors import InputError, PhenoError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import FrameType

    from napari_phenoai.core.progress import Progress, Work
    from napari_phenoai.core.records import Record

__all__ = ["command", "main", "settings_of", "told"]

_WATCH = "PHENOAI_WATCH_STDIN"
_LAST_SECONDS = 2.0


def command(
    project: str | Path, settings: TrainSettings, *, parent: str | None = None, author: str = ""
) -> list[str]:
    """Return the command line that trains in a child process.

    Give it to `napari_phenoai.jobs.process.process_work`; the result is a
    `RoundRecord` as a dict.
    """
    told = {**asdict(settings), "extra": dict(settings.extra)}
    line = [sys.executable, "-P", "-m", "napari_phenoai.loop.child", str(project)]
    line += ["--settings", json.dumps(told), "--author", author]
    return [*line, "--parent", parent] if parent else line


def main(argv: Sequence[str] | None = None) -> int:
    """Train as the arguments say; return the exit status, 0 when a model was made."""
    parser = argparse.ArgumentParser(prog="napari_phenoai.loop.child")
    parser.add_argument("project")
    parser.add_argument("--settings", default="{}")
    parser.add_argument("--parent", default=None)
    parser.add_argument("--author", default="")
    options = parser.parse_args(argv)
    return told(lambda: _training(options))


def told(start: Callable[[], Work[Record]]) -> int:
    """Do the work that `start` returns and tell of it on the standard output.

    Returns
    -------
    int
        The exit status: 0 when there is a result.
    """
    with _own_output() as out:
        _obey_signals()
        if os.environ.get(_WATCH):
            _watch_parent()
        step_back()
        return _done(start, out)


def _training(options: argparse.Namespace) -> Work[Record]:
    from napari_phenoai.io.project import Project
    from napari_phenoai.loop.retrain import retrain

    settings = settings_of(options.settings)
    with Project.open(options.project) as project:
        return (yield from retrain(project, settings, parent=options.parent, author=options.author))


def _done(start: Callable[[], Work[Record]], out: IO[str]) -> int:
    def tell(progress: Progress) -> None:
        _say(
            out,
            kind="progress",
            done=progress.done,
            total=progress.total,
            message=progress.message,
            data=dict(progress.data),
        )

    try:
        record = finish(start(), tell)
        _say(out, kind="result", result=record.model_dump(mode="json"))
    except PhenoError as error:
        _say(out, kind="error", what=error.what, hint=error.hint)
        return 1
    except Exception as error:  # noqa: BLE001 - told to the parent, whole in the log
        traceback.print_exc()
        what = f"The training stopped on an unforeseen error ({type(error).__name__}: {error})."
        hint = "Nothing that was saved before is lost. The log has the details; please report it."
        _say(out, kind="error", what=what, hint=hint)
        return 1
    return 0


def settings_of(text: str) -> TrainSettings:
    """Return the settings of a training that `text` holds as a JSON object.

    Raises
    ------
    InputError
        If it holds something else.
    """
    hint = 'Give a JSON object such as {"family": "forest"}.'
    try:
        told = json.loads(text)
    except ValueError as error:
        raise InputError(f"The settings {text!r} are no JSON: {error}.", hint=hint) from error
    known = {item.name for item in fields(TrainSettings)}
    if not isinstance(told, dict) or set(told) - known:
        listed = ", ".join(sorted(known))
        raise InputError(f"The settings {text!r} are not known.", hint=f"Known are {listed}.")
    return TrainSettings(**told)


def _say(out: IO[str], **told: Any) -> None:
    with contextlib.suppress(BrokenPipeError):
        out.write(json.dumps(told, default=str) + "\n")
        out.flush()


@contextlib.contextmanager
def _own_output() -> Any:
    """Keep the standard output for our lines; what others print goes to the error output."""
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        yield out


def _obey_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _on_signal)


def _on_signal(number: int, _: FrameType | None) -> None:
    """Unwind the training, which removes what is half made; a second signal ends it hard."""
    for other in (signal.SIGTERM, signal.SIGINT):
        signal.signal(other, signal.SIG_DFL)
    raise SystemExit(128 + number)


def _watch_parent() -> None:
    threading.Thread(target=_until_orphaned, name="watch parent", daemon=True).start()


def _until_orphaned() -> None:
    """Wait for the end of the standard input, then stop; hard if that takes long."""
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_LAST_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
