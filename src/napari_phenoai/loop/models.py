"""Models of a project: loading, promoting, going back, taking them out and in."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from napari_phenoai.core.ids import new_id
from napari_phenoai.core.records import RoundRecord
from napari_phenoai.errors import InputError, ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_phenoai.core.ports import Predictor
    from napari_phenoai.core.records import Evaluation, ModelCard
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.io.project import Project

__all__ = [
    "evaluation_of",
    "export_model",
    "import_model",
    "load_predictor",
    "promote",
    "roll_back",
    "served_before",
]


def load_predictor(
    project: Project,
    model_id: str | None = None,
    *,
    device: str = "auto",
    precision: str = "auto",
    engine: str = "auto",
) -> Predictor:
    """Load a model of the project after checking its weights.

    Parameters
    ----------
    project : Project
        Open.
    model_id : str, optional
        Which model; by default the one that serves.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
    precision : str
        ``auto``, ``bf16``, ``fp16`` or ``fp32``.
    engine : str
        What runs a network: ``auto``, ``openvino`` (on a CPU) or ``torch``.

    Raises
    ------
    InputError
        If there is no such device, precision or engine here.
    ModelError
        If no model serves, or there is none of this id, or it is damaged.
    MissingExtraError
        If it needs a package that is not installed.
    """
    from napari_phenoai.ml.families import load_model

    wanted = model_id or project.rounds.served()
    if wanted is None:
        hint = "Review some tiles and train one: phenoai train."
        raise ModelError(f"No model serves yet in {project.path}.", hint=hint)
    card = project.models.verify(wanted)
    _check_local(card)
    folder = project.models.folder(card.id)
    return load_model(folder, device=device, precision=precision, engine=engine)


def promote(project: Project, model_id: str, author: str = "") -> RoundRecord:
    """Let `model_id` serve from now on, whatever its measure.

    Returns
    -------
    RoundRecord
        The new link of the audit trail.

    Raises
    ------
    ModelError
        If there is no such model or its weights are damaged.
    InputError
        If it serves already.
    """
    card = project.models.verify(model_id)
    _check_local(card)
    before = project.rounds.served()
    if before == card.id:
        raise InputError(f"The model {card.id} serves already.", hint="Choose another one.")
    return _served_by_hand(project, "promoted", card.id, before, author)


def roll_back(project: Project, author: str = "") -> RoundRecord:
    """Let the model serve that served before the present one.

    Rolling back again goes further back; a promotion or a new model starts from
    where one is.

    Raises
    ------
    InputError
        If no other model served before.
    ModelError
        If that model is missing or damaged.
    """
    rounds = project.rounds.all()
    earlier = served_before(rounds)
    if earlier is None:
        hint = "phenoai models lists all; promote one by its id."
        raise InputError("No other model served before this one.", hint=hint)
    card = project.models.verify(earlier)
    return _served_by_hand(project, "rolled back", card.id, project.rounds.served(), author)


def export_model(project: Project, model_id: str, destination: Path) -> Path:
    """Copy a model into the folder `destination` and return its own folder there.

    Raises
    ------
    ModelError
        If there is no such model or its weights are damaged.
    DiskError
        If it is there already, or cannot be written.
    """
    from napari_phenoai.io.files import disk_errors, make_folder

    card = project.models.verify(model_id)
    _check_local(card)
    target = make_folder(destination.expanduser()) / card.id
    with disk_errors(target):
        shutil.copytree(project.models.folder(card.id), target)
    return target


def import_model(project: Project, folder: Path, author: str = "") -> RoundRecord:
    """Take over a model that was exported from another project; it does not serve yet.

    Parameters
    ----------
    project : Project
        Open.
    folder : Path
        With ``card.json`` and ``weights.safetensors``.
    author : str
        Who imports.

    Returns
    -------
    RoundRecord
        The new link of the audit trail; its ``model`` is the imported one.

    Raises
    ------
    ModelError
        If the folder holds no sound model, or it is here already.
    InputError
        If its classes are not those of the project.
    """
    from napari_phenoai.ml.cards import read_card
    from napari_phenoai.ml.families import load_model

    card = read_card(folder)
    _check_classes(project.scheme, card)
    load_model(folder, device="cpu", engine="torch")
    with project.models.stage() as staged:
        for path in folder.iterdir():
            if path.is_file():
                shutil.copyfile(path, staged / path.name)
        kept = project.models.commit(staged, card.but(snapshot=None, parent=None))
    served = project.rounds.served()
    record = RoundRecord(
        id=new_id(), kind="imported", model=kept.id, before=served, served=served, author=author
    )
    return project.rounds.add(record)


def _check_local(card: ModelCard) -> None:
    """Raise if the model lies on a server."""
    if card.family == "remote":
        hint = "Use it with phenoai predict --on, or choose a model of the project."
        raise ModelError(f"The model {card.id} lies on a server, not here.", hint=hint)


def _check_classes(scheme: ClassScheme, card: ModelCard) -> None:
    ours = dict(zip(scheme.ids, scheme.names, strict=True))
    theirs = dict(zip(card.class_ids, card.class_names, strict=True))
    if not set(theirs.items()) <= set(ours.items()):
        listed = [", ".join(f"{i} {name}" for i, name in c.items()) for c in (theirs, ours)]
        text = f"The model {card.id} knows the classes {listed[0]}; the project has {listed[1]}."
        raise InputError(text, hint="Import it into a project with the same classes.")


def served_before(rounds: Sequence[RoundRecord]) -> str | None:
    """Return the model that a roll-back would bring back; None where there is none."""
    stack: list[str] = []
    for record in rounds:
        if record.kind == "rolled back":
            stack = stack[:-1]
        if record.served is not None and stack[-1:] != [record.served]:
            changed = record.kind != "training" or record.served != record.before
            stack += [record.served] if changed else []
    return stack[-2] if len(stack) > 1 else None


def evaluation_of(rounds: Sequence[RoundRecord], model_id: str | None) -> Evaluation | None:
    """Return the newest measure of a model on held-out tiles; None where there is none."""
    for record in reversed(rounds):
        for evaluation in (record.evaluation, record.evaluation_before):
            if evaluation is not None and evaluation.model == model_id:
                return evaluation
    return None


def _served_by_hand(
    project: Project, kind: str, served: str, before: str | None, author: str
) -> RoundRecord:
    record = RoundRecord.model_validate(
        {
            "id": new_id(),
            "kind": kind,
            "model": served,
            "served": served,
            "before": before,
            "author": author,
        }
    )
    return project.rounds.add(record)
