"""``phenoai serve``: a server with models of yours, for others or for yourself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_phenoai.cli.output import reporting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_phenoai.io.serving import ServerSettings

__all__ = ["COMMANDS"]

_PROGRAM = "deepaas-run"


def serve(
    models: Annotated[
        list[Path],
        typer.Argument(
            exists=True, file_okay=False, help="Projects, model folders, or folders of those."
        ),
    ],
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5000,
    storage: Annotated[
        str, typer.Option(help="Folder or address (s3://...) that trainings take data from.")
    ] = "",
    train: Annotated[
        bool, typer.Option("--train", help="Train, too, on data that clients send here.")
    ] = False,
    model: Annotated[str, typer.Option(help="Model that predicts when none is named.")] = "",
    home: Annotated[Path | None, typer.Option(help="Folder for trainings and models.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Requests at a time; a training takes one.")
    ] = 2,
) -> None:
    """Serve models over DEEPaaS, until Ctrl-C; whoever reaches the address may use them."""
    from napari_phenoai.io.serving import ServerSettings

    with reporting(as_json=False):
        known = ServerSettings.from_environment()
        settings = ServerSettings(
            models=tuple(path.resolve() for path in models),
            model=model,
            home=(home or known.home).resolve(),
            storage=storage or known.storage,
            storage_options=known.storage_options,
            device=device,
            precision=known.precision,
            delete_uploads=True,
            uploads=train or known.uploads,
        )
        line = _line(host, port, workers, train=settings.trains)
        if host not in {"127.0.0.1", "::1", "localhost"}:
            typer.echo("DEEPaaS has no login: whoever reaches this address may use it.", err=True)
        typer.echo(f"http://{host}:{port}/ - add it with: phenoai endpoints add", err=True)
        code = _run(line, settings)
    raise typer.Exit(code)


def _line(host: str, port: int, workers: int, *, train: bool) -> list[str]:
    import shutil

    from napari_phenoai.errors import MissingExtraError

    beside = Path(sys.executable).with_name(_PROGRAM)
    program = str(beside) if beside.exists() else shutil.which(_PROGRAM)
    if program is None:
        hint = 'Install it with: pip install "napari-phenoai[server]".'
        raise MissingExtraError(f"The program {_PROGRAM} is not installed.", hint=hint)
    line = [program, "--model-name", "phenoai", "--listen-ip", host, "--listen-port", str(port)]
    return [*line, "--workers", str(workers), *([] if train else ["--notrain-endpoint"])]


def _run(line: Sequence[str], settings: ServerSettings) -> int:
    """Run the server in a group of its own, and end all of it with us."""
    import os
    import signal
    import subprocess
    from contextlib import suppress

    variables = {name: value for name, value in settings.environment().items() if value}
    # argv and environment come from this package and the person who starts it
    child = subprocess.Popen(  # noqa: S603
        list(line), env={**os.environ, **variables}, start_new_session=os.name != "nt"
    )
    try:
        return child.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(5)
        if os.name != "nt":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
        child.wait()


COMMANDS = (serve,)
