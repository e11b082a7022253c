"""swagger.json of a DEEPaaS server: which models there are, and their forms."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from napari_phenoai.core.forms import FieldKind, Form, FormField
from napari_phenoai.errors import AnswerError
from napari_phenoai.remote.redaction import plain

__all__ = ["Offer", "form_of", "offers"]

_PATH = re.compile(
    r"^(?P<model>/[^\s?#]*?v2/models/(?P<key>[^/{}\s?#]+))/(?P<verb>predict|train)/$"
)
_KINDS: Mapping[str, FieldKind] = {
    "file": "file",
    "boolean": "flag",
    "integer": "integer",
    "number": "number",
    "string": "text",
    "array": "list",
}
_PICTURE = re.compile(r"image|picture|photo|img", re.IGNORECASE)
_ANY = "*/*"
_TEST_MODEL = "deepaas-test"


@dataclass(frozen=True)
class Offer:
    """What a server can do with one model.

    Parameters
    ----------
    key : str
        Name of the model in addresses; the only one that can be relied on.
    path : str
        Path of the model on the server, without a slash at its end.
    predict, train : Form or None
        What each takes; None where it is not offered.
    """

    key: str
    path: str
    predict: Form | None = None
    train: Form | None = None

    @property
    def is_stand_in(self) -> bool:
        """Whether the server shows this because its real model could not be loaded."""
        return self.key == _TEST_MODEL


def offers(spec: object) -> tuple[Offer, ...]:
    """Return what the description of a server offers, in its order.

    Parameters
    ----------
    spec : object
        The content of ``swagger.json``.

    Raises
    ------
    AnswerError
        If it describes no DEEPaaS server.
    """
    paths = spec.get("paths") if isinstance(spec, Mapping) else None
    if not isinstance(paths, Mapping) or not any("v2/models/" in str(path) for path in paths):
        hint = "Check the address: it may belong to another program."
        raise AnswerError("The description of the server names no models.", hint=hint)
    found: dict[str, Offer] = {}
    for path, methods in paths.items():
        match = _PATH.match(str(path))
        post = methods.get("post") if match and isinstance(methods, Mapping) else None
        if match is None or not isinstance(post, Mapping):
            continue
        where = match["model"]
        old = found.get(where, Offer(plain(unquote(match["key"]), 80), where))
        form = form_of(post.get("parameters"))
        if match["verb"] == "predict":
            found[where] = Offer(old.key, where, form, old.train)
        else:
            found[where] = Offer(old.key, where, old.predict, form)
    return tuple(found.values())


def form_of(parameters: object) -> Form:
    """Return the form that a list of Swagger 2 parameters describes.

    What cannot be understood becomes a field for raw text, never an error.
    """
    listed = parameters if isinstance(parameters, Sequence) else []
    entries = [item for item in listed if isinstance(item, Mapping) and item.get("name")]
    accept = next((item for item in entries if item["name"] == "accept"), None)
    entries = [item for item in entries if item is not accept and item.get("in") != "path"]
    picture = _picture([item for item in entries if item.get("type") == "file"])
    fields = tuple(_field(item, is_picture=item is picture) for item in entries)
    if accept is None:
        return Form(fields)
    kinds = tuple(str(kind) for kind in _sequence(accept.get("enum")) if kind != _ANY)
    return Form(fields, kinds, "query" if accept.get("in") == "query" else "header")


def _picture(files: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the file that takes the picture; None where that is not clear.

    It is the one whose name or description says so, or the only one, or the only one that is
    required.
    """
    told = [item for item in files if _PICTURE.search(f"{item['name']} {item.get('description')}")]
    if told:
        return told[0]
    needed = [item for item in files if item.get("required") is True]
    return next((some[0] for some in (files, needed) if len(some) == 1), None)


def _kind(entry: Mapping[str, Any], choices: tuple[object, ...]) -> FieldKind:
    kind: FieldKind = _KINDS.get(str(entry.get("type")), "raw")
    if kind == "list" and str(_inside(entry).get("type")) in {"array", "object"}:
        return "raw"
    return "choice" if choices and kind not in {"flag", "file", "list"} else kind


def _field(entry: Mapping[str, Any], *, is_picture: bool) -> FormField:
    choices = tuple(_scalars(entry.get("enum")))
    kind = _kind(entry, choices)
    if kind == "list":
        choices = tuple(_scalars(_inside(entry).get("enum")))
    default = _default(entry, kind, choices)
    as_json = False
    if kind == "text" and isinstance(default, str):
        kind, default, as_json = _json_inside(default)
    sized = "Items" if kind == "list" else "Length"
    return FormField(
        name=str(entry["name"]),
        kind=kind,
        required=entry.get("required") is True,
        default=default,
        choices=choices if kind in {"choice", "list"} else (),
        low=_number(entry.get("minimum")),
        high=_number(entry.get("maximum")),
        shortest=_whole(entry.get(f"min{sized}")),
        longest=_whole(entry.get(f"max{sized}")),
        items=_items(entry),
        secret=entry.get("format") == "password",
        as_json=as_json,
        is_picture=is_picture,
        format=plain(entry.get("pattern") or entry.get("format") or "", 80),
        help=plain(entry.get("description") or "", 600),
        place=str(entry.get("in") or "query"),
    )


def _items(entry: Mapping[str, Any]) -> FieldKind:
    kind = _KINDS.get(str(_inside(entry).get("type")), "text")
    return kind if kind in {"integer", "number", "flag"} else "text"


def _inside(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is said of the items of a list."""
    items = entry.get("items")
    return items if isinstance(items, Mapping) else {}


def _default(entry: Mapping[str, Any], kind: FieldKind, choices: tuple[object, ...]) -> object:
    default = entry.get("default")
    if kind == "file":
        return None
    if kind == "choice" and default not in choices:
        nullable = entry.get("x-nullable") is True or entry.get("required") is True
        return None if nullable else choices[0]
    if kind == "list":
        return tuple(default) if isinstance(default, list) else None
    if kind == "raw":
        return None if default is None else json.dumps(default)
    return default if isinstance(default, str | int | float) else None


def _json_inside(default: str) -> tuple[FieldKind, object, bool]:
    """Look for JSON in the default of a text, as some families of modules write it.

    Numbers are left alone: sent as text they are the same, and the field stays free.
    """
    try:
        value = json.loads(default)
    except (ValueError, RecursionError):
        return "text", default, False
    if isinstance(value, bool):
        return "flag", value, True
    if isinstance(value, str):
        return "text", value, True
    if isinstance(value, dict | list):
        return "raw", default, True
    return "text", default, False


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else []


def _scalars(value: object) -> list[object]:
    return [item for item in _sequence(value) if isinstance(item, str | int | float)]


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
