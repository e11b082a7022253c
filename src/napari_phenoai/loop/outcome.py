"""How a simulation is planned, and what it finds: the JSON of ``phenoai simulate``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.core.records import ObjectScore, Record
from napari_phenoai.errors import InputError
from napari_phenoai.loop.annotator import Protocol

__all__ = ["AUTHOR", "SHOWN", "Plan", "SimulatedRound", "SimulationResult"]

AUTHOR = "simulated annotator"
"""Author of the reviews and trainings of a simulation."""


SHOWN = frozenset({0, 1, 2})
"""Positions of the test images that a report shows."""


class SimulatedRound(Record):
    """One round: all counts are sums over this and the rounds before.

    ``minutes`` are those of the person under the time model. ``dice``, ``iou``
    and ``dice_per_class`` are measured on the test images with the model that
    serves after the round; ``heldout_dice`` is what the project itself measures. With
    objects, ``objects`` is how they agree with those of the test images, and
    ``gestures`` how often each tool was used.
    """

    round: int
    tiles: int
    minutes: float
    annotated_px: int
    dice: float | None
    iou: float | None
    dice_per_class: dict[str, float | None]
    served_model: str
    train_seconds: float
    heldout_dice: float | None = None
    objects: ObjectScore | None = None
    gestures: dict[str, int] | None = None


class SimulationResult(Record):
    """What a simulation found; ``model_dump`` of it is the JSON of the command."""

    dataset: str
    strategy: str
    seed: int
    model: str
    rounds: tuple[SimulatedRound, ...]
    full_label_dice: float | None = None
    protocol: Protocol
    scale: float
    tile: int
    class_names: tuple[str, ...]
    train_images: int
    test_images: int
    seconds: float


@dataclass(frozen=True)
class Plan:
    """How a simulation is run; `napari_phenoai.loop.simulate.simulate` explains each part.

    ``keep`` are the positions of test images whose predictions are kept for pictures.
    With ``hurry`` the minutes are kept to on any machine; without, a network takes a third
    of its steps at least, for at most four times the minutes.
    """

    scale: float = 1.0
    tile: int = 256
    rounds: int = 5
    tiles_per_round: int = 6
    strategy: str = "foreground-random"
    protocol: Protocol = "corrective"
    model: str = "unet"
    seed: int = 0
    minutes_per_round: Sequence[float] | None = None
    steps_per_round: Sequence[int] | None = None
    hurry: bool = True
    device: str = "auto"
    full_label: bool = False
    keep: frozenset[int] = frozenset()
    instances: bool = False

    def __post_init__(self) -> None:
        if self.rounds < 1 or self.tiles_per_round < 1:
            what = f"{self.rounds} rounds of {self.tiles_per_round} tiles are impossible."
            raise InputError(what, hint="Use 1 or more of each.")
        if self.protocol not in ("corrective", "full"):
            what = f"There is no protocol {self.protocol!r}."
            raise InputError(what, hint="Use corrective or full.")
        for given in (self.minutes_per_round, self.steps_per_round):
            if given is not None and len(given) != self.rounds:
                what = f"{len(given)} training lengths for {self.rounds} rounds."
                raise InputError(what, hint="Give one number per round.")

    def settings(self, number: int) -> TrainSettings:
        """Return how round `number`, from 1 on, trains: from scratch, always."""
        minutes = None if self.minutes_per_round is None else self.minutes_per_round[number - 1]
        steps = None if self.steps_per_round is None else self.steps_per_round[number - 1]
        patient = not self.hurry and self.model == "unet"
        return TrainSettings(
            family=self.model,
            pretrained=False,
            minutes=minutes,
            steps=steps,
            seed=self.seed,
            device=self.device,
            extra={"least_steps": steps // 3} if patient and steps else {},
        )
