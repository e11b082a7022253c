"""The parts of prompting that need no viewer: order of preparing, drawing, records, downloads."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import psygnal
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import binary_erosion

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.prompts import BoxPrompt, MaskCandidate, Prompts, PromptTake
from napari_phenoai.errors import ImageError
from napari_phenoai.ml.sam.cache import EmbeddingCache
from napari_phenoai.ml.sam.catalogue import CATALOGUE
from napari_phenoai.ml.sam.embedding import Embedding, GivenUpError
from napari_phenoai.testing.fakes import ArraySource
from napari_phenoai.ui.background import Background
from napari_phenoai.ui.preferences import preferences, remember_checkpoint
from napari_phenoai.ui.prompting_asked import Found
from napari_phenoai.ui.prompting_drawing import drawing
from napari_phenoai.ui.prompting_embeddings import Embeddings
from napari_phenoai.ui.prompting_record import Taken, records_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot

VALUE, LINE = 2, 255


def until(condition: Callable[[], object]) -> None:
    """Deliver what threads answer until `condition` holds."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        psygnal.emit_queued()
        time.sleep(0.005)


class SlowEncoder:
    """Makes embeddings when it may, and notes of which tiles."""

    fingerprint = "slow"
    seconds = None

    def __init__(self) -> None:
        self.began: list[tuple[int, ...]] = []
        self.may = threading.Event()

    def embed(self, pixels: Any, *_: Any, go_on: Callable[[], bool]) -> Embedding:
        self.began.append(pixels.shape)
        while not self.may.wait(0.002):
            if not go_on():
                raise GivenUpError
        return Embedding(np.zeros((2, 3, 3), np.float32), pixels.shape[1:])


@pytest.fixture
def background() -> Iterator[Background]:
    made = Background()
    yield made
    made.shutdown()
    psygnal.emit_queued()


def tile(height: int) -> Tile:
    """A tile that is known by its height."""
    return Tile("leaf", 0, 0, height, 40)


@pytest.fixture
def embeddings(background: Background, tmp_path: Path) -> tuple[Embeddings, SlowEncoder]:
    encoder, source = SlowEncoder(), ArraySource(np.zeros((1, 60, 60), np.uint8))

    def source_of(image: str) -> ArraySource:
        if image == "gone":
            raise ImageError("The image is gone.", hint="Put it back.")
        return source

    project = SimpleNamespace(source=source_of)
    made = Embeddings(background, EmbeddingCache(tmp_path))
    made.serve(project, encoder)  # type: ignore[arg-type]
    return made, encoder


def test_embeddings_are_made_in_the_order_in_which_they_are_wanted(
    embeddings: tuple[Embeddings, SlowEncoder],
) -> None:
    made, encoder = embeddings
    ready: list[Tile] = []
    made.ready.connect(ready.append)
    encoder.may.set()
    made.want([tile(10), tile(20), tile(30)])
    until(lambda: len(ready) == 3)
    assert ready == [tile(10), tile(20), tile(30)]
    assert [shape[1] for shape in encoder.began] == [10, 20, 30]
    made.want([tile(20), tile(40)])
    until(lambda: len(ready) == 4)
    assert [shape[1] for shape in encoder.began] == [10, 20, 30, 40], "what is there stays"


def test_what_is_wanted_now_stops_what_is_not(
    embeddings: tuple[Embeddings, SlowEncoder],
) -> None:
    made, encoder = embeddings
    made.want([tile(10), tile(20)])
    until(lambda: encoder.began)
    made.want([tile(30), tile(10)])
    until(lambda: len(encoder.began) == 2)
    assert encoder.began[1][1] == 30
    encoder.may.set()
    until(lambda: made.get(tile(10)) is not None and made.get(tile(30)) is not None)
    assert made.get(tile(20)) is None
    assert made.began is None


def test_nothing_is_made_after_the_project_is_closed(
    embeddings: tuple[Embeddings, SlowEncoder], background: Background
) -> None:
    made, encoder = embeddings
    made.want([tile(10), tile(20)])
    until(lambda: encoder.began)
    made.stop()
    until(lambda: not background.busy)
    assert len(encoder.began) == 1
    assert made.get(tile(10)) is None


def test_a_tile_that_cannot_be_read_is_told_once_and_passed_over(
    embeddings: tuple[Embeddings, SlowEncoder],
) -> None:
    made, encoder = embeddings
    encoder.may.set()
    failed: list[Tile] = []
    made.failed.connect(lambda where, _: failed.append(where))
    gone = Tile("gone", 0, 0, 10, 40)
    for _ in range(3):
        made.want([gone, tile(10)])
        until(lambda: made.get(tile(10)) is not None and made.began is None)
    assert failed == [gone]


# --- drawing


