"""The training loop: there is one."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_phenoai.core.progress import Progress
from napari_phenoai.errors import ModelError
from napari_phenoai.ml.device import ran_out_of_memory, too_large
from napari_phenoai.ml.heldout import EpochRow, Watch, confusions, pooled_dice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import nn

    from napari_phenoai.core.progress import Work
    from napari_phenoai.ml.crops import Batch, CropSampler
    from napari_phenoai.ml.device import Compute
    from napari_phenoai.ml.loss import MaskedLoss
    from napari_phenoai.ml.recipe import Recipe

__all__ = ["Outcome", "Training", "progress", "rate_factor"]

State = dict[str, torch.Tensor]

_LONGEST = 4.0
"""How many times its minutes a training may take for the least steps."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The weights to keep, the history, and what people should know of the run."""

    state: State
    rows: tuple[EpochRow, ...]
    best_epoch: int
    notes: tuple[str, ...]


def rate_factor(done: float, warm_up: float) -> float:
    """Return the learning rate of a one-cycle schedule, as a share of its peak.

    Parameters
    ----------
    done : float
        Share of the training that is done, in [0, 1].
    warm_up : float
        Share of the training during which the rate rises from 4 % to its peak;
        then it falls along a cosine to 0.
    """
    if done < warm_up:
        return 0.04 + 0.96 * done / warm_up
    return float(0.5 + 0.5 * np.cos(np.pi * min(1.0, (done - warm_up) / (1 - warm_up))))


