"""What the values in foreign masks mean: proposed by rule, confirmed by a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from pydantic import Field

from napari_phenoai.core.records import Record
from napari_phenoai.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from napari_phenoai.core.scheme import ClassScheme

__all__ = ["ValueMapping", "propose"]

_MOST_CLASSES = 254


class ValueMapping(Record):
    """From the values in a mask to classes of a project.

    Parameters
    ----------
    pairs : mapping of int to int
        From value to class id; 0 is unlabelled.
    names : mapping of str to int
        From what the server calls a value to class id. It goes before `pairs`: a server that
        numbers what it has found gives the same thing another value in the next answer.
    rest : int or None
        Class of every other value, as for the numbers of objects; None refuses them.
    reason : str
        Why this was proposed, in a sentence.
    confirmed : bool
        Whether a person has looked at it.

    Examples
    --------
    >>> ValueMapping(pairs={0: 1, 255: 2}).apply(np.array([[0, 255]]))
    array([[1, 2]], dtype=uint8)
    """

    format: Literal[1] = 1
    pairs: dict[int, int]
    names: dict[str, int] = Field(default_factory=dict)
    rest: int | None = Field(default=None, ge=0, le=_MOST_CLASSES)
    reason: str = ""
    confirmed: bool = False

    def apply(
        self, values: NDArray[np.integer], names: Mapping[int, str] | None = None
    ) -> NDArray[np.uint8]:
        """Return the classes of a mask.

        Parameters
        ----------
        values : ndarray of integers, shape (y, x)
            As they came.
        names : mapping of int to str, optional
            What this answer calls them.

        Returns
        -------
        ndarray of uint8, shape (y, x)
            Ids of classes; 0 where unlabelled.

        Raises
        ------
        LabelError
            If a value has no class.
        """
        pairs = self._pairs_of(names or {})
        found, where = np.unique(values, return_inverse=True)
        unknown = [int(value) for value in found if int(value) not in pairs]
        if unknown and self.rest is None:
            hint = "Say what it means in the mapping of this server's values to your classes."
            name = (names or {}).get(unknown[0], "")
            said = f"the value {unknown[0]}{f' ({name})' if name else ''}"
            raise LabelError(f"The answer has {said}, which no class has.", hint=hint)
        table = [pairs.get(int(value), self.rest or 0) for value in found]
        return np.array(table, np.uint8)[where].reshape(values.shape)

    def confirm(self, changes: Mapping[int, int] | None = None) -> Self:
        """Return the mapping as a person wants it; `changes` go over what was proposed."""
        pairs = {**self.pairs, **(changes or {})}
        return self.but(pairs=pairs, confirmed=True)

    def naming(self, names: Mapping[int, str]) -> Self:
        """Return the mapping in which values that have a name are known by it."""
        told = {name: self.pairs[value] for value, name in names.items() if value in self.pairs}
        rest = {value: number for value, number in self.pairs.items() if value not in names}
        return self.but(pairs=rest, names={**self.names, **told})

    def check(self, scheme: ClassScheme) -> None:
        """Raise unless all classes are in use.

        Raises
        ------
        LabelError
            If a class does not exist.
        """
        named = {*self.pairs.values(), *self.names.values()}
        used = {*named, *([self.rest] if self.rest is not None else [])}
        foreign = sorted(used - {0, *scheme.ids})
        if foreign:
            listed = ", ".join(f"{item.id} {item.name}" for item in scheme.active)
            what = f"The mapping names the class {foreign[0]}, which the project lacks."
            raise LabelError(what, hint=f"The classes are {listed}; 0 is unlabelled.")

    def _pairs_of(self, names: Mapping[int, str]) -> dict[int, int]:
        """Return the pairs for an answer that calls its values by `names`."""
        if not self.names:
            return self.pairs
        known = {name.casefold(): number for name, number in self.names.items()}
        called = {value: known.get(name.casefold()) for value, name in names.items()}
        rest = {value: number for value, number in self.pairs.items() if value not in names}
        return rest | {value: number for value, number in called.items() if number is not None}


def propose(
    values: Iterable[int], scheme: ClassScheme, names: Mapping[int, str] | None = None
) -> ValueMapping:
    """Guess what the values in a mask mean.

    Names that the classes have decide; what has another name is taken for the first class that
    is not background. Without names 0 and 255, or 0 and 1, are background and the
    first other class; values up to the number of classes are class ids if the highest id
    occurs or 0 does not, and else count the classes from 0; and more values than there
    are classes are numbers of objects.

    Parameters
    ----------
    values : iterable of int
        The different values that came.
    scheme : ClassScheme
        The classes of the project.
    names : mapping of int to str, optional
        What the server calls them.

    Returns
    -------
    ValueMapping
        To be shown to a person before it is used.
    """
    found = sorted({int(value) for value in values})
    background, objects = scheme.background, _first(scheme)
    if names and (named := _by_name(found, scheme, names)) is not None:
        return ValueMapping(pairs=named, reason="The server uses the names of your classes.")
    if names and 0 not in names and set(found) <= {0, *names}:
        known = {item.name.casefold(): item.id for item in scheme.active}
        pairs = {value: known.get(name.casefold(), objects) for value, name in names.items()}
        reason = "The server has names of its own for what it finds: say what they are."
        return ValueMapping(pairs={0: background, **pairs}, reason=reason)
    if set(found) <= {0}:
        reason = "Only 0 has come so far: it is taken as background."
        return ValueMapping(pairs={0: background}, rest=objects, reason=reason)
    if set(found) <= {0, 255}:
        pairs = {0: background, 255: objects}
        return ValueMapping(pairs=pairs, reason="0 and 255 are background and object.")
    ids = scheme.ids
    if set(found) <= {0, 1}:
        pairs = {0: background, 1: objects}
        return ValueMapping(pairs=pairs, reason="0 and 1 are background and object.")
    if set(found) <= {0, *ids} and (max(ids) in found or 0 not in found):
        pairs = {0: 0, **{number: number for number in ids}}
        return ValueMapping(pairs=pairs, reason="The values are the ids of your classes.")
    if max(found) < len(ids):
        pairs = dict(enumerate(ids))
        return ValueMapping(pairs=pairs, reason="The values count your classes from 0.")
    reason = "There are more values than classes: each seems to be the number of an object."
    return ValueMapping(pairs={0: background}, rest=objects, reason=reason)


def _first(scheme: ClassScheme) -> int:
    return scheme.foreground[0].id if scheme.foreground else scheme.background


def _by_name(
    values: list[int], scheme: ClassScheme, names: Mapping[int, str]
) -> dict[int, int] | None:
    known = {item.name.casefold(): item.id for item in scheme.active}
    pairs = {0: scheme.background} if 0 not in names else {}
    for value in {*values, *names} - set(pairs):
        number = known.get(names.get(value, "").strip().casefold())
        if number is None:
            return None
        pairs[value] = number
    return pairs
