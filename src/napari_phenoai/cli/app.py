"""All commands under one name."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_phenoai import __version__
from napari_phenoai.cli import (
    endpoint_commands,
    loop_commands,
    predict_commands,
    project_commands,
    result_commands,
    serve_commands,
    storage_commands,
    system_commands,
)

__all__ = ["app"]

app = typer.Typer(
    name="phenoai",
    help="Turn a few corrected tiles into a model that segments all your images.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


for _module in (
    project_commands,
    predict_commands,
    loop_commands,
    result_commands,
    serve_commands,
    storage_commands,
    system_commands,
):
    for _command in _module.COMMANDS:
        app.command(name=_command.__name__.rstrip("_"))(_command)
app.add_typer(endpoint_commands.endpoints, name="endpoints")