@dataclass(slots=True)
class Training:
    """Everything that one run of the loop needs.

    Parameters
    ----------
    network : Module
        Trained in place.
    crops : CropSampler
        Endless source of batches.
    heldout : sequence of Batch
        Whole held-out tiles; empty where there are none.
    loss : MaskedLoss
        Of logits, target and checked classes.
    recipe, compute
        The numbers, and where to compute.
    groups : list of dict
        Parameter groups of the optimiser with their ``share`` of the learning rate.
    """

    network: nn.Module
    crops: CropSampler
    heldout: Sequence[Batch]
    loss: MaskedLoss
    recipe: Recipe
    compute: Compute
    groups: list[dict[str, object]]
    seed: int = 0
    step: int = 0
    done: float = 0.0
    pieces: int = 1
    notes: list[str] = field(default_factory=list)

    def run(self) -> Work[Outcome]:
        """Train until steps or minutes are used up; yield after every step.

        Raises
        ------
        ModelError
            If the loss is no number.
        DeviceMemoryError
            If not even a single crop fits.
        """
        optimiser = torch.optim.AdamW(self.groups, weight_decay=self.recipe.weight_decay)
        scaler = torch.amp.GradScaler(self.compute.device.type, enabled=self.compute.scaled)
        average = copy.deepcopy(self.network).eval()
        rows: list[EpochRow] = []
        watch, kept = Watch(self.seed), average.state_dict()
        begin = time.monotonic()
        while self.done < 1 and len(rows) - watch.kept_epoch < self.recipe.patience:
            epoch = len(rows) + 1
            loss, rate = yield from self._epoch(epoch, begin, average, optimiser, scaler)
            look = yield from self._look(average)
            best = watch.offer(epoch, look.tiles if look else None, ripe=self.done >= 0.5)
            if best:
                kept = {name: value.clone() for name, value in average.state_dict().items()}
            row = EpochRow(
                epoch=epoch,
                step=self.step,
                seconds=time.monotonic() - begin,
                learning_rate=rate,
                loss=loss,
                heldout_loss=look.loss if look else None,
                heldout_dice=look.dice if look else None,
                best=best,
            )
            rows.append(row)
            yield _report(row, self.done)
        if self.done < 1:
            self.notes.append(f"stopped early after epoch {len(rows)}")
        return Outcome(kept, tuple(rows), watch.kept_epoch, tuple(self.notes))

    def _epoch(
        self,
        epoch: int,
        begin: float,
        average: nn.Module,
        optimiser: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
    ) -> Work[tuple[float, float]]:
        """Take the steps of one epoch, at least one; return mean loss and last rate."""
        losses: list[float] = []
        recipe, rate = self.recipe, 0.0
        while not losses or self.done < epoch / recipe.epochs:
            rate = recipe.learning_rate * rate_factor(self.done, recipe.warm_up)
            for group in optimiser.param_groups:
                group["lr"] = rate * group["share"]
            losses.append((yield from self._step(optimiser, scaler)))
            self.step += 1
            _follow(average, self.network, self.step / (self.step + recipe.averaging))
            self.done = progress(recipe, self.step, time.monotonic() - begin)
            data = {"stage": "train", "epoch": epoch, "step": self.step, "loss": losses[-1]}
            yield Progress(self.done, 1.0, f"step {self.step}", data)
        return float(np.mean(losses)), rate

    def _step(self, optimiser: torch.optim.Optimizer, scaler: torch.amp.GradScaler) -> Work[float]:
        """Update the weights once; in more, smaller pieces where memory runs out."""
        batch = self.crops.draw()
        while True:
            try:
                return self._update(batch, optimiser, scaler)
            except (RuntimeError, MemoryError) as error:
                if not ran_out_of_memory(error):
                    raise
                if self.pieces >= len(batch.pixels):
                    raise too_large(tuple(batch.pixels.shape[1:]), self.compute) from error
            self.pieces = min(2 * self.pieces, len(batch.pixels))
            yield self._halved(len(batch.pixels))

    def _halved(self, count: int) -> Progress:
        if self.compute.device.type == "cuda":
            torch.cuda.empty_cache()
        size = -(-count // self.pieces)
        note = f"memory ran out: {size} crops at a time instead of {count}"
        self.notes.append(note)
        return Progress(self.done, 1.0, note, {"stage": "memory", "batch": size})

    def _update(
        self, batch: Batch, optimiser: torch.optim.Optimizer, scaler: torch.amp.GradScaler
    ) -> float:
        self.network.train()
        optimiser.zero_grad(set_to_none=True)
        total = 0.0
        for piece in batch.split(self.pieces):
            with self.compute.autocast():
                logits = self.network(piece.pixels)
            share = len(piece.pixels) / len(batch.pixels)
            loss = self.loss(logits, piece.target, piece.checked) * share
            scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            total += loss.item()
        if not np.isfinite(total):
            hint = "Train again with a smaller learning rate or in fp32 precision."
            raise ModelError(f"The loss became {total}: the training has failed.", hint=hint)
        scaler.unscale_(optimiser)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        scaler.step(optimiser)
        scaler.update()
        return total

    def _look(self, network: nn.Module) -> Work[_Look | None]:
        if not self.heldout:
            return None
        counts, losses = [], []
        for batch in self.heldout:
            with torch.inference_mode():
                with self.compute.autocast():
                    logits = network(batch.pixels)
                losses.append(self.loss(logits, batch.target, batch.checked).item())
                allowed = batch.checked[:, :, None, None]
                found = logits.float().masked_fill(~allowed, -torch.inf).argmax(dim=1)
            truth, found = batch.target.cpu().numpy(), found.cpu().numpy()
            k = batch.checked.shape[1]
            counts += [confusions(t, f, k) for t, f in zip(truth, found, strict=True)]
            yield Progress(self.done, 1.0, "held-out tiles", {"stage": "check"})
        tiles = np.array(counts)
        return _Look(float(np.mean(losses)), pooled_dice(tiles.sum(axis=0)), tiles)


@dataclass(frozen=True, slots=True)
class _Look:
    loss: float
    dice: float | None
    tiles: NDArray[np.int64]


def progress(recipe: Recipe, step: int, seconds: float) -> float:
    """Return which share of a training is done, 0 to 1: by steps or by time, see `Recipe`.

    Examples
    --------
    >>> recipe = Recipe(steps=300, minutes=2.0, least_steps=100)
    >>> [progress(recipe, step, 120.0) for step in (300, 100, 50, 1)]
    [1.0, 1.0, 0.5, 0.25]
    """
    share = seconds / (60 * recipe.minutes)
    timed = min(share, step / recipe.least_steps) if recipe.least_steps else share
    return min(1.0, max(step / recipe.steps, timed, share / _LONGEST))


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the averaged weights towards the present ones; counters are copied."""
    pairs = zip(average.state_dict().values(), network.state_dict().values(), strict=True)
    for kept, new in pairs:
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


def _report(row: EpochRow, done: float) -> Progress:
    data = {
        "stage": "train",
        "epoch": row.epoch,
        "step": row.step,
        "loss": row.loss,
        "heldout_loss": row.heldout_loss,
        "heldout_dice": row.heldout_dice,
        "seconds": row.seconds,
        "best": row.best,
    }
    message = f"epoch {row.epoch}, loss {row.loss:.3f}"
    if row.heldout_dice is not None:
        message += f", held-out Dice {row.heldout_dice:.3f}"
    return Progress(done, 1.0, message, data)
