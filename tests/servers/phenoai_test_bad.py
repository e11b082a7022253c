"""A module for a real DEEPaaS server that misbehaves on demand, as public modules do.

Never imported by the tests: ``deepaas-run`` finds it by an entry point.
"""

from __future__ import annotations

import os
import time
from typing import Any

from aiohttp import web
from webargs import fields, validate

JSON, PNG = "application/json", "image/png"


def get_metadata() -> dict[str, Any]:
    return {"name": "bad", "description": "Misbehaves."}


def warm() -> None:
    pass


def get_train_args() -> dict[str, Any]:
    return {"kind": fields.Str(load_default="set"), "delay": fields.Float(load_default=0.0)}


def predict(**given: Any) -> Any:
    time.sleep(given["delay"])
    return _misbehave(given["kind"])


def train(**given: Any) -> Any:
    time.sleep(given["delay"])
    return _misbehave(given["kind"])


class _NeedsTwoError(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(one)
        self.two = two


def _misbehave(kind: str) -> Any:
    if kind == "value_error":
        raise ValueError("bad pixel <b>42</b>")
    if kind == "http_error":
        raise web.HTTPBadRequest(reason="image is not RGB")
    if kind == "unpicklable":
        raise _NeedsTwoError("one", "two")
    if kind == "exit":
        os._exit(17)
    answers: dict[str, Any] = {
        "set": {"a message in a set"},
        "nan": {"score": float("nan"), "mask": [[0.0, float("nan")], [1.0, 1.0]]},
        "status": {"status": "error", "message": "no <i>plant</i>; token=abc123secret"},
        "words": {"labels": ["oak", "ash"], "probabilities": [0.6, 0.4]},
        "huge": "x" * 3_000_000,
    }
    return answers[kind]


_KINDS = [
    "value_error",
    "http_error",
    "unpicklable",
    "exit",
    "set",
    "nan",
    "status",
    "words",
    "huge",
]


def get_predict_args() -> dict[str, Any]:
    return {
        "kind": fields.Str(load_default="value_error", validate=validate.OneOf(_KINDS)),
        "delay": fields.Float(load_default=0.0),
        "data": fields.Field(
            required=False, load_default=None, metadata={"type": "file", "location": "form"}
        ),
        "accept": fields.Str(load_default=JSON, validate=validate.OneOf([JSON, PNG])),
    }
