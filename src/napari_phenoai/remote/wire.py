"""Values of a form on the wire, and what a server says is wrong with them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_phenoai.errors import FieldsError, InputError
from napari_phenoai.remote.redaction import plain

if TYPE_CHECKING:
    from napari_phenoai.core.forms import Form
    from napari_phenoai.remote.transport import Answer
    from napari_phenoai.remote.upload import Upload

__all__ = ["Sendable", "chosen_answer", "encoded", "field_texts", "wrong_fields"]

_GROUPS = {"query", "form", "json", "files", "headers", "querystring"}
_HEADER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_NOT_OURS = re.compile(
    r"(content|proxy|sec|x-forwarded)-.+|accept-encoding|authorization|connection|cookie|expect"
    r"|forwarded|host|keep-alive|origin|referer|te|trailer|transfer-encoding|upgrade|user-agent"
    r"|via",
    re.IGNORECASE,
)
"""Headers that say how a request travels and who sends it: no form may name them."""
_WANTED = ("image/png", "image/tiff", "application/zip", "application/json", "image/*")


@dataclass(frozen=True)
class Sendable:
    """A filled form, ready to travel.

    Parameters
    ----------
    query : tuple of (str, str)
        What goes behind the ``?``.
    texts : tuple of (str, str)
        What goes into the body, away from logs of addresses.
    files : mapping of str to Upload
        By field.
    accept : str
        The media type that is asked for.
    headers : tuple of (str, str)
        What goes before the body.
    """

    query: tuple[tuple[str, str], ...] = ()
    texts: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    files: Mapping[str, Upload] = field(default_factory=dict)
    accept: str = "application/json"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def encoded(
    form: Form,
    values: Mapping[str, object],
    files: Mapping[str, Upload] | None = None,
    accept: str | None = None,
) -> Sendable:
    """Fill `form` and return what travels.

    Parameters
    ----------
    form : Form
        Of ``predict`` or ``train``.
    values : mapping of str to object
        Of fields; those left out keep the server's own values.
    files : mapping of str to Upload, optional
        By the names of their fields.
    accept : str, optional
        The media type to ask for; by default the best that the server offers.

    Raises
    ------
    FieldsError
        If a value does not fit, is missing or has no field; says for each why.
    InputError
        If the server does not answer in that media type.
    """
    files = dict(files or {})
    found = form.read(values)
    known = {item.name for item in form.files}
    wrong = {name: ("There is no such file.",) for name in files if name not in known}
    needed = [item.name for item in form.files if item.required and item.name not in files]
    wrong |= dict.fromkeys(needed, ("A file must be chosen.",))
    if wrong:
        text = " ".join(f"{name}: {texts[0]}" for name, texts in wrong.items())
        raise FieldsError(text, hint="Correct what is named.", fields=wrong)
    accept = chosen_answer(form, accept)
    query: list[tuple[str, str]] = []
    texts: list[tuple[str, str]] = []
    headers: list[tuple[str, str]] = []
    for name, value in found.items():
        item = form[name]
        pairs = [(name, text) for text in item.spelled(value)]
        if item.place == "header":
            headers.append(_header(name, ", ".join(text for _, text in pairs)))
        else:
            (texts if item.secret or item.place == "formData" else query).extend(pairs)
    if form.answers and form.answer_place == "query":
        query.append(("accept", accept))
    return Sendable(tuple(query), tuple(texts), files, accept, tuple(headers))


def _header(name: str, text: str) -> tuple[str, str]:
    """Return a value that travels in a header.

    Raises
    ------
    FieldsError
        If it cannot, or no form may set that header.
    """
    if not _HEADER.fullmatch(name) or _NOT_OURS.fullmatch(name):
        said = "A value with this name cannot be sent."
    elif not text.isascii() or not text.isprintable():
        said = "Only letters without accents, digits and signs can be sent here."
    else:
        return name, text
    raise FieldsError(f"{name}: {said}", hint="Leave it empty.", fields={name: (said,)})


def chosen_answer(form: Form, wish: str | None = None) -> str:
    """Return one media type that the server names: the one wished, or the best for masks.

    Raises
    ------
    InputError
        If the server does not name the one wished.
    """
    if not form.answers:
        return wish or "application/json"
    if wish is not None:
        if wish not in form.answers:
            hint = "It answers in " + ", ".join(form.answers) + "."
            raise InputError(f"The model does not answer in {plain(wish, 60)}.", hint=hint)
        return wish
    return next((kind for kind in _WANTED if kind in form.answers), form.answers[0])


def field_texts(content: bytes) -> dict[str, tuple[str, ...]] | None:
    """Return what the body of a status 422 says of each field; None if nothing."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, Mapping) or not body:
        return None
    found: dict[str, tuple[str, ...]] = {}
    for name, said in body.items():
        if name in _GROUPS and isinstance(said, Mapping):
            inner = {str(key): _texts(value) for key, value in said.items()}
            found |= {plain(key, 80): texts for key, texts in inner.items() if texts}
        elif texts := _texts(said):
            found[plain(name, 80)] = texts
    return found or None


def wrong_fields(answer: Answer) -> FieldsError | None:
    """Return the error for an answer with status 422; None where it names no field."""
    fields = field_texts(answer.content)
    if fields is None:
        return None
    text = " ".join(f"{name}: {' '.join(texts)}" for name, texts in fields.items())
    return FieldsError(text, hint="Correct what the server names.", fields=fields)


def _texts(said: object, depth: int = 0) -> tuple[str, ...]:
    if isinstance(said, str):
        return (plain(said),)
    if isinstance(said, Mapping) and depth < 3:
        parts = [(key, _texts(value, depth + 1)) for key, value in list(said.items())[:50]]
        return tuple(f"{plain(key, 40)}: {text}" for key, texts in parts for text in texts)
    if isinstance(said, Sequence) and depth < 3:
        return tuple(text for item in said[:50] for text in _texts(item, depth + 1))
    return ()
