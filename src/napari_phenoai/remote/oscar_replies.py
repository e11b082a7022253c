"""What OSCAR clusters answer, checked; and the result of a module in it."""

from __future__ import annotations

import ast
import base64
import binascii
import json
import re
from contextlib import suppress
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError

from napari_phenoai.errors import AnswerError, ServerFailedError
from napari_phenoai.remote.addresses import shown
from napari_phenoai.remote.archives import is_archive
from napari_phenoai.remote.pictures import is_picture
from napari_phenoai.remote.redaction import plain
from napari_phenoai.remote.replies import Reply, Text, read_json
from napari_phenoai.remote.transport import MEGABYTE, Answer

__all__ = ["Jobs", "Presigned", "Service", "read_jobs", "read_presigned", "read_services", "result"]

_RETURN = re.compile(r"^return: ?", re.MULTILINE)
_MOST_REPR = 8 * MEGABYTE
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]+")


def _list(value: object) -> object:
    return value if isinstance(value, list) else []


class _Storage(Reply):
    path: str = Field(default="", max_length=1000)
    storage_provider: str = Field(default="", max_length=200)


class Service(Reply):
    """One service of a cluster; its token is a secret."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$")
    token: str = Field(default="", max_length=200, repr=False)
    input: Annotated[list[_Storage], BeforeValidator(_list)] = Field(default_factory=list)
    output: Annotated[list[_Storage], BeforeValidator(_list)] = Field(default_factory=list)

    @property
    def bucket(self) -> tuple[str, str, str] | None:
        """Bucket, folder of inputs and folder of outputs; None where it has no such flow."""
        for came in self.input:
            for goes in self.output:
                name, _, first = came.path.strip("/").partition("/")
                other, _, second = goes.path.strip("/").partition("/")
                both = "minio" in came.storage_provider and "minio" in goes.storage_provider
                if both and name == other and name and first and second:
                    return name, first, second
        return None


class Presigned(Reply):
    """An address that may be used once without a login: itself a secret."""

    method: str = Field(pattern=r"^(?:GET|PUT)$")
    url: str = Field(min_length=1, max_length=8000, repr=False)
    headers: Annotated[
        dict[str, str], BeforeValidator(lambda value: value if isinstance(value, dict) else {})
    ] = Field(default_factory=dict, repr=False)


class _Job(Reply):
    status: Text = ""


class Jobs(Reply):
    """The jobs of a service."""

    jobs: dict[str, _Job] = Field(default_factory=dict)

    def counted(self, *states: str) -> int:
        """Return how many jobs are in one of `states`."""
        return sum(job.status in states for job in self.jobs.values())


def read_services(answer: Answer) -> list[Service]:
    """Return the services of a cluster; those that make no sense are left out.

    Raises
    ------
    AnswerError
        If it is no list.
    """
    said = read_json(answer)
    if not isinstance(said, list):
        raise _other(answer)
    found = []
    for item in said:
        try:
            found.append(Service.model_validate(item))
        except ValidationError:
            continue
    return found


def read_presigned(answer: Answer) -> Presigned:
    """Return an address for one file.

    Raises
    ------
    AnswerError
        If it is none; nothing of it is shown.
    """
    try:
        return Presigned.model_validate(read_json(answer))
    except ValidationError:
        raise _other(answer) from None


def read_jobs(answer: Answer) -> Jobs:
    """Return the jobs of a service; none where that cannot be read."""
    try:
        return Jobs.model_validate(read_json(answer))
    except (ValidationError, AnswerError):
        return Jobs()


def result(answer: Answer) -> Answer:
    """Return what a module has predicted, out of the answer of a cluster.

    Services answer with JSON, with a file in base64, or with all that the module wrote, in
    which the last line ``return: ...`` is the result as Python writes it.

    Raises
    ------
    ServerFailedError
        If there is no result in it: the module has failed.
    """
    content = answer.content.strip()
    if is_picture(content) or is_archive(content):
        return answer
    if content[:1] in {b"{", b"["}:
        return Answer(answer.url, answer.status, "application/json", content)
    if (unpacked := _from_base64(content)) is not None:
        return Answer(answer.url, answer.status, "", unpacked)
    text = answer.text
    marks = list(_RETURN.finditer(text))
    if marks:
        said = text[marks[-1].end() :].split("\n", 1)[0]
        return Answer(answer.url, answer.status, "application/json", _as_json(said, answer.url))
    last = next((line for line in reversed(text.splitlines()) if line.strip()), "")
    hint = "Check the picture and the values; the text is the module's own."
    what = f"The module at {shown(answer.url)} gave no result. It says last: {plain(last, 200)}"
    raise ServerFailedError(what, hint=hint)


def _as_json(said: str, url: str) -> bytes:
    """Return a value in the language of Python as JSON; nothing of it is run."""
    wrong = (ValueError, SyntaxError, TypeError, RecursionError, MemoryError)
    with suppress(*wrong):
        if len(said) <= _MOST_REPR:
            return json.dumps(ast.literal_eval(said)).encode()
    hint = "Use the flow through the bucket, or ask for a smaller answer."
    raise AnswerError(f"The result of {shown(url)} cannot be read.", hint=hint)


def _from_base64(content: bytes) -> bytes | None:
    if len(content) < 16 or not _BASE64.fullmatch(content):
        return None
    try:
        found = base64.b64decode(b"".join(content.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    known = is_picture(found) or is_archive(found) or found.lstrip()[:1] in {b"{", b"["}
    return found if known else None


def _other(answer: Answer) -> AnswerError:
    hint = "Check the address: it may belong to another program."
    return AnswerError(f"{shown(answer.url)} does not answer as an OSCAR cluster does.", hint=hint)
