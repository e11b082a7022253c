"""A person's session from beginning to end, in a real window with real events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from napari_phenoai.io.project import Project
from napari_phenoai.testing.project import tiny_project
from napari_phenoai.testing.scenes import rosettes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from tests.ui.conftest import Hands


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a closed project of three scenes of which the truth is known."""
    path = tmp_path / "field.phenoai"
    tiny_project(path, 3).close()
    return path


def _truth(hands: Hands) -> NDArray[np.uint8]:
    """Return the exact classes of the tile on the desk."""
    session = hands.session
    assert session.project is not None
    assert session.desk is not None
    tile = session.desk.tile
    images = [image.id for image in session.project.images()]
    scene = rosettes(images.index(tile.image), (160, 192), spacing_px=80)
    part: NDArray[np.uint8] = scene.classes[tile.slices]
    return part


def _scribble(hands: Hands) -> None:
    """Draw short strokes where the truth has the class, as a person would."""
    truth = _truth(hands)
    hands.dock.page.tools.size_slider.setValue(3)
    for class_id in (1, 2):
        hands.key(str(class_id))
        drawn = 0
        for row in range(6, truth.shape[0] - 6, 9):
            runs = _runs(truth[row] == class_id)
            for start, stop in runs[:2]:
                hands.stroke((row, start + 3), (row, stop - 3))
                drawn += 1
        assert drawn or not (truth == class_id).any() or class_id == 2


def _runs(row: Any) -> list[tuple[int, int]]:
    """Return start and stop of the stretches of at least 10 pixels."""
    found, start = [], None
    for at, inside in enumerate([*row.tolist(), False]):
        if inside and start is None:
            start = at
        elif not inside and start is not None:
            if at - start >= 10:
                found.append((start, at))
            start = None
    return found


def test_three_tiles_a_training_and_a_prediction(
    project: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(project)
    page, session = hands.dock.page, hands.session
    assert "No model yet" in page.status.model.whole()
    taught = 0
    while taught < 3:
        hands.ready()
        assert session.current is not None
        if 2 not in _truth(hands):
            hands.key("S")
            continue
        taught += session.current.role == "train"
        _scribble(hands)
        hands.key("Return")
    hands.wait(lambda: not session.background.busy and not session.jobs)

    hands.ready()
    untouched = session.current
    hands.key("T")
    assert session.training is not None
    assert session.training.title == "Training"
    hands.wait(lambda: session.training is None, 60)
    hands.wait(lambda: session.standing.served is not None)
    hands.wait(lambda: session.desk is not None and session.desk.has_prediction)
    assert session.current is not None
    assert untouched is not None
    assert session.current.tile == untouched.tile, "the tile on the screen was changed"
    hands.wait(lambda: "Model: trees" in page.status.model.whole())
    assert page.decisions.accept.caption() == "Accept"

    assert session.desk is not None
    proposed, truth = session.desk.proposal.labels, _truth(hands)
    assert (proposed == truth).mean() > 0.7, "the model learned nothing"
    shown = hands.viewer.layers["PhenoAI tile"].data
    assert (shown == proposed).all(), "the new prediction is not what is shown"

    hands.key("Return")
    hands.key("Backspace")
    hands.ready()
    assert session.current.tile == untouched.tile
    hands.wait(lambda: not session.background.busy)
    with Project.open(project) as again:
        verdicts = [review.verdict for review in again.reviews.all() if review.teaches]
        assert verdicts.count("corrected") >= 3
        assert verdicts[-1] == "accepted"
        assert again.rounds.served() is not None


def test_a_stopped_training_is_over_at_once(
    worked_project: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(worked_project)
    served = hands.session.standing.served
    hands.key("T")
    hands.session.cancel_training()
    hands.wait(lambda: hands.session.training is None)
    assert hands.session.standing.served == served
