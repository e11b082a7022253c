"""The prediction engine: reads, computes and writes blocks of one image at the same time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from napari_phenoai.core.classifier import Classifier
from napari_phenoai.core.plan import CORE_PX
from napari_phenoai.core.progress import Progress
from napari_phenoai.core.remaining import Pace, in_words
from napari_phenoai.core.scoring import class_map, entropy_map
from napari_phenoai.errors import DeviceMemoryError
from napari_phenoai.loop.pipeline import staged
from napari_phenoai.loop.reader import BlockReader

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.plan import Block
    from napari_phenoai.core.ports import ImageSource, Predictor
    from napari_phenoai.core.progress import Work

    Uncertainty = NDArray[np.float32] | NDArray[np.uint8]

__all__ = ["Computed", "Store", "computed_blocks", "predict_blocks"]


class Store(Protocol):
    """Where predictions are written; `PredictionStore` is one."""

    def write(
        self,
        tile: Tile,
        classes: NDArray[np.uint8],
        uncertainty: NDArray[np.float32] | NDArray[np.uint8] | None,
    ) -> None:
        """Keep what was predicted for `tile`; uncertainty of uint8 is 0 to 254 for 0 to 1."""
        ...

    def missing(self, tiles: Iterable[Tile]) -> list[Tile]:
        """Return those of `tiles` that are not there whole."""
        ...


@dataclass(frozen=True, slots=True)
class Computed:
    """What was predicted for a block, all of its area."""

    block: Block
    classes: NDArray[np.uint8]
    uncertainty: Uncertainty

    def of(self, tile: Tile) -> tuple[Tile, NDArray[np.uint8], Uncertainty]:
        """Return `tile`, which lies inside the area, with its classes and uncertainty."""
        y, x = tile.y - self.block.area.y, tile.x - self.block.area.x
        window = slice(y, y + tile.height), slice(x, x + tile.width)
        return tile, self.classes[window], self.uncertainty[window]


def predict_blocks(
    source: ImageSource,
    predictor: Predictor,
    blocks: Sequence[Block],
    store: Store,
    *,
    pace: Pace | None = None,
) -> Work[int]:
    """Predict the tiles of `blocks` that `store` lacks, and return how many those were.

    A thread reads ahead and another one computes, while the caller's thread writes;
    so each progress finds everything before it on the disk, and errors come out
    here. A block of which some tiles are there is computed like the others, so that a
    prediction that was stopped ends up with the same pixels as an unbroken one.

    Parameters
    ----------
    source, predictor, store
        Pixels, model, and where to write.
    blocks : sequence of Block
        In the order in which to compute them.
    pace : Pace, optional
        Of a larger work that this is a part of, in pixels.

    Raises
    ------
    ModelError
        If the model does not fit the image or the memory.
    ImageError, DiskError
        If pixels cannot be read or predictions cannot be written.
    """
    pace = pace or Pace(sum(tile.area_px for block in blocks for tile in block.tiles))
    tally = _Tally(sum(len(block.tiles) for block in blocks), predictor.card.context_px, pace)
    yield Progress(0, tally.total, "looking for what is there")
    left: list[tuple[Block, list[Tile]]] = []
    for block in blocks:
        missing = store.missing(block.tiles)
        tally.skip(block, missing)
        if missing:
            left.append((block, missing))
    yield Progress(tally.done, tally.total, f"{tally.done} of {tally.total} tiles are there")
    pace.start()
    answers = computed_blocks(source, predictor, [block for block, _ in left])
    try:
        for answer, (block, missing) in zip(answers, left, strict=True):
            if _area(missing) == block.area.area_px:
                store.write(*answer.of(block.area))
            else:
                for tile in missing:
                    store.write(*answer.of(tile))
            yield tally.did(block, missing)
    finally:
        answers.close()
    return sum(len(missing) for _, missing in left)


def computed_blocks(
    source: ImageSource, predictor: Predictor, blocks: Iterable[Block]
) -> Generator[Computed, None, None]:
    """Yield what is predicted for each of `blocks`, in order, reading and computing ahead."""
    context = predictor.card.context_px
    reader = BlockReader(source, context)
    computer = _Computer(predictor)

    def reading(block: Block) -> tuple[Block, NDArray[np.generic]]:
        return block, reader.read(block.area)

    def computing(read: tuple[Block, NDArray[np.generic]]) -> Computed:
        block, pixels = read
        return Computed(block, *computer.classified(pixels))

    return staged(blocks, reading, computing)


class _Computer:
    """Classes and uncertainty of pixels with context, in pieces where memory is short."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._context = predictor.card.context_px
        self._too_large = float("inf")

    def classified(self, pixels: NDArray[np.generic]) -> tuple[NDArray[np.uint8], Uncertainty]:
        """Return what is predicted for `pixels` ``(c, y, x)`` without the context."""
        height, width = (extent - 2 * self._context for extent in pixels.shape[1:])
        if height * width < self._too_large:
            try:
                return self._at_once(pixels)
            except DeviceMemoryError:
                if max(height, width) <= CORE_PX:
                    raise
                self._too_large = height * width
        return self._halved(pixels, height, width)

    def _at_once(self, pixels: NDArray[np.generic]) -> tuple[NDArray[np.uint8], Uncertainty]:
        if isinstance(self._predictor, Classifier):
            classes, uncertainty = self._predictor.classify(pixels[None], self._context)
            return classes[0], uncertainty[0]
        found = self._predictor.predict(pixels[None])[0]
        height, width = (slice(self._context, n - self._context) for n in found.shape[1:])
        chances = found[:, height, width]
        return class_map(chances, self._predictor.card.class_ids), entropy_map(chances)

    def _halved(
        self, pixels: NDArray[np.generic], height: int, width: int
    ) -> tuple[NDArray[np.uint8], Uncertainty]:
        axis = 0 if height >= width else 1
        chunks = -(-(height, width)[axis] // CORE_PX)
        middle = chunks // 2 * CORE_PX
        both = slice(0, middle + 2 * self._context), slice(middle, None)
        parts = [self.classified(pixels[(slice(None), *_along(axis, part))]) for part in both]
        classes = np.concatenate([part[0] for part in parts], axis=axis)
        return classes, np.concatenate([part[1] for part in parts], axis=axis)


def _along(axis: int, part: slice) -> tuple[slice, ...]:
    return (part, slice(None)) if axis == 0 else (slice(None), part)


class _Tally:
    """Counts tiles and pixels, and says how far the work is."""

    def __init__(self, total: int, context_px: int, pace: Pace) -> None:
        self.total = total
        self.done = 0
        self._context = context_px
        self._pace = pace
        self._computed_px = 0

    def skip(self, block: Block, missing: Sequence[Tile]) -> None:
        """Count what of `block` is there already."""
        self.done += len(block.tiles) - len(missing)
        self._pace.skip(_area(block.tiles) - _area(missing))

    def did(self, block: Block, missing: Sequence[Tile]) -> Progress:
        """Count what was written of `block` and return the progress."""
        self.done += len(missing)
        self._pace.did(_area(missing))
        height, width = (extent + 2 * self._context for extent in block.area.shape)
        self._computed_px += height * width
        seconds = self._pace.elapsed
        data: dict[str, object] = {
            "computed_px": self._computed_px,
            "pixels_per_second": round(self._computed_px / max(seconds, 1e-9)),
            "seconds_left": self._pace.left,
        }
        words = in_words(self._pace.left)
        message = f"tile {missing[-1].y}, {missing[-1].x}"
        return Progress(self.done, self.total, f"{message}, {words}" if words else message, data)


def _area(tiles: Iterable[Tile]) -> int:
    return sum(tile.area_px for tile in tiles)
