"""Forms: what a program elsewhere wants to know, as values without windows or wires."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from napari_phenoai.errors import FieldsError

__all__ = ["FieldKind", "Form", "FormField"]

FieldKind = Literal["file", "flag", "choice", "integer", "number", "text", "list", "raw"]

_TRUE = {"true", "1", "yes", "on"}
_FALSE = {"false", "0", "no", "off"}


@dataclass(frozen=True)
class FormField:
    """One thing to fill in.

    Parameters
    ----------
    name : str
        Its name at the server, and beside the input.
    kind : str
        ``file``; ``flag``, yes or no; ``choice``, one of `choices`; ``integer``;
        ``number``; ``text``; ``list`` of the kind `items`; ``raw``, text in a language of
        the server, often JSON.
    required : bool
        Whether it may not stay empty.
    default : object
        Value that the server takes for an empty field; None where there is none.
    choices : tuple
        What a ``choice``, or each item of a ``list``, can be, as the server spells it.
    low, high : float or None
        Smallest and largest number.
    shortest, longest : int or None
        Fewest and most letters of a text, or items of a list.
    items : str
        Kind of the items of a list: ``integer``, ``number``, ``flag`` or ``text``.
    secret : bool
        Whether what is typed in is hidden.
    as_json : bool
        Whether the server wants text that holds JSON.
    is_picture : bool
        Whether the file is the picture to work on.
    format : str
        What a text should be: ``date``, ``email``, ``url``, or a pattern for people.
    help : str
        What the author wrote of it, plain.
    place : str
        Where it travels: ``query``, ``header`` or ``formData``.
    """

    name: str
    kind: FieldKind
    required: bool = False
    default: object = None
    choices: tuple[object, ...] = ()
    low: float | None = None
    high: float | None = None
    shortest: int | None = None
    longest: int | None = None
    items: FieldKind = "text"
    secret: bool = False
    as_json: bool = False
    is_picture: bool = False
    format: str = ""
    help: str = ""
    place: str = "query"

    def read(self, value: object) -> object:
        """Return `value` in the type of this field; None for empty.

        Parameters
        ----------
        value : object
            From an input, a command line or a file: text is understood everywhere.

        Raises
        ------
        ValueError
            If it does not fit; the text says why.
        """
        if value is None or (isinstance(value, str) and not value.strip() and not self.required):
            return None
        found = _READERS[self.kind](self, value)
        self._check_range(found)
        self._check_length(found)
        return found

    def spelled(self, value: object) -> list[str]:
        """Return what travels for `value`, a result of `read`: one text, or one per item."""
        if isinstance(value, tuple):
            return [_spelled(item) for item in value]
        if self.as_json and not (self.kind == "raw" and isinstance(value, str)):
            return [json.dumps(value, ensure_ascii=False)]
        return [_spelled(value)]

    def _check_range(self, value: object) -> None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            if self.low is not None and value < self.low:
                raise ValueError(f"Must be {_spelled(self.low)} or more.")
            if self.high is not None and value > self.high:
                raise ValueError(f"Must be {_spelled(self.high)} or less.")

    def _check_length(self, value: object) -> None:
        if self.kind not in {"text", "list"} or not isinstance(value, str | tuple):
            return
        unit = "letters" if self.kind == "text" else "values"
        if self.shortest is not None and len(value) < self.shortest:
            raise ValueError(f"Needs {self.shortest} {unit} or more.")
        if self.longest is not None and len(value) > self.longest:
            raise ValueError(f"Takes {self.longest} {unit} or fewer.")


@dataclass(frozen=True)
class Form:
    """All fields of one request, in the server's order.

    Parameters
    ----------
    fields : tuple of FormField
        Without the media type of the answer.
    answers : tuple of str
        Media types that can be asked for; empty where the server does not say.
    answer_place : str
        Where that wish travels: ``header`` or ``query``.
    """

    fields: tuple[FormField, ...] = ()
    answers: tuple[str, ...] = ()
    answer_place: str = "header"
    _by_name: Mapping[str, FormField] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {item.name: item for item in self.fields})

    def __getitem__(self, name: str) -> FormField:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @property
    def files(self) -> tuple[FormField, ...]:
        """The fields that take a file."""
        return tuple(item for item in self.fields if item.kind == "file")

    @property
    def picture(self) -> FormField | None:
        """The first field for the picture to work on; None where that is not clear."""
        return next((item for item in self.files if item.is_picture), None)

    @property
    def defaults(self) -> dict[str, object]:
        """What the fields hold before anybody touches them."""
        return {item.name: item.default for item in self.fields if item.kind != "file"}

    def read(self, values: Mapping[str, object]) -> dict[str, object]:
        """Return `values` in the types of their fields, without empty ones.

        Parameters
        ----------
        values : mapping of str to object
            Of any fields but files, as people gave them. Fields left out keep what the
            server takes for them.

        Raises
        ------
        FieldsError
            If a name is unknown, a required value is missing or a value does not fit;
            says for each field why.
        """
        wrong = {name: ("There is no such value.",) for name in values if name not in self}
        found: dict[str, object] = {}
        for item in self.fields:
            if item.kind == "file":
                continue
            try:
                value = item.read(values.get(item.name))
            except ValueError as error:
                wrong[item.name] = (str(error),)
                continue
            if value is not None:
                found[item.name] = value
            elif item.required:
                wrong[item.name] = ("Must be filled in.",)
        if wrong:
            raise FieldsError(_sentence(wrong), hint="Correct what is named.", fields=wrong)
        return found

    def with_choices(self, name: str, choices: Sequence[object]) -> Form:
        """Return the form with other choices for the field `name`."""
        fields = tuple(
            replace(item, kind="choice", choices=tuple(choices)) if item.name == name else item
            for item in self.fields
        )
        return Form(fields, self.answers, self.answer_place)


def _sentence(wrong: Mapping[str, tuple[str, ...]]) -> str:
    return " ".join(f"{name}: {' '.join(texts)}" for name, texts in wrong.items())


def _spelled(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _flag(_: FormField, value: object) -> bool:
    word = str(value).strip().lower()
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise ValueError("Must be true or false.")


def _integer(_: FormField, value: object) -> int:
    try:
        number = float(str(value))
        return int(str(value)) if not number.is_integer() or abs(number) > 1e15 else int(number)
    except (ValueError, OverflowError):
        raise ValueError("Must be a whole number.") from None


def _number(_: FormField, value: object) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("Must be a number.")
    return number


def _choice(item: FormField, value: object) -> object:
    for choice in item.choices:
        if value == choice or str(value) == _spelled(choice):
            return choice
    listed = ", ".join(_spelled(choice) for choice in item.choices)
    raise ValueError(f"Must be one of: {listed}.")


def _text(_: FormField, value: object) -> str:
    return str(value)


def _raw(item: FormField, value: object) -> object:
    if isinstance(value, str) or not item.as_json:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return value


def _list(item: FormField, value: object) -> tuple[object, ...]:
    parts = value if isinstance(value, Sequence) else (value,)
    if isinstance(value, str):
        parts = [part for part in value.strip(" []()").split(",") if part.strip()]
    one = _choice if item.choices else _READERS[item.items]
    found = []
    for part in parts:
        try:
            found.append(one(item, part.strip() if isinstance(part, str) else part))
        except ValueError as error:
            raise ValueError(f"{part}: {error}") from None
    return tuple(found)


def _file(_: FormField, value: object) -> object:
    return value


_READERS = {
    "file": _file,
    "flag": _flag,
    "choice": _choice,
    "integer": _integer,
    "number": _number,
    "text": _text,
    "list": _list,
    "raw": _raw,
}
