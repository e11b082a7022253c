"""The numbers of a network training, and how they follow from the task."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, TypeVar

from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from _typeshed import DataclassInstance

    from napari_phenoai.core.ports import TrainSettings

__all__ = ["Recipe", "overridden", "recipe_for"]

T = TypeVar("T", bound="DataclassInstance")

_POSITIVE = frozenset(
    [
        "steps",
        "minutes",
        "epochs",
        "patience",
        "batch",
        "crop_px",
        "learning_rate",
        "clip",
        "zoom",
        "trees",
        "grow",
        "pixels",
        "leaf",
        "averaging",
    ]
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """All numbers of one training; `TrainSettings.extra` may set each by name.

    ``zoom`` is the largest factor of the random scale, ``turn`` the largest
    small rotation in degrees (quarter turns and flips come on top); the
    photometric ones are standard deviations in units of a channel's own
    deviation, or of the logarithm of a factor. They are small on purpose: strong
    changes of light and colour cost up to 10 points of Dice on wheat in the field, whose
    colour tells it from soil. Some change of colour is needed where leaves differ from
    image to image: ``colour`` 0.07 instead of 0.04 gave 8 points on symptoms of coffee
    leaves and cost 1 on wheat (0.1: 8 and 2). No change of scale cost 8 points on wheat.
    ``shadows`` is the share of crops on which shadows are cast (see
    `napari_phenoai.ml.augment.shaded`). The weights that are kept are a running average
    over about the last ``1 / (1 + averaging)`` of the steps, as single epochs of a
    training from few tiles differ by several points. A small ``dice_weight`` finds fewer
    ghosts of rare classes than a large one.
    Where the minutes are over before ``least_steps``, a training goes on up to them, for
    at most four times the minutes: after a handful of steps a network knows nothing.
    ``flips_at_prediction`` averages four flips: a quarter of a point of Dice for
    four times the time.
    """

    steps: int = 600
    minutes: float = 5.0
    least_steps: int = 0
    epochs: int = 25
    patience: int = 8
    batch: int = 8
    crop_px: int = 192
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    warm_up: float = 0.1
    averaging: float = 4.0
    dice_weight: float = 0.2
    class_power: float = 0.0
    class_crops: float = 0.25
    clip: float = 5.0
    affine: float = 0.5
    zoom: float = 1.4
    turn: float = 20.0
    photometric: float = 0.8
    brightness: float = 0.15
    contrast: float = 0.1
    colour: float = 0.07
    gamma: float = 0.1
    blur: float = 0.05
    noise: float = 0.05
    shadows: float = 0.3
    shadow_depth: float = 0.5
    encoder_rate: float = 0.3
    decoder: tuple[int, ...] = (256, 128, 64, 32, 16)
    flips_at_prediction: bool = False


def recipe_for(settings: TrainSettings, tiles: int, tile_px: int) -> Recipe:
    """Return the recipe for `tiles` training tiles of `tile_px` pixels edge.

    Steps and minutes grow with the number of tiles, so that on a CPU the first
    round of a project takes about a minute and one with 24 tiles about four; the
    minutes leave a third more than that for a machine that is slow or busy, and a third
    of the steps is taken even there. Minutes that were asked for are kept to.

    Raises
    ------
    InputError
        If `settings` holds an unknown name or a value that cannot be used.
    """
    steps = min(6000, 150 + 30 * tiles)
    recipe = Recipe(
        steps=steps,
        least_steps=steps // 3,
        minutes=min(30.0, 0.9 + 0.19 * tiles),
        crop_px=min(192, max(32, -(-tile_px // 32) * 32)),
    )
    chosen = {
        "steps": settings.steps,
        "minutes": settings.minutes,
        "batch": settings.batch,
        "crop_px": settings.crop_px,
        "learning_rate": settings.learning_rate,
    }
    if settings.steps is not None and settings.minutes is None:
        chosen["minutes"] = float("inf")
    if settings.minutes is not None:
        chosen["least_steps"] = 0
    if settings.minutes is not None and settings.steps is None:
        chosen["steps"] = 1_000_000
    given = {name: value for name, value in chosen.items() if value is not None}
    recipe = overridden(recipe, {**given, **settings.extra})
    return replace(recipe, crop_px=max(32, -(-recipe.crop_px // 32) * 32))


def overridden(recipe: T, values: Mapping[str, object]) -> T:
    """Return `recipe`, a frozen dataclass of numbers, with some `values` of its own.

    Raises
    ------
    InputError
        If a name is unknown, or a value is of another kind or not above 0 where
        only that makes sense.
    """
    defaults = {item.name: getattr(recipe, item.name) for item in fields(recipe)}
    for name, value in values.items():
        if name not in defaults:
            hint = "Known are " + ", ".join(sorted(defaults)) + "."
            raise InputError(f"There is no training setting {name!r}.", hint=hint)
        if not _suits(name, value, defaults[name]):
            hint = f"Leave it out, or give a value like {defaults[name]!r}."
            raise InputError(f"A training with {name} = {value!r} is impossible.", hint=hint)
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return replace(recipe, **{**values, **lists})


def _suits(name: str, value: object, default: object) -> bool:
    if isinstance(value, list | tuple):
        same = isinstance(default, tuple) and len(value) == len(default)
        return same and all(isinstance(item, int) and item > 0 for item in value)
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    kinds = int if isinstance(default, int) else (int, float)
    if not isinstance(value, kinds):
        return False
    return value > 0 or (value == 0 and name not in _POSITIVE)