@given(hnp.arrays(bool, (14, 17)), st.integers(1, 3))
def test_a_mask_is_drawn_within_itself_with_its_whole_rim(
    mask: NDArray[np.bool_], width: int
) -> None:
    place = Tile("leaf", 5, 9, *mask.shape)
    drawn = drawing(
        place, [MaskCandidate(place, mask, 0.5)], None, value=VALUE, line=LINE, width=width
    )
    assert not drawn[~mask].any()
    rows, columns = np.nonzero(mask)
    box = (
        (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
        if len(rows)
        else (slice(0), slice(0))
    )
    rim = mask[box] & ~binary_erosion(mask[box], iterations=width)
    assert (drawn[box][rim] == LINE).all()


def test_clicks_are_told_apart_without_colour_and_boxes_are_cut_at_the_frame() -> None:
    place = Tile("leaf", 100, 200, 40, 40)
    draw = partial(drawing, place, [], value=VALUE, line=LINE)
    plus = draw(Prompts().clicked(120, 220))
    minus = draw(Prompts().clicked(120, 220, positive=False))
    assert plus[17, 20] == minus[20, 17] == plus[20, 23] == VALUE
    assert minus[17, 20] != VALUE
    corner = draw(Prompts().clicked(100, 200))
    assert corner[0, 0] == VALUE
    box = draw(Prompts(steps=(BoxPrompt.between((105, 190), (300, 210)),)))
    assert (box[5, :11] == LINE).all()
    assert (box[5:, 10] == LINE).all()
    assert not box[:5].any()
    assert not box[:, 11:].any()


# --- records


def take(number: int) -> PromptTake:
    return PromptTake(
        tile="leaf@0,0,0,8,8", prompts=Prompts().clicked(number, 3), model="m",
        chosen=0, value=2, area_px=4, score=0.5,
    )  # fmt: skip


def test_records_of_masks_that_are_gone_are_left_out() -> None:
    before = np.ones((8, 8), np.uint8)
    whole = slice(0, 8)
    taken = []
    for number in (1, 2):
        after = before.copy()
        after[number * 2 : number * 2 + 2] = 2
        taken.append(Taken(take(number), whole, whole, before, after))
    labels = taken[0].after.copy()
    assert records_of(taken, labels, None) == (take(1),)
    labels[2:4, 4:] = 1
    assert records_of(taken, labels, None) == (take(1),), "half of it is enough"
    labels[2:4, 3:] = 1
    assert records_of(taken, labels, None) == ()
    former: Any = SimpleNamespace(prompts=(take(1), take(7)))
    assert records_of(taken, labels, former) == (take(7),)


def test_of_everything_one_steps_from_all_through_each_and_takes_them_out() -> None:
    place = tile(8)
    masks = tuple(MaskCandidate(place, np.full(place.shape, n > 0), n / 9) for n in range(3))
    found = Found(place, masks, (0, 1, 2), 16)
    assert found.shown == masks
    one = found.stepped(1).stepped(1)
    assert one.shown == (masks[1],)
    assert one.take("m", ";", 2).chosen == 1
    rest = one.rest()
    assert rest is not None
    assert rest.numbers == (0, 2)
    assert rest.shown == (masks[2],)
    assert found.stepped(-1).shown == (masks[2],)
    assert found.stepped(-1).stepped(1).chosen is None
    assert found.rest() is None
    assert found.take("m", ";", 2).chosen is None


# --- where networks come from


@pytest.fixture
def forgetful(make_napari_viewer: Callable[..., Any]) -> Iterator[None]:
    """Forget at the end which network was chosen."""
    yield
    remember_checkpoint("")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, bytes]]:
    """Return address and content of a file that a server of our own has."""
    content = bytes(range(256)) * 4000
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "sam.pth").write_bytes(content)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "web"))
    ) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/sam.pth", content
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("forgetful")
def test_a_network_is_downloaded_verified_and_used(
    make_napari_viewer: Callable[..., Any],
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    served: tuple[str, bytes],
) -> None:
    from napari_phenoai.ui import prompting_checkpoint
    from napari_phenoai.ui.controls.prompt_checkpoint import CheckpointDialog
    from napari_phenoai.ui.workbench import WorkbenchDock

    url, content = served
    right = hashlib.sha256(content).hexdigest()
    entry = replace(CATALOGUE[0], url=url, size_bytes=len(content), sha256=right)
    wrong = replace(entry, name="vit_l", sha256="0" * 64, url=f"{url}?2")
    monkeypatch.setattr(prompting_checkpoint, "CATALOGUE", (wrong, entry))
    folder = tmp_path / "checkpoints"
    monkeypatch.setattr("napari_phenoai.ml.sam.catalogue.checkpoint_folder", lambda: folder)

    viewer = make_napari_viewer()
    dock = WorkbenchDock(viewer)
    qtbot.addWidget(dock)
    checkpoints = dock.bench.prompts.checkpoints
    errors: list[Exception] = []
    dock.session.error_raised.connect(errors.append)
    checkpoints.ask(dock)
    (dialog,) = dock.findChildren(CheckpointDialog)
    assert not dialog.isModal()
    mouse: Any = qtbot
    from qtpy.QtCore import Qt

    mouse.mouseClick(dialog.buttons["vit_l"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(errors), timeout=60_000)
    assert "not the checkpoint of the catalogue" in str(errors[0])
    assert dock.bench.prompts.prompting.network.path is None
    qtbot.waitUntil(dialog.buttons["vit_b"].isEnabled, timeout=60_000)
    mouse.mouseClick(dialog.buttons["vit_b"], Qt.MouseButton.LeftButton)
    path = folder / "sam.pth"
    qtbot.waitUntil(lambda: dock.bench.prompts.prompting.network.path == path, timeout=60_000)
    assert path.read_bytes() == content
    assert preferences().checkpoint == str(path), "remembered"
    qtbot.waitUntil(lambda: dialog.buttons["vit_b"].text() == "In use", timeout=60_000)
    again = WorkbenchDock(make_napari_viewer())
    qtbot.addWidget(again)
    assert again.bench.prompts.prompting.network.path == path, "in other windows too"
    for one in (again, dock):
        one.close_bench()
        one.session.close()
