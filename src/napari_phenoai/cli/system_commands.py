"""``phenoai jobs``, ``doctor`` and ``demo``."""

from __future__ import annotations

import importlib.util
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_phenoai.cli.output import Json, reporting
from napari_phenoai.cli.project_commands import Folder
from napari_phenoai.cli.result_commands import result_lines
from napari_phenoai.core.remote_training import REMOTE_TRAINING

if TYPE_CHECKING:
    from napari_phenoai.core.records import JobRecord

__all__ = ["COMMANDS"]

_PACKAGES = ("napari", "numpy", "zarr", "tifffile", "scikit-image", "scikit-learn", "pydantic")
_EXTRAS = {
    "torch": "torch",
    "segmentation-models-pytorch": "torch",
    "segment-anything": "sam",
}


def jobs(
    folder: Folder,
    cancel: Annotated[str | None, typer.Option(help="Id of a running job to stop.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Wait until no job runs.")] = False,
    json: Json = False,
) -> None:
    """List the long work of a project, watch it, or stop a running one."""
    from napari_phenoai.cli.remote_training import all_jobs, stop_job, watch_all
    from napari_phenoai.io.project import Project
    from napari_phenoai.jobs.recording import watched

    with reporting(as_json=json) as out, Project.open(folder) as project:
        if cancel is not None:
            stop_job(out, project, cancel)
        if watch:
            out.resume = "The jobs themselves go on."
            watch_all(out, project)
            out.run(watched(project.ledger), "Watching")
        found = all_jobs(project)
        out.result(
            {"jobs": [job.model_dump(mode="json") for job in found]},
            *(_job_line(job) for job in found),
        )
        if not found:
            out.result({}, "No work has been run in this project yet.")


def doctor(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="A project to check as well.")
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make ledger.sqlite anew from the files.")
    ] = False,
    servers: Annotated[bool, typer.Option(help="Look at the servers of your list.")] = True,
    json: Json = False,
) -> None:
    """Check the installation, servers and a project; name what is broken and the remedy."""
    with reporting(as_json=json) as out:
        facts, problems = _installation()
        if servers:
            more, troubles = _servers()
            facts, problems = {**facts, **more}, [*problems, *troubles]
        if folder is not None:
            problems += _project_problems(folder, rebuild=rebuild)
        lines = [f"{name}: {value}" for name, value in facts.items()]
        lines += [f"! {problem['what']} {problem['hint']}" for problem in problems]
        lines += [] if problems else ["Everything is in order."]
        out.result({"facts": facts, "problems": problems}, *lines)
    if any(problem["level"] == "error" for problem in problems):
        raise typer.Exit(1)


def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Made anew for the demo.")] = Path(
        "demo"
    ),
    data: Annotated[
        Path | None, typer.Option(help="Folder with images/ and masks/ of your own.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often to train.")] = 3,
    seed: Annotated[int, typer.Option(help="Makes a run repeatable.")] = 0,
    model: Annotated[str, typer.Option(help="forest or unet.")] = "unet",
    window: Annotated[bool, typer.Option(help="Open napari on the result.")] = True,
    json: Json = False,
) -> None:
    """Run the loop on sample data, write a report, and open napari on it."""
    from napari_phenoai.loop.demo import run_demo

    with reporting(as_json=json) as out:
        out.resume = "A demo starts from the beginning when run again."
        done = out.run(run_demo(folder, data=data, rounds=rounds, seed=seed, model=model), "Demo")
        places = {"project": str(done.project), "report": str(done.report)}
        out.result({**done.result.model_dump(mode="json"), **places}, *result_lines(done.result))
        out.result({}, f"Project: {done.project}", f"Report: {done.report}")
        if window:
            picture = _open(done.project, folder / "workbench.png")
            out.result({"screenshot": None if picture is None else str(picture)})
            out.result({}, *([f"Picture of the window: {picture}"] if picture else []))


def _open(project: Path, picture: Path) -> Path | None:
    """Open the window; without a person at a screen, leave a picture of it instead."""
    if importlib.util.find_spec("PyQt6") is None and importlib.util.find_spec("PySide6") is None:
        typer.echo('No window: pip install "napari-phenoai[all]" brings one.', err=True)
        return None
    from napari_phenoai.ui.launch import open_window

    if _somebody_watches():
        open_window(project)
        return None
    open_window(project, screenshot=picture)
    return picture


def _somebody_watches() -> bool:
    if os.environ.get("CI") or "xvfb" in os.environ.get("XAUTHORITY", "").lower():
        return False
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(screen) or not _is_linux()


def _is_linux() -> bool:
    return platform.system() == "Linux"


def _installation() -> tuple[dict[str, object], list[dict[str, str]]]:
    facts: dict[str, object] = {"python": platform.python_version()}
    problems: list[dict[str, str]] = []
    for name in ("napari-phenoai", *_PACKAGES, *_EXTRAS):
        facts[name] = _version(name)
        if facts[name] is None:
            problems.append(_missing(name))
    if facts["torch"] is not None:
        from napari_phenoai.ml.device import choose

        facts["device"] = str(choose())
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if _is_linux() and not screen:
        hint = "Everything but the window works; for it, log in at a screen or use xvfb-run."
        problems.append({"level": "warning", "what": "There is no display.", "hint": hint})
    return facts, problems


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _missing(name: str) -> dict[str, str]:
    extra = f'pip install "napari-phenoai[{_EXTRAS[name]}]"' if name in _EXTRAS else ""
    use = "For outlines from clicks" if _EXTRAS.get(name) == "sam" else "For networks"
    hint = f"{use}: {extra}" if extra else "Install napari-phenoai again."
    level = "warning" if name in _EXTRAS else "error"
    return {"level": level, "what": f"{name} is not installed.", "hint": hint}


def _servers() -> tuple[dict[str, str], list[dict[str, str]]]:
    """Return how the servers of the user's list are, and what is wrong with them."""
    from napari_phenoai.errors import PhenoError
    from napari_phenoai.io.endpoints import EndpointBook
    from napari_phenoai.loop.server_checks import check_servers
    from napari_phenoai.remote.credentials import KeyringSecrets

    try:
        found = check_servers(EndpointBook(), KeyringSecrets())
    except PhenoError as error:
        return {}, [{"level": "error", "what": error.what, "hint": error.hint}]
    facts = {f"server {check.name}": check.fact for check in found}
    return facts, [
        {"level": "warning", "what": what, "hint": hint}
        for check in found
        for what, hint in check.problems
    ]


def _project_problems(folder: Path, *, rebuild: bool) -> list[dict[str, str]]:
    from napari_phenoai.io.doctor import check_project, rebuild_ledger
    from napari_phenoai.io.project import Project

    if rebuild:
        with Project.open(folder) as project:
            rebuild_ledger(project)
    return [
        {"level": finding.level, "what": finding.what, "hint": finding.hint}
        for finding in check_project(folder)
    ]


def _job_line(job: JobRecord) -> str:
    share = f" {job.done / job.total:.0%}" if job.total and job.state == "running" else ""
    state = job.message if job.kind == REMOTE_TRAINING else job.state
    return f"{job.id}  {job.started:%Y-%m-%d %H:%M}  {job.title}: {state}{share} {job.what}"


COMMANDS = (jobs, doctor, demo)
