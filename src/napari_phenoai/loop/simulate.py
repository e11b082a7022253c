"""The whole loop with a simulated annotator: Dice on unseen images against minutes of work.

Everything but the person is real: a project on disk, the queue, proposals, decisions,
trainings, the gate. The person is `Annotator`, who paints from the ground truth what
is wrong; the minutes follow from `TimeModel`. What is measured are test images that
no round trains or validates on.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from napari_phenoai.core.progress import scaled
from napari_phenoai.errors import InputError
from napari_phenoai.io.files import make_folder
from napari_phenoai.loop.material import prepare
from napari_phenoai.loop.outcome import SHOWN, Plan, SimulationResult
from napari_phenoai.loop.pictures import pictures_of
from napari_phenoai.loop.report import write_report
from napari_phenoai.loop.simulation import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_phenoai.core.progress import Work
    from napari_phenoai.loop.annotator import Protocol

__all__ = ["simulate"]


def simulate(
    images: Path,
    masks: Path,
    *,
    test_images: Path | None = None,
    test_masks: Path | None = None,
    scale: float = 1.0,
    tile: int = 256,
    rounds: int = 5,
    tiles_per_round: int = 6,
    strategy: str = "foreground-random",
    protocol: Protocol = "corrective",
    model: str = "unet",
    seed: int = 0,
    minutes_per_round: Sequence[float] | None = None,
    steps_per_round: Sequence[int] | None = None,
    workdir: Path | None = None,
    classes: Sequence[str] | None = None,
    device: str = "auto",
    binarise: bool = False,
    full_label: bool = False,
    instances: bool = False,
) -> Work[SimulationResult]:
    """Run the loop on images with ground truth and measure it.

    Parameters
    ----------
    images, masks : Path
        Folders with images and masks of the same names: see `napari_phenoai.io.pairs`
        for values, and for what a ``dataset.json`` beside them may say.
    test_images, test_masks : Path, optional
        Images to test on. Without them, those that ``dataset.json`` gives to another
        split than ``train``; without such, a quarter of the groups or images by `seed`.
    scale : float
        Factor for the edge lengths of all images, as 0.5 for half the resolution.
    tile : int
        Edge of a reviewed tile, in pixels after scaling.
    rounds, tiles_per_round : int
        How often is trained, and after how many further tiles.
    strategy : str
        How tiles are chosen once there is a model; before, it is ``coverage``.
    protocol : {"corrective", "full"}
        Whether the person corrects the proposal or paints each tile from nothing.
    model : {"unet", "forest"}
        Family of the models; they are trained from scratch.
    seed : int
        For split, queue and training.
    minutes_per_round : sequence of float, optional
        Bounds of the training time, one per round. By default the trainer chooses
        from the number of tiles.
    steps_per_round : sequence of int, optional
        Number of weight updates instead of time, one per round; repeatable.
    workdir : Path, optional
        Where the project ``simulation.phenoai`` and ``report.html`` are made and kept;
        by default a temporary folder, removed at the end.
    classes : sequence of str, optional
        Names of the classes, the background first.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    binarise : bool
        Whether all mask values above 0 are one class, as for ids of objects.
    full_label : bool
        Whether a model is trained on all tiles fully labelled as well, for
        ``full_label_dice``.
    instances : bool
        Whether mask values above 0 are objects, which the person corrects one by one.

    Returns
    -------
    SimulationResult
        Each `Progress` at the end of a round carries it as ``data["round"]``.

    Raises
    ------
    InputError, LabelError, ImageError
        Naming the file or the option that does not fit, and the remedy.
    """
    plan = Plan(
        scale=scale, tile=tile, rounds=rounds, tiles_per_round=tiles_per_round, strategy=strategy,
        protocol=protocol, model=model, seed=seed, minutes_per_round=minutes_per_round,
        steps_per_round=steps_per_round, device=device, full_label=full_label,
        keep=SHOWN if workdir else frozenset(), instances=instances,
    )  # fmt: skip
    test = _test_folders(test_images, test_masks)
    with _folder(workdir) as folder:
        work = prepare(
            Path(images), Path(masks), folder / "material", test=test, classes=classes,
            scale=scale, binarise=binarise, seed=seed, instances=instances,
        )  # fmt: skip
        material = yield from scaled(work, 0, 0.03)
        done = yield from scaled(run(material, plan, folder / "simulation.phenoai"), 0.03, 1)
        if workdir is not None:
            write_report(folder / "report.html", done.result, pictures_of(done))
    return done.result


def _test_folders(images: Path | None, masks: Path | None) -> tuple[Path, Path] | None:
    if images is None and masks is None:
        return None
    if images is None or masks is None:
        what = f"Test images and test masks go together; only {images or masks} was given."
        raise InputError(what, hint="Give both folders, or none.")
    return Path(images), Path(masks)


@contextmanager
def _folder(workdir: Path | None) -> Iterator[Path]:
    if workdir is not None:
        yield make_folder(Path(workdir))
    else:
        with tempfile.TemporaryDirectory(prefix="phenoai-") as folder:
            yield Path(folder)
