"""What the Workbench says: next step, status and the meaning of Enter, in plain words."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from napari_phenoai.ui.keys import key_or
from napari_phenoai.ui.theme import dice_text

if TYPE_CHECKING:
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.desk import Desk
    from napari_phenoai.ui.painting import Painting
    from napari_phenoai.ui.session import Session
    from napari_phenoai.ui.standing import Standing

__all__ = [
    "accept_words",
    "counts_words",
    "model_words",
    "next_step",
    "painting_words",
    "quality_words",
    "where_words",
]


def where_words(session: Session) -> str:
    """Say which project and which image are on the screen."""
    project, item = session.project, session.current
    if project is None:
        return ""
    shown = item.where.image if item else ""
    if session.painting is not None and session.painting.image is not None:
        shown = session.painting.image
    image = session.standing.images.get(shown)
    return f"{project.spec.name}  ·  {image.name}" if image else project.spec.name


def model_words(session: Session) -> str:
    """Say which model serves, and on what it runs once it is loaded."""
    standing = session.standing
    if standing.served is None:
        return "No model yet"
    family = {"forest": "trees", "unet": "network"}.get(standing.served.family, "model")
    made, today = standing.served.created.astimezone(), datetime.now().astimezone()
    when = f"{made:%H:%M}" if made.date() == today.date() else f"{made:%d %b}"
    loaded = session.reviewing.predictor if session.reviewing is not None else None
    place = f"  ·  {loaded.device}" if loaded is not None else ""
    return f"Model: {family} of {when}{place}"


def quality_words(standing: Standing) -> str:
    """Say how good the served model is, with what is not known shown as unknown."""
    score = standing.evaluation
    if standing.served is None or score is None:
        words = dice_text(None, None, None, 0)
    else:
        words = dice_text(score.dice, score.low, score.high, score.tiles)
    return words[0].upper() + words[1:]


def counts_words(standing: Standing, left: int) -> str:
    """Say how many tiles were decided today and how many are left."""
    return f"{standing.today} done today  ·  {left} left in the queue"


def accept_words(desk: Desk | None) -> tuple[str, str]:
    """Return what Enter would do now, as caption and explanation."""
    if desk is None:
        return "Accept", "There is no tile to decide about"
    if desk.has_prediction and (not desk.touched or _as_proposed(desk)):
        return "Accept", "The proposed mask is right: all pixels of the tile are known"
    if desk.labels.all():
        return "Save correction", "All pixels of the tile are known, as they are shown"
    return "Save painted pixels", "Unpainted pixels stay unknown: nothing is learned from them"


def next_step(session: Session) -> str:
    """Say what to do now."""
    if session.project is None:
        return "Open a project to begin."
    if session.painting is not None and session.painting.active:
        return painting_words(session.painting)
    return _queue_words(session, session.project)


def _queue_words(session: Session, project: Project) -> str:
    desk, standing = session.desk, session.standing
    if not standing.images and session.current is None:
        return "Add images in the Project dock, or drop files there."
    if session.current is None:
        return _without_tile(session)
    if desk is None:
        broken = session.reviewing is not None and session.reviewing.unreadable
        on = f"Press {key_or('skip', 'Skip')} to go on."
        return f"This tile cannot be read. {on}" if broken else "Reading the tile …"
    if session.current.state != "waiting":
        was = session.current.state
        return f"This tile was {was} before. Change what is wrong, then press {_enter()} again."
    if not desk.has_prediction:
        return _first_tiles(desk, [item.name for item in project.scheme.active])
    if desk.paint_only:
        return f"Paint only what you are sure of, then press {_enter()}."
    return f"Correct only what is wrong, then press {_enter()}."


def painting_words(painting: Painting) -> str:
    """Say what to know while painting anywhere."""
    writer = painting.writer
    if writer.stuck:
        count = len(writer.waiting)
        strokes = "1 stroke is" if count == 1 else f"{count} strokes are"
        return f"{strokes} not on the disk yet; they are kept, and tried again every 3 seconds."
    if writer.turning:
        return f"Going through the history: {writer.turning} left. Any stroke ends it."
    if painting.window is None:
        return "Reading the labels …"
    if painting.note:
        return painting.note
    return painting.hint or "Paint what is wrong; every stroke is saved at once."


def _without_tile(session: Session) -> str:
    if session.filling is not None and session.filling.busy:
        return "Choosing tiles …"
    if not session.ready:
        return "Opening the project …"
    train = key_or("train", "Train now")
    return (
        "All tiles of the queue are decided. "
        f"Choose more in the Queue dock, or press {train} to train."
    )


def _first_tiles(desk: Desk, names: list[str]) -> str:
    if not desk.labels.any():
        classes = " and some ".join(names[:2]) if len(names) > 1 else names[0]
        return f"No model yet: paint some {classes}, a few strokes of each, then press {_enter()}."
    whole = key_or("accept_whole", "Accept, rest is background,")
    rest = f"or {whole} when all the rest is background"
    return f"Press {_enter()} to save the painted pixels, {rest}."


def _enter() -> str:
    return key_or("accept", "Accept")


def _as_proposed(desk: Desk) -> bool:
    return bool((desk.labels == desk.proposal.values).all())
