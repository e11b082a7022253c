"""What servers answer, checked: only what is used, and plain text only."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from napari_phenoai.errors import AnswerError
from napari_phenoai.remote.addresses import shown
from napari_phenoai.remote.redaction import plain

if TYPE_CHECKING:
    from napari_phenoai.remote.transport import Answer

__all__ = [
    "ModelEntry",
    "ModelList",
    "Reply",
    "RootReply",
    "Training",
    "parsed",
    "read_json",
    "trainings",
]

R = TypeVar("R", bound=BaseModel)

_MOST_JSON = 64 * 1024 * 1024
_OTHER_PROGRAM = "Check the address: it may belong to another program, or need a login page."


def _text(value: object) -> str:
    return "" if value is None else plain(value)


def _list(value: object) -> object:
    return value if isinstance(value, list) else []


Text = Annotated[str, BeforeValidator(_text)]
"""Anything that a server wrote, as plain text."""


class Reply(BaseModel):
    """Base of what servers send: unknown fields are left out, known ones may be missing."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Link(Reply):
    rel: Text = ""
    href: str = Field(default="", max_length=2000)


class _Version(Reply):
    id: Text = ""


class RootReply(Reply):
    """What a DEEPaaS server says at its root."""

    versions: list[_Version] = Field(min_length=1)


class ModelEntry(Reply):
    """What a module says of itself; `id` and `name` may be anything."""

    id: Text = ""
    name: Text = ""
    description: Text = ""
    version: Text = ""
    license: Text = ""
    author: Text = ""
    links: Annotated[list[_Link], BeforeValidator(_list)] = []

    @property
    def href(self) -> str:
        """The path of the model on its server; empty where it is not told."""
        return next((link.href for link in self.links if link.rel == "self"), "")


class ModelList(Reply):
    """All models of a server."""

    models: list[ModelEntry]


class Training(Reply):
    """A training on the server, also one of somebody else."""

    uuid: str = Field(pattern=r"^[0-9a-fA-F-]{32,36}$")
    status: Text
    date: Text = ""
    message: Text = ""
    args: dict[str, Any] = {}
    result: object = None

    @property
    def output(self) -> object:
        """What the training returned; None where the server does not tell."""
        return self.result.get("output") if isinstance(self.result, dict) else None


def read_json(answer: Answer) -> Any:
    """Return the JSON in an answer, with None for values that are no numbers.

    Raises
    ------
    AnswerError
        If it is something else, or larger than 64 MB.
    """
    if len(answer.content) > _MOST_JSON:
        hint = "Send smaller tiles, or ask for another kind of answer."
        raise AnswerError(f"{shown(answer.url)} sent far too much JSON.", hint=hint)
    if "html" in answer.media_type or answer.content[:300].lstrip()[:1] == b"<":
        said = plain(answer.text, 120)
        what = f"{shown(answer.url)} sent a web page in place of data: {said}"
        raise AnswerError(what, hint=_OTHER_PROGRAM)
    try:
        return json.loads(answer.content, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        said = plain(answer.text[:500], 120)
        text = f"{shown(answer.url)} sent something that is no JSON: {said}"
        raise AnswerError(text, hint=_OTHER_PROGRAM) from error


def parsed(answer: Answer, kind: type[R]) -> R:
    """Return the answer as a `kind` of reply.

    Raises
    ------
    AnswerError
        If it does not fit.
    """
    return _fitted(read_json(answer), kind, answer.url)


def trainings(answer: Answer) -> list[Training]:
    """Return the trainings that a server lists.

    Raises
    ------
    AnswerError
        If it is no list of trainings.
    """
    found = read_json(answer)
    if isinstance(found, dict):
        found = found.get("trainings")
    if not isinstance(found, list):
        raise AnswerError(f"{shown(answer.url)} sent no list of trainings.", hint=_OTHER_PROGRAM)
    return [_fitted(item, Training, answer.url) for item in found]


def _fitted(data: object, kind: type[R], url: str) -> R:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = plain(".".join(str(part) for part in first["loc"]), 80)
        reason = re.sub(r"\s+", " ", f"{where}: {first['msg']}")
        text = f"{shown(url)} does not answer as a DEEPaaS server does ({reason})."
        raise AnswerError(text, hint=_OTHER_PROGRAM) from error
