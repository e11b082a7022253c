"""Livewire, superpixels and slices; what is refused; a simulated person with all tools."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_phenoai.core import editing
from napari_phenoai.core.editing import Canvas, Mark, Wire, between, interpolated, use
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.instances import objects_of
from napari_phenoai.errors import InputError, LabelError
from napari_phenoai.testing.corrections import corrected, same_objects

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
EIGHT = np.ones((3, 3), bool)


def canvas(labels: Any, **more: Any) -> Canvas:
    """Return the canvas of a whole plane, from rows of digits or an array."""
    if isinstance(labels, str):
        rows = labels.split()
        labels = np.array([[int(digit) for digit in row] for row in rows], np.uint8)
    height, width = labels.shape
    tile = Tile("leaf", 0, 0, height, width, more.pop("z", 0))
    return Canvas(tile, labels.shape, labels, **more)


def test_arrays_that_do_not_fit_are_refused() -> None:
    whole, plane = Tile("leaf", 0, 0, 56, 64), (56, 64)
    with pytest.raises(LabelError, match="56 x 64"):
        Canvas(whole, plane, np.zeros((5, 5), np.uint8))
    with pytest.raises(LabelError, match="int64"):
        Canvas(whole, plane, np.zeros(plane, np.int64))
    here = Canvas(whole, plane, np.zeros(plane, np.uint8))
    with pytest.raises(LabelError, match="0 to 255"):
        use(editing.Paint(((1, 1),), 256), here)
    with pytest.raises(Exception, match="pixels"):
        use(editing.Wand(1, 1, 2), here)
    with pytest.raises(LabelError, match="prediction"):
        use(editing.CopyPrediction(), here)


def test_the_livewire_follows_an_edge() -> None:
    pixels = np.zeros((1, 120, 120), np.float32)
    y, x = np.mgrid[:120, :120]
    radius = np.hypot(y - 60, x - 60)
    pixels[0, radius < 40] = 100
    here = canvas(np.ones((120, 120), np.uint8), pixels=pixels)
    wire = Wire(here, 60, 20)
    path = wire.path(60, 100)
    assert (path.points[0], path.points[-1]) == ((60, 20), (60, 100))
    assert not path.touches_border
    assert all(38 <= radius[point] <= 42 for point in path.points)
    flat = Wire(canvas(np.ones((9, 9), np.uint8), pixels=np.zeros((1, 9, 9), np.uint8)), 1, 1)
    assert len(flat.path(7, 7).points) == 7
    with pytest.raises(InputError, match="outside"):
        Wire(here, 200, 1)


@settings(max_examples=12)
@given(st.integers(0, 50), st.tuples(st.integers(150, 450), st.integers(150, 450)))
def test_a_livewire_in_a_window_is_the_one_of_the_plane(seed: int, end: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    pixels = ndimage.zoom(rng.normal(size=(1, 40, 40)), (1, 15, 15), order=1).astype(np.float32)
    whole = canvas(np.ones((600, 600), np.uint8), pixels=pixels)
    tile = Tile("leaf", 100, 100, 400, 400)
    part = Canvas(tile, (600, 600), whole.labels[tile.slices], pixels=pixels[:, *tile.slices])
    one, other = (Wire(each, 300, 300).path(*end) for each in (part, whole))
    assert not other.touches_border
    if not one.touches_border:
        assert one.cost == pytest.approx(other.cost)


def test_the_superpixel_brush_paints_whole_patches_of_one_colour() -> None:
    pixels = np.zeros((3, 64, 64), np.uint8)
    pixels[:, :, 30:] = 200
    here = canvas(np.ones((64, 64), np.uint8), pixels=pixels)
    patches = editing.Patches(8)
    done = use(editing.PatchBrush(((10, 29), (50, 29)), 2, patches), here).applied(here)
    assert (done[10:50, 29] == 2).all()
    assert not (done[:, 30:] == 2).any()
    assert patches.block(here, 0, 0) is patches.block(here, 0, 0)
    with pytest.raises(InputError, match="1 px"):
        editing.Patches(1)


def test_masks_between_two_slices_change_evenly() -> None:
    y, x = np.mgrid[:80, :80]

    def slice_of(z: int, row: int, radius: int) -> Canvas:
        mask = (y - row) ** 2 + (x - 40) ** 2 <= radius**2
        return canvas(np.where(mask, 3, 1).astype(np.uint8), z=z)

    first, last = slice_of(2, 20, 6), slice_of(6, 60, 14)
    stamps, cut = interpolated(first, (20, 40), last, (60, 40))
    assert not cut
    assert len(stamps) == 3
    for stamp, row, radius in zip(stamps, (30, 40, 50), (8, 10, 12), strict=True):
        empty = canvas(np.ones((80, 80), np.uint8))
        done = use(stamp, empty).applied(empty) == 3
        wanted = (y - row) ** 2 + (x - 40) ** 2 <= radius**2
        assert np.count_nonzero(done ^ wanted) < 0.15 * np.count_nonzero(wanted)
        assert np.argwhere(done).mean(axis=0).round().tolist() == [row, 40]
    same = between(Mark(3, 4, np.ones((5, 7), bool)), Mark(3, 4, np.ones((5, 7), bool)), 1)[0]
    assert np.argwhere(same.mask).shape == (35, 2)
    with pytest.raises(InputError, match="No plane"):
        interpolated(first, (20, 40), slice_of(3, 60, 14), (60, 40))
    with pytest.raises(InputError, match="no object"):
        interpolated(first, (1, 1), last, (60, 40))


def test_a_simulated_person_ends_with_the_truth() -> None:
    rng = np.random.default_rng(3)
    noise = ndimage.gaussian_filter(rng.normal(size=(90, 100)), 4)
    truth, _ = objects_of(np.where(noise > 0, 2, 1).astype(np.uint8), {2}, neck=0.9)
    start, _ = objects_of(np.where(noise > -0.01, 2, 1).astype(np.uint8), {2}, neck=0.3)
    done = corrected(start, truth)
    assert same_objects(done.ids, truth)
    assert not same_objects(start, truth)
    assert sum(done.gestures.values()) >= len(done.painted_px) > 0
    assert not same_objects(np.array([[1, 1]]), np.array([[1, 2]]))
    assert not same_objects(np.array([[1, 2]]), np.array([[1, 1]]))
    assert not same_objects(np.array([[0, 2]]), np.array([[1, 2]]))


@pytest.mark.data
def test_touching_nuclei_are_corrected_exactly(real_data: Callable[[str], Path]) -> None:
    from skimage.io import imread

    cuts, objects, joined_up = 0, 0, 0
    for path in sorted((real_data("dsb2018_nuclei") / "masks").glob("fluo*.png"))[:5]:
        truth = np.asarray(imread(path))
        mask = np.where(truth > 0, 2, 1).astype(np.uint8)
        connected, table = objects_of(mask, {2}, neck=0)
        done = corrected(connected, truth)
        assert same_objects(done.ids, truth)
        objects += len(np.unique(truth)) - 1
        joined_up += len(np.unique(truth)) - 1 - len(table.classes)
        cuts += done.gestures.get("cut", 0) + done.gestures.get("split", 0)
    assert objects > joined_up > 0
    assert cuts <= 2 * joined_up + 5


def test_the_python_of_the_docs_runs(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "tools.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/tools.md", "exec"), names)  # noqa: S102
    assert len(blocks) == 2
    assert capsys.readouterr().out.splitlines()[1] == "2 2"
