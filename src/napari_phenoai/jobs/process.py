"""Work in a child process that prints one JSON object per line."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from napari_phenoai.core.progress import Progress
from napari_phenoai.errors import DiskError, JobError, PhenoError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari_phenoai.core.progress import Work

__all__ = ["WATCH_STDIN", "process_work"]

WATCH_STDIN = "PHENOAI_WATCH_STDIN"
"""Environment variable that tells a child to end when its standard input does."""

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 1.0
_LEAVE_SECONDS = 5.0
_TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class _End:
    """The child has closed its standard output."""


def process_work(
    argv: Sequence[str], *, env: Mapping[str, str] | None = None, log: Path | None = None
) -> Work[dict[str, Any]]:
    """Run a child process and pass on what it tells.

    It prints one JSON object per line: ``{"kind": "progress", "done", "total",
    "message", "data"}``, then ``{"kind": "result", "result"}`` or ``{"kind": "error",
    "what", "hint"}``. Other lines are taken for log. Its standard input stays open
    as long as this process lives, so that it can notice when we die.

    The child and all that it starts take the processor only where this process and others
    leave it, as far as the system has such a thing.

    Closing the generator asks the child to stop, and after a second kills it and all
    that it started. While the child is silent the last progress is given again,
    without data, ten times a second, so that a cancel is heard.

    Parameters
    ----------
    argv : sequence of str
        Program and arguments.
    env : mapping, optional
        Environment variables besides those of this process.
    log : Path, optional
        File that gets its standard error; replaced. None keeps it only to
        explain an unexpected death.

    Returns
    -------
    dict
        The ``result`` that the child printed.

    Raises
    ------
    PhenoError
        What the child told as an ``error``.
    JobError
        If it cannot be started or died without a result; says how it died.
    """
    with _errors_file(log) as errors:
        child = _start(argv, env, errors)
        lines: queue.SimpleQueue[str | _End] = queue.SimpleQueue()
        listener = threading.Thread(target=_listen, args=(child, lines), daemon=True)
        listener.start()
        try:
            result = yield from _follow(lines)
            if result is None:
                raise _death(child, errors, log)
            with suppress(subprocess.TimeoutExpired):
                child.wait(_LEAVE_SECONDS)
            return result
        finally:
            _stop(child, listener)


def _start(
    argv: Sequence[str], env: Mapping[str, str] | None, errors: IO[bytes]
) -> subprocess.Popen[str]:
    try:
        child = subprocess.Popen(  # noqa: S603 - argv comes from this package
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, WATCH_STDIN: "1", **(env or {})},
            text=True,
            encoding="utf-8",
            errors="replace",
            process_group=None if os.name == "nt" else 0,
        )
    except OSError as error:
        text = f"The program {argv[0]} cannot be started: {error.strerror or error}."
        raise JobError(text, hint="Check the installation with phenoai doctor.") from error
    return child


def _listen(child: subprocess.Popen[str], lines: queue.SimpleQueue[str | _End]) -> None:
    with suppress(ValueError, OSError):
        for line in child.stdout or ():
            lines.put(line)
    lines.put(_End())


def _follow(lines: queue.SimpleQueue[str | _End]) -> Work[dict[str, Any] | None]:
    last = Progress(0, None, "starting")
    while True:
        try:
            line = lines.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            yield Progress(last.done, last.total, last.message)
            continue
        if isinstance(line, _End):
            return None
        told = _parsed(line)
        kind = told.get("kind")
        if kind == "progress":
            last = _progress(told)
            yield last
        elif kind == "result":
            return dict(told.get("result") or {})
        elif kind == "error":
            hint = str(told.get("hint") or "See the log for details.")
            raise JobError(str(told.get("what") or "The work failed."), hint=hint)


def _parsed(line: str) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _progress(told: Mapping[str, Any]) -> Progress:
    total = told.get("total")
    return Progress(
        float(told.get("done") or 0),
        None if total is None else float(total),
        str(told.get("message") or ""),
        dict(told.get("data") or {}),
    )


def _death(child: subprocess.Popen[str], errors: IO[bytes], log: Path | None) -> PhenoError:
    with suppress(subprocess.TimeoutExpired):
        child.wait(_GRACE_SECONDS)
    last = _last_line(errors)
    text = f"The process ended without a result: {_manner(child.returncode)}."
    if last:
        text += f" Its last words: {last}"
    hint = "Nothing that was saved before is lost; start it again."
    if log is not None:
        hint += f" The log is {log}."
    return JobError(text, hint=hint)


def _manner(code: int | None) -> str:
    if code is None:
        return "it closed its output but still ran"
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else "unknown"
    if name == "SIGKILL":
        return "killed (signal 9), often because memory ran out"
    return f"ended by signal {-code} ({name})"


def _last_line(errors: IO[bytes]) -> str:
    with suppress(OSError, ValueError):
        size = errors.seek(0, os.SEEK_END)
        errors.seek(max(0, size - _TAIL_BYTES))
        lines = errors.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")[:300]
    return ""


def _stop(child: subprocess.Popen[str], listener: threading.Thread) -> None:
    """End the child and all that it started; return when it is gone."""
    if child.poll() is None:
        child.terminate()
        deadline = time.monotonic() + _GRACE_SECONDS
        while child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
    _kill_group(child)
    child.wait()
    listener.join(_GRACE_SECONDS)
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError, ValueError):
                pipe.close()


def _kill_group(child: subprocess.Popen[str]) -> None:
    if os.name == "nt":
        child.kill()
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


@contextmanager
def _errors_file(log: Path | None) -> Iterator[IO[bytes]]:
    if log is None:
        with tempfile.TemporaryFile() as file:
            yield file
        return
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        file = log.open("w+b")
    except OSError as error:
        text = f"The log {log} cannot be written: {error.strerror or error}."
        raise DiskError(text, hint="Check the disk and the permissions of the folder.") from error
    with file:
        yield file
