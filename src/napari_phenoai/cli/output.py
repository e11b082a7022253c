"""What commands print: results on stdout, progress and reasons on stderr."""

from __future__ import annotations

import json
import logging
import sys
import time
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from napari_phenoai.cli.stopping import stop_if_asked
from napari_phenoai.core.progress import finish
from napari_phenoai.errors import PhenoError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari_phenoai.core.progress import Progress, Work

__all__ = ["Json", "Reporter", "author_name", "print_usage_error", "reporting"]

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]

_LINE_SECONDS = 5.0
_log = logging.getLogger(__name__)


class Reporter:
    """Collects what a command has to say and shows the progress of its work.

    Parameters
    ----------
    as_json : bool
        Whether the result is printed as one JSON object.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.data: dict[str, object] = {}
        self.lines: list[str] = []
        self.resume = "Run the same command again to go on."

    def result(self, data: Mapping[str, object], *lines: str) -> None:
        """Set what is printed: `data` with ``--json``, else `lines`."""
        self.data = {**self.data, **data}
        self.lines += lines

    def run(self, work: Work[T], title: str) -> T:
        """Run `work` to its end, showing how far it is on stderr."""
        if sys.stderr.isatty():
            return self._with_bar(work, title)
        return self._with_lines(work, title)

    def _with_bar(self, work: Work[T], title: str) -> T:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        text = TextColumn("{task.description}")
        columns = (text, BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeRemainingColumn())
        with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(title, total=1.0)

            def show(progress: Progress) -> None:
                stop_if_asked()
                message = f"{title}: {progress.message}" if progress.message else title
                bar.update(task, completed=progress.fraction or 0.0, description=message)

            return finish(work, show)

    def _with_lines(self, work: Work[T], title: str) -> T:
        shown = [time.monotonic()]

        def show(progress: Progress) -> None:
            stop_if_asked()
            if time.monotonic() - shown[0] < _LINE_SECONDS:
                return
            shown[0] = time.monotonic()
            share = "" if progress.fraction is None else f" {progress.fraction:4.0%}"
            typer.echo(f"{title}{share} {progress.message}".rstrip(), err=True)

        return finish(work, show)

    def show(self) -> None:
        """Print the result."""
        if self.as_json:
            typer.echo(json.dumps(self.data, ensure_ascii=False, default=str))
        else:
            for line in self.lines:
                typer.echo(line)


@contextmanager
def reporting(*, as_json: bool) -> Iterator[Reporter]:
    """Run a command's body: print its result, or the reason why there is none.

    Raises
    ------
    typer.Exit
        With code 1 when the body fails or is stopped.
    """
    reporter = Reporter(as_json=as_json)
    try:
        with redirect_stdout(sys.stderr):
            yield reporter
    except PhenoError as error:
        raise _failed(as_json, error.what, error.hint) from error
    except KeyboardInterrupt as error:
        raise _failed(as_json, "Stopped.", reporter.resume) from error
    except (typer.Exit, typer.BadParameter):
        raise
    except Exception as error:
        what = f"Something unforeseen happened: {type(error).__name__}: {error}"
        hint = "Your files are as they were. Please report it with the lines above."
        _log.exception("unforeseen error")
        raise _failed(as_json, what, hint) from error
    reporter.show()


def print_usage_error() -> None:
    """Print, as JSON, that the command line was not understood; stderr has the details."""
    error = {"what": "The command line was not understood.", "hint": "See phenoai --help."}
    typer.echo(json.dumps({"error": error}))


def author_name(given: str | None) -> str:
    """Return the author to record: `given`, else the name of the account."""
    import getpass

    if given:
        return given
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _failed(as_json: bool, what: str, hint: str) -> typer.Exit:
    if as_json:
        typer.echo(json.dumps({"error": {"what": what, "hint": hint}}, ensure_ascii=False))
    typer.echo(f"{what}\n{hint}", err=True)
    return typer.Exit(1)
