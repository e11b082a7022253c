"""Answers prompts: what a network of segment-anything makes of a tile and of clicks."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from segment_anything import SamPredictor

from napari_phenoai.core.prompts import MaskCandidate
from napari_phenoai.errors import InputError
from napari_phenoai.ml.device import ran_out_of_memory, too_large
from napari_phenoai.ml.sam.embedding import Embedding, GivenUpError
from napari_phenoai.ml.sam.view import View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.prompts import BoxPrompt, PointPrompt, Prompts
    from napari_phenoai.ml.device import Compute

__all__ = ["Answer", "Prompter"]

_ALL = View()


@dataclass(frozen=True, eq=False)
class Answer:
    """What prompts were answered with.

    Parameters
    ----------
    candidates : tuple of MaskCandidate
        The one that the network thinks best comes first.
    outlines : ndarray of float32, shape (n, rows, columns)
        The same masks as the network gave them, coarse and before the threshold: what a
        next answer can begin with.
    """

    candidates: tuple[MaskCandidate, ...]
    outlines: NDArray[np.float32]


class Prompter:
    """A network of segment-anything, on a device.

    It keeps no tile: all that an answer needs is in the embedding, so one prompter may
    prepare the next tile in one thread while it answers in another.

    Parameters
    ----------
    network : Module
        A ``segment_anything.modeling.Sam`` with its weights.
    compute : Compute
        Where, and how precisely the image encoder runs.
    fingerprint : str
        Changes whenever the weights do.
    kind : str
        ``vit_b``, ``vit_l`` or ``vit_h``.

    Raises
    ------
    DeviceMemoryError
        If the network does not fit on the device.
    """

    def __init__(
        self, network: torch.nn.Module, compute: Compute, *, fingerprint: str, kind: str = ""
    ) -> None:
        self.compute = compute
        self.kind = kind
        self.seconds: float | None = None
        """How long the last embedding took; None before the first."""
        self._weights = fingerprint
        try:
            self.network: Any = network.to(compute.device).eval()
        except RuntimeError as error:
            if not ran_out_of_memory(error):
                raise
            raise too_large((3, self._edge(network), self._edge(network)), compute) from error

    @property
    def fingerprint(self) -> str:
        """Text that changes with the weights and the precision of embeddings."""
        return f"{self._weights}-{self.compute.precision}"

    @property
    def size_px(self) -> int:
        """Length that the longer side of a tile is brought to."""
        return self._edge(self.network)

    def embed(
        self,
        pixels: NDArray[np.generic],
        view: View = _ALL,
        *,
        go_on: Callable[[], bool] | None = None,
    ) -> Embedding:
        """Run the image encoder: seconds on a CPU, once for each tile.

        Parameters
        ----------
        pixels : ndarray, shape (c, y, x)
            The tile, of any type and size.
        view : View
            How it is made RGB.
        go_on : callable, optional
            Asked between the blocks of the encoder, a second or less apart on a CPU;
            False stops it.

        Raises
        ------
        GivenUpError
            If it was stopped.
        InputError
            If the view does not fit, or the tile is far too narrow.
        DeviceMemoryError
            If the memory is too small.
        """
        colours = view.rgb(pixels)
        size = (colours.shape[0], colours.shape[1])
        if min(size) * self.size_px < max(size):
            what = f"A tile of {size[0]} x {size[1]} px is too narrow for outlines."
            raise InputError(what, hint="Choose a tile that is less than a thousand times longer.")
        predictor = SamPredictor(self.network)
        start = time.monotonic()
        try:
            with torch.inference_mode(), self.compute.autocast(), self._asking(go_on):
                predictor.set_image(colours)
        except (RuntimeError, MemoryError) as error:
            if not ran_out_of_memory(error):
                raise
            edge = self.size_px
            raise too_large((3, edge, edge), self.compute) from error
        features = predictor.get_image_embedding()[0].float().cpu().numpy()
        self.seconds = time.monotonic() - start
        return Embedding(features, size)

    def ask(
        self,
        embedding: Embedding,
        tile: Tile,
        prompts: Prompts,
        *,
        begin_with: NDArray[np.float32] | None = None,
        several: bool | None = None,
    ) -> Answer:
        """Return candidates for what prompts mean.

        Parameters
        ----------
        embedding : Embedding
            Of the tile.
        tile : Tile
            Where it lies.
        prompts : Prompts
            In pixels of the plane; all inside the tile.
        begin_with : ndarray of float32, shape (rows, columns), optional
            One of the outlines of an earlier answer, to be refined.
        several : bool, optional
            Whether to give three candidates or one. Left out: three for a single click,
            which may mean a thing or a part of it; one for all else, as the network was
            trained to answer.

        Raises
        ------
        InputError
            If there is no prompt, one lies outside the tile, or the tile has another size.
        """
        if embedding.size != tile.shape:
            size = f"{embedding.size[0]} x {embedding.size[1]} px"
            hint = "Embed the tile that is asked about."
            raise InputError(f"The embedding is of {size}, not of {tile.key}.", hint=hint)
        points, labels, box = _in_tile(prompts, tile)
        masks, scores, outlines = self.predictor(embedding).predict(
            points,
            labels,
            box,
            None if begin_with is None else begin_with[np.newaxis],
            (prompts.ambiguous and begin_with is None) if several is None else several,
        )
        order = np.argsort(-scores, kind="stable")
        candidates = tuple(
            MaskCandidate(tile, masks[number], float(scores[number])) for number in order
        )
        return Answer(candidates, outlines[order])

    def replay(self, embedding: Embedding, tile: Tile, prompts: Prompts) -> Answer:
        """Return the answer that was on the screen after all of `prompts`.

        Where a step refines a candidate, the answer to the steps before it is found first.

        Raises
        ------
        InputError
            As `ask`; also if a step refines a candidate that there is not.
        """
        refines = prompts.steps[-1].refines if prompts.steps else None
        if refines is None:
            return self.ask(embedding, tile, prompts)
        before = self.replay(embedding, tile, prompts.undone())
        if refines >= len(before.outlines):
            what = f"Candidate {refines} is refined, but there are {len(before.outlines)}."
            raise InputError(what, hint="Undo the last prompt.")
        return self.ask(embedding, tile, prompts, begin_with=before.outlines[refines])

    def predictor(self, embedding: Embedding) -> SamPredictor:
        """Return a predictor of segment-anything that has seen the tile of an embedding."""
        predictor = SamPredictor(self.network)
        predictor.original_size = embedding.size
        predictor.input_size = predictor.transform.get_preprocess_shape(
            *embedding.size, self.size_px
        )
        features = torch.from_numpy(np.require(embedding.features, requirements=["C", "W"]))
        predictor.features = features.to(self.compute.device)[None]
        predictor.is_image_set = True
        return predictor

    @contextmanager
    def _asking(self, go_on: Callable[[], bool] | None) -> Iterator[None]:
        """Ask, in this thread, before each block of the encoder whether to go on."""
        if go_on is None:
            yield
            return
        here = threading.get_ident()

        def ask(*_: object) -> None:
            if threading.get_ident() == here and not go_on():
                raise GivenUpError

        blocks = self.network.image_encoder.blocks
        hooks = [block.register_forward_pre_hook(ask) for block in blocks]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    @staticmethod
    def _edge(network: Any) -> int:
        return int(network.image_encoder.img_size)


def _in_tile(
    prompts: Prompts, tile: Tile
) -> tuple[NDArray[np.float64] | None, NDArray[np.int64] | None, NDArray[np.float64] | None]:
    """Return points (x, y) and their labels, and the box (x0, y0, x1, y1), in the tile."""
    y0, x0, y1, x1 = prompts.bounds
    if y0 < tile.y or x0 < tile.x or y1 > tile.y1 - 1 or x1 > tile.x1 - 1:
        what = f"Prompts from {y0:g}, {x0:g} to {y1:g}, {x1:g} lie outside {tile.key}."
        raise InputError(what, hint="Ask in a window that has all of them.")
    clicks = prompts.points
    points = np.array([_x_y(click, tile) for click in clicks]) if clicks else None
    labels = np.array([int(click.positive) for click in clicks]) if clicks else None
    box = prompts.box
    return points, labels, None if box is None else _corners(box, tile)


def _x_y(click: PointPrompt, tile: Tile) -> tuple[float, float]:
    return click.x - tile.x, click.y - tile.y


def _corners(box: BoxPrompt, tile: Tile) -> NDArray[np.float64]:
    return np.array([box.x0 - tile.x, box.y0 - tile.y, box.x1 - tile.x, box.y1 - tile.y])
