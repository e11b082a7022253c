"""A module for a real DEEPaaS server that answers in all shapes which masks come in.

Never imported by the tests: ``deepaas-run`` finds it by an entry point.
"""

from __future__ import annotations

import base64
import io
import json
import os
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from webargs import ValidationError, fields, validate

PNG, ZIP, JPEG, JSON = "image/png", "application/zip", "image/jpeg", "application/json"


def _file(**more: Any) -> Any:
    return fields.Field(metadata={"type": "file", "location": "form"}, **more)


def _png(array: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format=options.pop("format", "PNG"), **options)
    return buffer.getvalue()


def _bright(upload: Any, level: int) -> np.ndarray:
    """Return where the red of the picture is bright."""
    with Image.open(upload.filename) as picture:
        return np.asarray(picture.convert("RGB"))[..., 0] > level


def get_metadata() -> dict[str, Any]:
    return {
        "name": "<b>Good</b> module",
        "version": "1",
        "license": "BSD",
        "id": "0",
        "description": "Finds\x1b[31m bright\u202e pixels.",
    }


def warm() -> None:
    pass


def get_train_args() -> dict[str, Any]:
    return {
        "delay": fields.Float(load_default=0.0),
        "data": fields.Str(load_default="", validate=_known_here),
    }


def _known_here(name: str) -> None:
    """Refuse what the description of the module does not speak of."""
    if name == "nowhere":
        raise ValidationError("There are <b>no</b> such data here.")


def _wait(seconds: float) -> None:
    """Take so long, and as long as a test holds this server up."""
    time.sleep(seconds)
    gate = Path(os.environ["TMPDIR"]) / "hold"
    with suppress(FileNotFoundError):  # it has just been let go
        (gate / str(time.time_ns())).touch()
    while gate.is_dir():
        time.sleep(0.02)


def train(**given: Any) -> dict[str, Any]:
    _wait(given["delay"])
    return {"done": True}


def get_predict_args() -> dict[str, Any]:
    shapes = ["index", "binary", "objects", "palette", "colours", "jpeg", "wide", "sixteen"]
    shapes += ["base64", "uri", "nested", "chances", "outlines", "yolo", "layers", "none", "stub"]
    return {
        "image": _file(required=True),
        "shape": fields.Str(load_default="index", validate=validate.OneOf(shapes)),
        "delay": fields.Float(load_default=0.0, validate=validate.Range(min=0, max=60)),
        "factor": fields.Int(load_default=2, validate=validate.Range(min=1, max=4)),
        "crop": fields.List(fields.Int(), load_default=[]),
        "level": fields.Int(load_default=127),
        "flip": fields.Bool(load_default=False),
        "key": fields.Str(load_default=None, allow_none=True, metadata={"format": "password"}),
        "note": fields.Str(load_default=None, allow_none=True),
        "accept": fields.Str(
            load_default=JSON,
            validate=validate.OneOf([JSON, PNG, ZIP]),
            metadata={"location": "headers"},
        ),
    }


def _outline(mask: np.ndarray) -> list[list[int]]:
    rows, columns = np.nonzero(mask)
    y0, y1, x0, x1 = rows.min(), rows.max(), columns.min(), columns.max()
    return [[int(x), int(y)] for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]


def predict(**given: Any) -> Any:
    _wait(given["delay"])
    mask = _bright(given["image"], given["level"])
    if given["flip"]:
        mask = ~mask
    classes = mask.astype(np.uint8)
    shape = given["shape"]
    pictures = {
        "index": lambda: _png(classes),
        "binary": lambda: _png(classes * np.uint8(255)),
        "objects": lambda: _png(
            np.where(mask, np.arange(mask.size).reshape(mask.shape) // 97, 0).astype(np.uint16)
        ),
        "sixteen": lambda: _png(classes.astype(np.uint16)),
        "jpeg": lambda: _png(classes * np.uint8(255), format="JPEG", quality=30),
        "wide": lambda: _png(classes.repeat(given["factor"], 0).repeat(given["factor"], 1)),
        "palette": lambda: _palette(classes),
        "colours": lambda: _png(
            np.where(mask[..., None], np.array([0, 200, 30], np.uint8), np.uint8(0))
        ),
    }
    png = pictures.get(shape, pictures["index"])()
    if given["accept"] == PNG:
        return png
    if given["accept"] == ZIP:
        return _zip(
            {"layers": {"soil.png": _png(~mask), "plant.png": _png(mask)}}.get(
                shape, {"tile.png": png}
            )
        )
    coded = base64.b64encode(png).decode()
    segments = _outline(mask)
    answers: dict[str, Any] = {
        "uri": {"result": {"mask": f"data:image/png;base64,{coded}"}},
        "nested": {"mask": classes.tolist()},
        "chances": {
            "scores": [np.where(mask, 0.1, 0.9).tolist(), np.where(mask, 0.9, 0.1).tolist()]
        },
        "outlines": [{"class": "plant", "polygon": segments}],
        "yolo": json.dumps(
            [
                {
                    "name": "plant",
                    "class": 7,
                    "confidence": 0.9,
                    "segments": {"x": [p[0] for p in segments], "y": [p[1] for p in segments]},
                }
            ]
        ),
        "none": [],
        "stub": {},
    }
    told = {name: str(value) for name, value in given.items() if name != "image"}
    return answers.get(
        shape, {"labels_png": coded, "told": told, "file": given["image"].original_filename}
    )


def _palette(classes: np.ndarray) -> bytes:
    picture = Image.fromarray(classes)
    picture.putpalette([0, 0, 0, 10, 200, 30] + [0, 0, 0] * 254)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def _zip(files: dict[str, bytes]) -> Any:
    path = Path(os.environ["TMPDIR"]) / f"answer-{time.time_ns()}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path.open("rb")
