"""Tiles, classes, records, progress and errors."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_phenoai.core.geometry import Tile, cover, gap_px, grid
from napari_phenoai.core.ids import new_id, slug, unique
from napari_phenoai.core.progress import Progress, Work, finish, scaled
from napari_phenoai.core.records import Overlap, ProjectFile, Review
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.errors import ImageError, InputError, PhenoError

sizes = st.integers(1, 60)


@given(sizes, sizes, st.integers(1, 25))
def test_cover_has_every_pixel_once(rows: int, columns: int, size: int) -> None:
    seen = np.zeros((rows, columns), int)
    for tile in cover("im", (rows, columns), size):
        seen[tile.slices] += 1
    assert (seen == 1).all()


@given(sizes, sizes, st.integers(1, 25))
def test_grid_has_every_pixel_in_tiles_of_full_size(rows: int, columns: int, size: int) -> None:
    seen = np.zeros((rows, columns), int)
    for tile in grid("im", (rows, columns), size):
        assert tile.shape == (min(size, rows), min(size, columns))
        seen[tile.slices] += 1
    assert seen.min() >= 1


@given(st.text(min_size=1, max_size=12), *[st.integers(0, 99_999)] * 3, st.integers(1, 4096))
def test_a_key_names_its_tile(image: str, z: int, y: int, x: int, size: int) -> None:
    tile = Tile(image, y, x, size, size + 1, z)
    assert Tile.from_key(tile.key) == tile


@pytest.mark.parametrize("key", ["", "a", "a@1,2,3", "a@1,2,3,4,x", "a@0,0,0,0,5"])
def test_a_wrong_key_is_refused(key: str) -> None:
    with pytest.raises(InputError) as caught:
        Tile.from_key(key)
    assert caught.value.hint


def test_gaps_between_tiles() -> None:
    one = Tile("a", 0, 0, 10, 10)
    assert gap_px(one, Tile("a", 0, 10, 10, 10)) == 0
    assert gap_px(one, Tile("a", 5, 9, 10, 10)) == -1
    assert gap_px(one, Tile("a", 12, 30, 10, 10)) == 20
    assert gap_px(one, Tile("b", 0, 0, 10, 10)) == float("inf")
    assert one.intersects(Tile("a", 9, 9, 4, 4))
    assert Tile("a", -5, -5, 20, 20).clipped((10, 12)) == Tile("a", 0, 0, 10, 12)


def test_classes_change_and_numbers_are_never_used_again() -> None:
    first = ClassScheme.of(["soil", "leaf", "stem"])
    merged = first.merged(3, into=2)
    more = merged.added("flower")
    assert first.ids == (1, 2, 3)
    assert merged.ids == (1, 2)
    assert more.ids == (1, 2, 4)
    assert more.version == 3
    labels = np.array([[0, 1, 2, 3, 4, 77]], np.uint8)
    np.testing.assert_array_equal(more.resolved(labels), [[0, 1, 2, 2, 4, 0]])


def test_a_merged_class_comes_back_unless_its_name_was_taken() -> None:
    merged = ClassScheme.of(["soil", "leaf", "stem"]).merged(3, into=2)
    again = merged.separated(3)
    assert again.names == ("soil", "leaf", "stem")
    assert [again.unchecked(version) for version in (1, 2, 3)] == [(), (3,), ()]
    with pytest.raises(InputError, match="not merged"):
        again.separated(3)
    with pytest.raises(InputError, match="already"):
        merged.added("stem").separated(3)


def test_merges_follow_each_other() -> None:
    scheme = ClassScheme.of(["soil", "a", "b", "c"]).merged(4, into=3).merged(3, into=2)
    np.testing.assert_array_equal(scheme.resolved(np.array([4], np.uint8)), [2])


def test_a_review_is_not_checked_for_later_classes_only() -> None:
    scheme = ClassScheme.of(["soil", "leaf"]).renamed(2, "blade").added("flower")
    assert scheme.unchecked(since_version=1) == (3,)
    assert scheme.unchecked(since_version=2) == (3,)
    assert scheme.unchecked(since_version=3) == ()
    assert scheme.names == ("soil", "blade", "flower")


@pytest.mark.parametrize("names", [[], ["soil"], ["soil", "soil"], ["soil", "  "]])
def test_impossible_schemes_are_refused(names: list[str]) -> None:
    with pytest.raises(InputError):
        ClassScheme.of(names)


def test_the_background_is_not_merged_away() -> None:
    scheme = ClassScheme.of(["soil", "leaf"])
    for source, target in ((1, 2), (2, 2)):
        with pytest.raises(InputError):
            scheme.merged(source, into=target)
    with pytest.raises(InputError, match="no class 9"):
        scheme.renamed(9, "x")


def test_records_are_frozen_and_strict() -> None:
    review = Review(
        id=new_id(), image="a", y=0, x=0, height=4, width=4, verdict="accepted", scheme_version=1
    )
    assert review.tile == Tile("a", 0, 0, 4, 4)
    assert not review.teaches
    assert Review.model_validate_json(review.model_dump_json()) == review
    with pytest.raises(ValidationError):
        review.seconds = 3  # type: ignore[misc]
    with pytest.raises(ValidationError):
        review.but(seconds=-1)
    with pytest.raises(ValidationError):
        ProjectFile.model_validate({"id": "x", "name": "x", "nonsense": 1})


def test_dice_of_an_overlap() -> None:
    assert Overlap(class_id=2, both=3, proposed=4, decided=8).dice == pytest.approx(0.5)
    assert Overlap(class_id=2, both=0, proposed=0, decided=0).dice is None


def test_ids_sort_by_time_and_never_clash() -> None:
    ids = [new_id(second) for second in range(50)]
    assert ids == sorted(ids)
    assert len({new_id(1.0) for _ in range(1000)}) == 1000
    made = [new_id() for _ in range(5000)]
    assert made == sorted(set(made)), "in order within a millisecond too"


@given(st.text())
def test_slugs_are_safe_file_names(text: str) -> None:
    assert slug(text)
    assert set(slug(text)) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")


def test_unique_names() -> None:
    assert unique("a", []) == "a"
    assert unique("a", ["a", "a-2"]) == "a-3"


def test_work_is_closed_even_when_the_listener_fails() -> None:
    closed = []

    def work() -> Work[int]:
        try:
            yield Progress(1, 2)
            yield Progress(2, 2)
        finally:
            closed.append(True)
        return 7

    assert finish(work()) == 7

    def fail(_progress: Progress) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        finish(work(), fail)
    assert closed == [True, True]


def test_scaled_work_keeps_its_result() -> None:
    def work() -> Work[str]:
        yield Progress(1, 2, "half", {"epoch": 1})
        return "end"

    seen: list[Progress] = []
    assert finish(scaled(work(), 0.5, 1.0), seen.append) == "end"
    assert seen == [Progress(0.75, 1.0, "half", {"epoch": 1})]


def test_errors_say_what_and_what_to_do_also_across_processes() -> None:
    error = ImageError("a.tif cannot be read.", hint="Copy it again.")
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, ImageError)
    assert (again.what, again.hint) == ("a.tif cannot be read.", "Copy it again.")
    assert str(error) == "a.tif cannot be read. Copy it again."
    assert isinstance(InputError("x", hint="y"), ValueError)
    assert issubclass(ImageError, PhenoError)
