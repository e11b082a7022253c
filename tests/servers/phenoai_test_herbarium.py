"""A module for a real DEEPaaS server in a style of its own: nothing in the client knows it.

It takes two files of which no name says which is the picture, has values in nested lists and
lists of choices, and answers with a ZIP that holds more than its masks, or with outlines under
names that only its author knows. Never imported by the tests: ``deepaas-run`` finds it by an
entry point.
"""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from webargs import fields, validate

ZIP, JSON = "application/zip", "application/json"
ORGANS = ("leaf", "stem")


def get_metadata() -> dict[str, Any]:
    return {"name": "Herbarium sheets", "version": "3.1", "license": "MIT"}


def warm() -> None:
    pass


def _file(text: str, **more: Any) -> Any:
    return fields.Field(metadata={"type": "file", "location": "form", "description": text}, **more)


def get_predict_args() -> dict[str, Any]:
    return {
        "regions": _file("Areas to be looked at, as GeoJSON.", load_default=None),
        "scan": _file("One sheet, from above.", required=True),
        "backend": fields.Str(required=True, validate=validate.OneOf(["fast", "exact"])),
        "confidence": fields.Float(
            load_default=0.25,
            validate=validate.Range(min=0.05, max=0.95),
            metadata={"description": "How sure it has to be (%)."},
        ),
        "scales": fields.List(
            fields.Float(), load_default=[1.0, 0.5], validate=validate.Length(min=1, max=3)
        ),
        "organs": fields.List(
            fields.Str(validate=validate.OneOf(ORGANS)), load_default=list(ORGANS)
        ),
        "anchors": fields.List(fields.List(fields.Int()), load_default=[[8, 16], [32, 64]]),
        "shrink": fields.Int(load_default=2, validate=validate.Range(min=1, max=8)),
        "since": fields.DateTime(load_default=None, allow_none=True),
        "tiling": fields.Dict(load_default={"overlap": 16}),
        "Accept-Language": fields.Str(load_default="en", metadata={"location": "headers"}),
        "accept": fields.Str(
            load_default=JSON, validate=validate.OneOf([JSON, ZIP]), metadata={"location": "query"}
        ),
    }


def get_train_args() -> dict[str, Any]:
    return {
        "sheets": fields.Str(required=True, metadata={"description": "Folder on this machine."}),
        "passes": fields.Int(required=True, validate=validate.Range(min=1, max=500)),
        "rate": fields.Float(load_default=3e-4, validate=validate.Range(min=0, max=1)),
        "organs": fields.List(fields.Str(validate=validate.OneOf(ORGANS)), required=True),
        "stages": fields.List(fields.List(fields.Int()), load_default=[[1, 2]]),
    }


def train(**given: Any) -> dict[str, Any]:
    return {"passes": given["passes"], "organs": given["organs"], "rate": given["rate"]}


def _organs(upload: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the picture, and where each organ is: bright red and bright green."""
    with Image.open(upload.filename) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    leaf = pixels[..., 0] > 127
    return pixels, {"leaf": leaf, "stem": ~leaf & (pixels[..., 1] > 127)}


def predict(**given: Any) -> Any:
    pixels, organs = _organs(given["scan"])
    told = {name: value for name, value in given.items() if name not in {"scan", "regions"}}
    (Path(os.environ["TMPDIR"]) / "told.json").write_text(json.dumps(told, default=str))
    organs = {name: organs[name] for name in given["organs"]}
    if given["accept"] == ZIP:
        return _zip(pixels, organs, given["shrink"])
    found = [
        {
            "organ": name,
            "sureness": 0.93,
            "frame": [[0, 0], [pixels.shape[1], pixels.shape[0]]],
            "rim_xy": _rim(mask),
        }
        for name, mask in organs.items()
        if mask.any()
    ]
    return {"sheet": given["scan"].original_filename, "size": pixels.shape[:2], "things": found}


def _rim(mask: np.ndarray) -> list[list[int]]:
    rows, columns = np.nonzero(mask)
    y0, y1, x0, x1 = (int(n) for n in (rows.min(), rows.max(), columns.min(), columns.max()))
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]


def _zip(pixels: np.ndarray, organs: dict[str, np.ndarray], shrink: int) -> Any:
    """Return a ZIP as people make them to look at: masks, an overlay, a table."""
    files = {"overlay.jpg": _picture(pixels, "JPEG"), "areas.csv": b"organ,px\n"}
    for name, mask in organs.items():
        small = mask[::shrink, ::shrink].astype(np.uint8) * np.uint8(255)
        files[f"masks/{name}.png"] = _picture(small, "PNG")
    path = Path(os.environ["TMPDIR"]) / f"sheet-{time.time_ns()}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file, data in files.items():
            archive.writestr(file, data)
    return path.open("rb")


def _picture(array: np.ndarray, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format=kind)
    return buffer.getvalue()
