"""``phenoai predict``: here, on a cluster, or on a server."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_phenoai.cli.loop_commands import Device, Precision
from napari_phenoai.cli.output import Json, reporting
from napari_phenoai.cli.pairs import pairs_of
from napari_phenoai.cli.project_commands import Folder
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_phenoai.cli.output import Reporter
    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.progress import Work
    from napari_phenoai.io.project import Project

__all__ = ["COMMANDS"]

Engine = Annotated[str, typer.Option(help="What runs a network: auto, openvino or torch.")]
On = Annotated[
    str,
    typer.Option(help="Where to compute: local, dask://host:port, or the name of a server."),
]


def predict(
    folder: Folder,
    model: Annotated[
        str | None, typer.Option(help="By default the one that serves; on a server, its own.")
    ] = None,
    image: Annotated[list[str] | None, typer.Option(help="Id or name; repeat for more.")] = None,
    tile: Annotated[
        list[str] | None,
        typer.Option(help="Only round image@z,y,x,height,width; repeat for more."),
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    engine: Engine = "auto",
    on: On = "local",
    classes_as: Annotated[
        str | None, typer.Option(help="What a server's values mean: 0=soil,255=plant.")
    ] = None,
    value: Annotated[
        list[str] | None, typer.Option(help="name=value for a field of a server; repeat for more.")
    ] = None,
    json: Json = False,
) -> None:
    """Predict images with a model; goes on where it was stopped."""
    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.io.project import Project
    from napari_phenoai.jobs.recording import recorded
    from napari_phenoai.loop.predict import predict_project

    with reporting(as_json=json) as out, Project.open(folder) as project:
        regions = [Tile.from_key(key) for key in tile or ()]
        if on != "local" and not on.startswith("dask"):
            _on_server(out, project, on, model, image, regions, classes_as, value or [])
            return
        if classes_as is not None or value:
            hint = "Add --on and the name of a server: phenoai endpoints list."
            raise typer.BadParameter(f"Only a server needs to be told this. {hint}")
        start = _on_cluster(on) if on != "local" else predict_project
        work = start(
            project,
            model,
            image,
            regions=regions,
            device=device,
            precision=precision,
            engine=engine,
        )
        count = out.run(recorded(work, project.ledger, "predict", "Prediction"), "Predicting")
        used = model or project.rounds.served()
        out.result(
            {"model": used, "tiles": count},
            f"Predicted {count} tiles of 512 px with {used}; the rest was there already.",
        )


def _on_server(
    out: Reporter,
    project: Project,
    name: str,
    model: str | None,
    images: Sequence[str] | None,
    regions: Sequence[Tile],
    classes_as: str | None,
    values: Sequence[str],
) -> None:
    """Predict on a server of the list, one request after the other."""
    from napari_phenoai.cli.endpoint_commands import saved_connections
    from napari_phenoai.jobs.recording import recorded
    from napari_phenoai.loop.remote_predict import mapping_of, predict_remote, remote_predictor

    meaning = None if classes_as is None else mapping_of(classes_as, project.scheme)
    connections = saved_connections()
    _check_known(name)
    try:
        predictor = remote_predictor(
            project,
            connections.client(name),
            offer=model,
            values=pairs_of(values),
            meaning=meaning,
            images=images or [region.image for region in regions] or None,
        )
        work = predict_remote(project, predictor, images, regions=regions)
        titled = recorded(work, project.ledger, "predict", f"Prediction on {name}")
        count = out.run(titled, f"Predicting on {name}")
    finally:
        connections.close()
    used = predictor.card.id
    out.result(
        {"model": used, "tiles": count, "server": name},
        f"Predicted {count} tiles of 512 px on {name}, kept as {used}; the rest was there already.",
    )


def _on_cluster(address: str) -> Callable[..., Work[int]]:
    """Return what does the same as `predict_project` on the workers of a Dask cluster."""
    from napari_phenoai.jobs.cluster import cluster_work, scheduler_of
    from napari_phenoai.loop.spread import predict_spread

    scheduler_of(address)

    def predict(project: Project, *what: Any, **how: Any) -> Work[int]:
        return predict_spread(project, partial(cluster_work, address), *what, **how)

    return predict


COMMANDS = (predict,)


def _check_known(name: str) -> None:
    """Tell of all places there are where no server has that name."""
    from napari_phenoai.io.endpoints import EndpointBook

    try:
        EndpointBook().read().endpoint(name)
    except InputError as error:
        hint = f"{error.hint} A Dask cluster is named like dask://host:8786."
        raise InputError(error.what, hint=hint) from error
