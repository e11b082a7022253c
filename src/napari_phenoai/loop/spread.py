"""Predicting on many machines: the same pixels as `predict_project`, by whoever is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from napari_phenoai.core.progress import Progress
from napari_phenoai.loop.models import load_predictor
from napari_phenoai.loop.shares import Share, predict_share, shares_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.progress import Work
    from napari_phenoai.io.project import Project

__all__ = ["Spread", "predict_spread"]


class Spread(Protocol):
    """What has a function called for many items, as `napari_phenoai.jobs.cluster` does."""

    def __call__(
        self,
        function: Callable[[Share], int],
        items: Sequence[Share],
        *,
        weight: Callable[[Share], int],
    ) -> Work[list[int]]:
        """Return what `function` returns for each of `items`."""
        ...


def predict_spread(
    project: Project,
    spread: Spread,
    model: str | None = None,
    images: Sequence[str] | None = None,
    *,
    regions: Sequence[Tile] = (),
    device: str = "auto",
    precision: str = "auto",
    engine: str = "auto",
) -> Work[int]:
    """Predict images of a project on the machines that `spread` reaches.

    Parameters
    ----------
    project : Project
        Open; its folder must have the same path on all machines.
    spread : Spread
        Such as ``partial(cluster_work, "dask://host:8786")``.
    model, images, regions, device, precision, engine
        As for `predict_project`.

    Returns
    -------
    int
        Number of tiles of 512 px that were predicted now.

    Raises
    ------
    ModelError
        If there is no model.
    InputError
        If the project has no image, or not one of those named.
    PhenoError
        What `spread` raises.
    """
    yield Progress(0, None, "loading the model")
    predictor = load_predictor(project, model, device=device, precision=precision, engine=engine)
    shares = shares_of(
        project,
        predictor,
        images,
        regions=regions,
        device=device,
        precision=precision,
        engine=engine,
    )
    counts = yield from spread(predict_share, shares, weight=lambda share: share.area_px)
    return sum(counts)
