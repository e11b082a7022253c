"""Classes: what label values mean, and how that may change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["COLOURS", "UNLABELLED", "ClassScheme", "LabelClass"]

UNLABELLED = 0
"""The label value of a pixel that nobody has decided about."""

COLOURS = (
    "#999999",
    "#009e73",
    "#e69f00",
    "#56b4e9",
    "#d55e00",
    "#cc79a7",
    "#f0e442",
    "#0072b2",
)
"""Background grey and the colour-blind safe palette of Okabe and Ito (2008)."""


class LabelClass(BaseModel):
    """One class of the scheme.

    ``id`` is its label value, 1 to 254, never used again for another class.
    ``since`` is the version of the scheme that first had it; ``into`` the class
    that it was merged into. ``away`` holds, in turn, the versions from which it
    was merged and from which it was a class of its own again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int = Field(ge=1, le=254)
    name: str = Field(min_length=1, max_length=80)
    colour: str = Field(pattern=r"^#[0-9a-f]{6}$")
    term: str | None = None
    since: int = Field(default=1, ge=1)
    into: int | None = None
    away: tuple[int, ...] = ()

    def in_use(self, version: int) -> bool:
        """Tell whether people could paint this class under `version` of the scheme."""
        passed = sum(1 for change in self.away if change <= version)
        return self.since <= version and passed % 2 == 0


class ClassScheme(BaseModel):
    """All classes that a project has or had; the first is the background.

    Examples
    --------
    >>> scheme = ClassScheme.of(["soil", "plant"])
    >>> scheme.ids
    (1, 2)
    >>> scheme.added("flower").unchecked(since_version=1)
    (3,)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = Field(default=1, ge=1)
    classes: tuple[LabelClass, ...] = Field(min_length=1)

    @classmethod
    def of(cls, names: Sequence[str]) -> ClassScheme:
        """Return a first scheme with classes 1, 2, ... of these `names`.

        Raises
        ------
        InputError
            If there are fewer than two names, or two are the same.
        """
        if len(names) < 2:
            hint = "Name the background first, then what to find, as in soil,plant."
            raise InputError(f"{len(names)} class names are too few.", hint=hint)
        scheme = cls(classes=(LabelClass(id=1, name=_clean(names[0]), colour=COLOURS[0]),))
        for name in names[1:]:
            scheme = scheme.added(name)
        classes = tuple(item.model_copy(update={"since": 1}) for item in scheme.classes)
        return cls(version=1, classes=classes)

    @property
    def active(self) -> tuple[LabelClass, ...]:
        """Classes in use: all but those merged into another."""
        return tuple(item for item in self.classes if item.into is None)

    @property
    def merged_away(self) -> tuple[LabelClass, ...]:
        """Classes that count as another one."""
        return tuple(item for item in self.classes if item.into is not None)

    @property
    def ids(self) -> tuple[int, ...]:
        """Label values in use, in the order of the classes."""
        return tuple(item.id for item in self.active)

    @property
    def names(self) -> tuple[str, ...]:
        """Names in use, in the order of the classes."""
        return tuple(item.name for item in self.active)

    @property
    def background(self) -> int:
        """Label value of the first class."""
        return self.active[0].id

    @property
    def foreground(self) -> tuple[LabelClass, ...]:
        """Classes in use but the first."""
        return self.active[1:]

    def named(self, name_or_id: str | int) -> LabelClass:
        """Return the class in use with this name or id.

        Raises
        ------
        InputError
            If no class in use has it.
        """
        for item in self.active:
            if name_or_id in (item.id, item.name) or str(item.id) == name_or_id:
                return item
        hint = "The classes are " + ", ".join(f"{item.id} {item.name}" for item in self.active)
        raise InputError(f"There is no class {name_or_id!r}.", hint=hint + ".")

    def added(
        self, name: str, *, colour: str | None = None, term: str | None = None
    ) -> ClassScheme:
        """Return the scheme with one more class, in the next version."""
        name = _clean(name)
        self._check_free(name)
        number = max(item.id for item in self.classes) + 1
        if number > 254:
            hint = "Merge classes that you no longer need apart into a new project."
            raise InputError("A project can have 254 classes.", hint=hint)
        colour = (colour or COLOURS[1 + (number - 2) % (len(COLOURS) - 1)]).lower()
        version = self.version + 1
        new = LabelClass(id=number, name=name, colour=colour, term=term, since=version)
        return ClassScheme(version=version, classes=(*self.classes, new))

    def renamed(self, class_id: int, name: str) -> ClassScheme:
        """Return the scheme with class `class_id` called `name`, in the next version."""
        name = _clean(name)
        if name != self.named(class_id).name:
            self._check_free(name)
        return self._changed(self.named(class_id), {"name": name})

    def recoloured(self, class_id: int, colour: str) -> ClassScheme:
        """Return the scheme with class `class_id` drawn in `colour` (``#rrggbb``)."""
        return self._changed(self.named(class_id), {"colour": colour.lower()})

    def merged(self, class_id: int, into: int) -> ClassScheme:
        """Return the scheme in which pixels of `class_id` count as `into`.

        Raises
        ------
        InputError
            If the two are the same, one is not in use, or one is the background.
        """
        source, target = self.named(class_id), self.named(into)
        if source.id in (target.id, self.background):
            hint = "Merge a class that is not the background into another one."
            raise InputError(f"{source.name!r} cannot be merged into {target.name!r}.", hint=hint)
        away = (*source.away, self.version + 1)
        return self._changed(source, {"into": target.id, "away": away})

    def separated(self, class_id: int) -> ClassScheme:
        """Return the scheme in which a merged class is one of its own again.

        Tiles that were decided while it was merged are not checked for it.

        Raises
        ------
        InputError
            If it was not merged, or another class has taken its name.
        """
        if all(item.id != class_id for item in self.merged_away):
            hint = "Only a class that was merged into another can be taken out of it."
            raise InputError(f"Class {class_id} was not merged.", hint=hint)
        (merged,) = (item for item in self.merged_away if item.id == class_id)
        self._check_free(merged.name)
        away = (*merged.away, self.version + 1)
        return self._changed(merged, {"into": None, "away": away})

    def unchecked(self, since_version: int) -> tuple[int, ...]:
        """Return the classes that a tile decided under `since_version` was not checked for."""
        return tuple(item.id for item in self.active if not item.in_use(since_version))

    def resolved(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return `labels` with merged classes replaced by what they were merged into.

        Parameters
        ----------
        labels : ndarray of uint8, any shape
            Label values; 0 stays 0, values without a class become 0.
        """
        table = np.zeros(256, np.uint8)
        for item in self.classes:
            table[item.id] = self._final(item).id
        result: NDArray[np.uint8] = table[labels]
        return result

    def _final(self, item: LabelClass) -> LabelClass:
        by_id = {other.id: other for other in self.classes}
        while item.into is not None:
            item = by_id[item.into]
        return item

    def _changed(self, wanted: LabelClass, update: dict[str, object]) -> ClassScheme:
        changed = LabelClass.model_validate({**wanted.model_dump(), **update})
        classes = tuple(changed if item.id == wanted.id else item for item in self.classes)
        return ClassScheme(version=self.version + 1, classes=classes)

    def _check_free(self, name: str) -> None:
        if name in self.names:
            raise InputError(f"There is a class {name!r} already.", hint="Choose another name.")


def _clean(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise InputError("A class needs a name.", hint="Write what it shows, such as leaf.")
    return name
