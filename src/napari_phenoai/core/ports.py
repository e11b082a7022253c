"""Ports: what the loop asks of images, models and strategies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import ModelCard, Role

__all__ = [
    "Candidate",
    "Choice",
    "ImageSource",
    "Predictor",
    "Sample",
    "Strategy",
    "TileStats",
    "TrainSettings",
    "Trainer",
    "TrueObjects",
]


@runtime_checkable
class ImageSource(Protocol):
    """Lazy, read-only pixels of one image, axes always ``(z, c, y, x)``."""

    @property
    def uri(self) -> str:
        """Path or address that it was opened from."""
        ...

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Extent ``(z, c, y, x)`` at full resolution."""
        ...

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of the pixel values."""
        ...

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels; empty where the file has none."""
        ...

    @property
    def pixel_um(self) -> float | None:
        """Edge length of a pixel in micrometres; None where the file does not say."""
        ...

    @property
    def fingerprint(self) -> str:
        """Text that changes when the pixels may have changed."""
        ...

    @property
    def levels(self) -> Sequence[object]:
        """Lazy arrays ``(z, c, y, x)`` from full resolution downwards, for viewers."""
        ...

    def read(self, tile: Tile) -> NDArray[np.generic]:
        """Return the pixels ``(c, y, x)`` of `tile`, which lies inside the image."""
        ...


@runtime_checkable
class Predictor(Protocol):
    """A loaded model: pixels in, class probabilities out."""

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        ...

    @property
    def device(self) -> str:
        """Where it computes and how, for people: ``cpu (bf16)``."""
        ...

    def predict(self, pixels: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return the probabilities of a batch of equally sized pieces.

        Parameters
        ----------
        pixels : ndarray, shape (n, c, y, x)
            Pixel values as in the image file; any ``y`` and ``x`` of 1 or more.

        Returns
        -------
        ndarray of float32, shape (n, k, y, x)
            In [0, 1], sum 1 over ``k``; plane ``i`` is class ``card.class_ids[i]``.

        Raises
        ------
        DeviceMemoryError
            If not even one piece fits; smaller batches are tried before that.
        ModelError
            If the number of channels differs from the card's.
        """
        ...


@dataclass(frozen=True, slots=True)
class TrueObjects:
    """The objects of a reviewed tile, and how predicted ones are parted to be compared.

    ``ids`` is uint32 of shape ``(y, x)``, 0 where there is no object; ``neck`` and
    ``smallest_px`` are as in `ProjectFile`.
    """

    ids: NDArray[np.uint32]
    neck: float
    smallest_px: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One reviewed tile as a training sees it.

    Parameters
    ----------
    pixels : ndarray, shape (c, y, x)
        Values as in the image file, with a margin round the tile where the
        image has one.
    labels : ndarray of uint8, shape (y, x)
        Class values; 0 where the class is unknown, as in the whole margin.
    checked : tuple of int
        Classes that the reviewer could have used. The loss of this tile leaves
        all others out.
    objects : TrueObjects, optional
        Of the same extent as `labels`; None in a project of classes.
    """

    pixels: NDArray[np.generic]
    labels: NDArray[np.uint8]
    checked: tuple[int, ...]
    tile: Tile
    role: Role = "train"
    objects: TrueObjects | None = None


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """What a person may choose about a training; everything has a good default.

    ``minutes`` bounds the time, ``steps`` the number of weight updates; None
    lets the trainer choose from the number of tiles. ``device`` is ``auto``,
    ``cpu`` or ``cuda``; ``precision`` is ``auto``, ``bf16``, ``fp16`` or ``fp32``.
    """

    family: str = "unet"
    encoder: str = "resnet18"
    pretrained: bool = True
    minutes: float | None = None
    steps: int | None = None
    batch: int | None = None
    crop_px: int | None = None
    learning_rate: float | None = None
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    extra: Mapping[str, object] = field(default_factory=dict)


@runtime_checkable
class Trainer(Protocol):
    """Samples in, a model folder out."""

    def train(
        self,
        samples: Sequence[Sample],
        card: ModelCard,
        settings: TrainSettings,
        folder: Path,
        parent: Path | None = None,
    ) -> Work[ModelCard]:
        """Train on the ``train`` samples, watch the ``heldout`` ones.

        Parameters
        ----------
        samples : sequence of Sample
            All reviewed tiles of the snapshot.
        card : ModelCard
            Draft: ids, classes, channels and parent are filled in, measures not.
        settings : TrainSettings
            What the person chose.
        folder : Path
            An empty folder; gets ``weights.safetensors`` and ``metrics.csv``.
        parent : Path, optional
            Folder of the model to start from; None starts from base weights.

        Returns
        -------
        ModelCard
            `card` completed. Progress carries ``data`` with at least ``epoch``,
            ``loss`` and, where there are held-out samples, ``heldout_dice``.

        Raises
        ------
        ModelError
            If there is nothing to learn from, or the loss is no number.
        """
        ...


@dataclass(frozen=True, slots=True)
class TileStats:
    """What a model says of one tile, condensed.

    ``entropy`` and ``margin`` are means over the pixels in [0, 1], 1 most
    uncertain; ``shares`` maps class id to its predicted share of the pixels.
    """

    entropy: float
    margin: float
    shares: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tile that the queue may show.

    ``stats`` is None while there is no model; ``looks`` holds the shares of different
    kinds of pixels in the tile, float64 of shape ``(kinds,)``, for strategies that ask
    for it.
    """

    tile: Tile
    stats: TileStats | None = None
    looks: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A tile that a strategy chose, how high it scored and why, in a sentence."""

    tile: Tile
    score: float | None
    reason: str


@runtime_checkable
class Strategy(Protocol):
    """Chooses which tiles are worth a person's next minute."""

    @property
    def name(self) -> str:
        """Name on the command line and in the queue."""
        ...

    @property
    def needs_model(self) -> bool:
        """Whether candidates must have ``stats``."""
        ...

    @property
    def needs_looks(self) -> bool:
        """Whether candidates must have ``looks``, those already reviewed too."""
        ...

    def choose(
        self,
        candidates: Sequence[Candidate],
        count: int,
        rng: np.random.Generator,
        *,
        background: int,
        taken: Sequence[Tile] = (),
    ) -> list[Choice]:
        """Return at most `count` of the `candidates`, most worthwhile first.

        `taken` are the tiles already reviewed; a strategy may keep away from them.
        """
        ...
