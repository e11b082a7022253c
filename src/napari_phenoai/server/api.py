"""What DEEPaaS calls; the entry point ``deepaas.v2.model`` names this module.

`get_metadata` and the two lists of arguments are called in the process of the server and
have to be quick; `warm`, `predict` and `train` in its workers. Nothing here raises an error
of aiohttp: one with a text would leave the request without an answer for ever.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from webargs import fields, validate

from napari_phenoai import __version__
from napari_phenoai.errors import InputError, PhenoError
from napari_phenoai.io.serving import ServerSettings
from napari_phenoai.server.jobs import Request
from napari_phenoai.server.pictures import JSON, PNG, ZIP
from napari_phenoai.server.shelf import Shelf
from napari_phenoai.server.training import run_training, yard_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_phenoai.core.records import ModelCard

__all__ = [
    "get_metadata",
    "get_predict_args",
    "get_train_args",
    "predict",
    "train",
    "warm",
]

_log = logging.getLogger(__name__)
_NEWEST = 20
_SHOWN = 100
_ANY = "*/*"
_CHOSEN = "{} Left out: chosen by the number of tiles."
_PART = validate.Range(min=0)


def get_metadata() -> dict[str, Any]:
    """Return what this server is, which models it has and how its trainings are."""
    settings = ServerSettings.from_environment()
    shelf = Shelf(settings)
    models = list(shelf.models().values())[-_SHOWN:]
    return {
        "name": "napari-phenoai",
        "version": __version__,
        "author": "The napari-phenoai developers",
        "license": "BSD-3-Clause",
        "description": "Segments images with models that were trained with napari-phenoai.",
        "phenoai": {
            "format": 1,
            "default": shelf.default(),
            "models": [_public(model.card) for model in models],
            "jobs": yard_of(settings).told(_NEWEST),
            "storage": settings.trains,
            "uploads": settings.uploads,
        },
    }


def warm() -> None:
    """Load the usual model, so that the first prediction need not wait for it."""
    try:
        Shelf(ServerSettings.from_environment()).predictor()
    except PhenoError as error:
        _log.warning("no model is loaded yet: %s", error)


def get_predict_args() -> dict[str, Any]:
    """Return what a prediction takes."""
    return {
        "image": fields.Field(
            required=False,
            metadata={
                "type": "file",
                "location": "form",
                "description": "Image to segment: PNG, JPEG or TIFF of any size.",
            },
        ),
        "keep": _text(
            "Name of a file of a bundle, which comes in place of an image and is kept for a "
            "training; without a file, the folder of a bundle whose files are listed."
        ),
        "model": _text("Id of a model of the metadata; empty for the usual one."),
        "job": _text(
            "Id of a training, in place of an image: JSON tells its progress, ZIP is its model."
        ),
        "part": _number(fields.Int, "Which 8 MB of the ZIP; all of it without.", _PART),
        "accept": fields.Str(
            load_default=PNG,
            validate=validate.OneOf([PNG, JSON, ZIP]),
            metadata={
                "location": "headers",
                "description": "Label picture, JSON with it, or a ZIP with a mask per class.",
            },
        ),
    }


def get_train_args() -> dict[str, Any]:
    """Return what a training takes."""
    positive = validate.Range(min=0.01)
    return {
        "bundle": fields.Str(
            required=True,
            metadata={"description": "Name or address of a bundle in the storage of this server."},
        ),
        "job": _text("Id for the new training, 8 to 64 letters, digits, - and _."),
        "base": _text("Model to start from; empty for base weights."),
        "family": fields.Str(
            load_default="unet",
            validate=validate.OneOf(["unet", "forest"]),
            metadata={"description": "Kind of model.", "enum": ["unet", "forest"]},
        ),
        "encoder": fields.Str(
            load_default="resnet18", metadata={"description": "Encoder of a unet."}
        ),
        "pretrained": fields.Bool(
            load_default=True, metadata={"description": "Start from weights of photographs."}
        ),
        "minutes": _number(fields.Float, _CHOSEN.format("Time limit."), positive),
        "steps": _number(
            fields.Int, _CHOSEN.format("Number of weight updates."), validate.Range(min=1)
        ),
        "batch": _number(fields.Int, _CHOSEN.format("Crops per update."), validate.Range(min=1)),
        "crop_px": _number(fields.Int, _CHOSEN.format("Edge of a crop."), validate.Range(min=32)),
        "learning_rate": _number(
            fields.Float, _CHOSEN.format("Size of an update."), validate.Range(min=1e-7)
        ),
        "seed": fields.Int(load_default=0, metadata={"description": "Makes it repeatable."}),
        "extra": _text("Other settings of the kind of model, as a JSON object."),
    }


def predict(**given: Any) -> bytes | dict[str, Any] | IO[bytes]:
    """Predict an image, or tell of a training.

    DEEPaaS passes no reasons on: what went wrong is therefore an answer like others, JSON
    with ``status`` and ``message``.
    """
    accept = PNG if given.get("accept") in {None, _ANY} else str(given["accept"])
    try:
        settings = ServerSettings.from_environment()
        if given.get("keep"):
            return _kept(settings, given.get("image"), str(given["keep"]))
        if given.get("job"):
            return _told(settings, str(given["job"]), accept, given.get("part"))
        return _predicted(settings, given.get("image"), str(given.get("model") or ""), accept)
    except PhenoError as error:
        return _failure(error, accept)


def train(**given: Any) -> dict[str, Any]:
    """Train on a bundle; blocks until the end, and returns JSON values."""
    given = {name: value for name, value in given.items() if value is not None}
    bundle, job, base = (str(given.pop(name, "")) for name in ("bundle", "job", "base"))
    settings = ServerSettings.from_environment()
    extra = _object(str(given.pop("extra", "")))
    places = {"device": settings.device, "precision": settings.precision}
    chosen = {**given, **places, "extra": extra}
    request = Request(bundle=bundle, base=base, settings=chosen)
    return run_training(settings, request, job)


def _predicted(
    settings: ServerSettings, upload: Any, model: str, accept: str
) -> bytes | dict[str, Any]:
    from napari_phenoai.server.pictures import classes_of, coded

    if upload is None:
        raise InputError("No image has come.", hint="Send one, or the id of a training as job.")
    with _uploaded(settings, upload) as path:
        predictor = Shelf(settings).predictor(model)
        return coded(classes_of(path, predictor), predictor.card, accept)


def _kept(settings: ServerSettings, upload: Any, name: str) -> dict[str, Any]:
    """Keep a file of a bundle, or list what is kept of one."""
    from napari_phenoai.server.uploads import keep, kept

    if upload is None:
        return {"status": "OK", "files": kept(settings, name)}
    with _uploaded(settings, upload) as path:
        return {"status": "OK", "bytes": keep(settings, name, path)}


@contextmanager
def _uploaded(settings: ServerSettings, upload: Any) -> Iterator[Path]:
    """Give the copy that DEEPaaS keeps of a file, and remove it afterwards if that is wanted."""
    path = Path(upload.filename)
    try:
        yield path
    finally:
        if settings.delete_uploads:
            with suppress(OSError):
                path.unlink()


def _told(
    settings: ServerSettings, job: str, accept: str, part: int | None
) -> dict[str, Any] | IO[bytes] | bytes:
    from napari_phenoai.server.packing import packed, part_of, size_and_hash

    folder = yard_of(settings).job(job)
    standing = folder.standing()
    done = standing.state == "done"
    if accept != ZIP:
        archive = size_and_hash(packed(settings, standing.model)) if done else {}
        return {**standing.public, **archive, "status": "OK", "curve": folder.curve()}
    if not done:
        what = f"The training {job} has no model: it is {standing.state}."
        raise InputError(what, hint="Ask for its progress as JSON.")
    whole = packed(settings, standing.model)
    return whole.open("rb") if part is None else part_of(whole, part)


def _failure(error: PhenoError, accept: str) -> bytes | dict[str, Any]:
    import json

    told = {"status": "error", "message": str(error)}
    return told if accept == JSON else json.dumps(told).encode()


def _public(card: ModelCard) -> dict[str, Any]:
    return {
        "id": card.id,
        "family": card.family,
        "classes": dict(zip(map(str, card.class_ids), card.class_names, strict=True)),
        "channels": card.channels,
        "dtype": card.dtype,
        "context_px": card.context_px,
        "weights_sha256": card.weights_sha256,
    }


def _object(text: str) -> dict[str, Any]:
    import json

    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        hint = 'Write them as {"name": value}.'
        raise InputError("The other settings are no JSON object.", hint=hint)
    return found


def _text(help_: str) -> Any:
    return fields.Str(load_default="", metadata={"description": help_})


def _number(kind: Any, help_: str, limits: Any) -> Any:
    metadata = {"description": help_}
    return kind(load_default=None, allow_none=True, validate=limits, metadata=metadata)
