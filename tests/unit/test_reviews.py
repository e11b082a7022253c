"""The log of reviews: append-only, verified, mergeable by copying files."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_phenoai.core.ids import new_id
from napari_phenoai.core.records import Review
from napari_phenoai.errors import InputError, LabelError, ProjectError
from napari_phenoai.io.ledger import Ledger
from napari_phenoai.io.reviews import ReviewLog

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

START = datetime(2026, 5, 30, tzinfo=UTC)


def review(number: int, *, tile: int = 0, replaces: str | None = None, size: int = 8) -> Review:
    at = START + timedelta(hours=number)
    return Review(
        id=new_id(at.timestamp()),
        image="leaf",
        y=0,
        x=tile * 100,
        height=size,
        width=size + 1,
        verdict="corrected",
        scheme_version=1,
        replaces=replaces,
        at=at,
    )


def mask(seed: int = 0, size: int = 8) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 3, (size, size + 1), np.uint8)


def test_a_review_and_its_mask_come_back(tmp_path: Path) -> None:
    log = ReviewLog(tmp_path)
    kept = log.add(review(1), mask())
    assert kept.mask is not None
    for reader in (log, ReviewLog(tmp_path)):
        assert reader.all() == [kept]
        assert reader.get(kept.id) == kept
        assert np.array_equal(reader.mask(kept), mask())
        assert reader.has_mask(kept)
        assert reader.problems == []


def test_files_are_where_people_and_programs_look(tmp_path: Path) -> None:
    kept = ReviewLog(tmp_path).add(review(1), mask())
    record = json.loads((tmp_path / "2026-05" / f"{kept.id}.json").read_text())
    assert record["verdict"] == "corrected"
    file = tmp_path / "masks" / record["mask"][:2] / f"{record['mask']}.tif"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == record["mask"]
    with tifffile.TiffFile(file) as tiff:
        assert tiff.pages.first.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert np.array_equal(tiff.asarray(), mask())


def test_equal_masks_are_kept_once(tmp_path: Path) -> None:
    log = ReviewLog(tmp_path)
    log.add(review(1), mask())
    log.add(review(2), mask())
    assert len(list(tmp_path.rglob("*.tif"))) == 1


def test_a_verdict_without_a_mask(tmp_path: Path) -> None:
    log = ReviewLog(tmp_path)
    kept = log.add(review(1).but(verdict="skipped"))
    assert kept.mask is None
    assert not log.has_mask(kept)
    with pytest.raises(ProjectError, match="no mask"):
        log.mask(kept)


def test_what_cannot_be_kept_is_refused(tmp_path: Path) -> None:
    log = ReviewLog(tmp_path)
    kept = log.add(review(1), mask())
    with pytest.raises(InputError, match="already"):
        log.add(kept)
    with pytest.raises(InputError, match="id of a review"):
        log.add(review(2).but(id="../../evil"))
    with pytest.raises(InputError, match="not here"):
        log.add(review(2).but(mask="0" * 64))
    with pytest.raises(LabelError, match="uint16"):
        log.add(review(2), mask().astype(np.uint16))
    with pytest.raises(LabelError, match="shape"):
        log.add(review(2), mask(size=9))
    assert log.all() == [kept]


def test_the_newest_decision_of_a_tile_is_in_force(tmp_path: Path) -> None:
    log = ReviewLog(tmp_path)
    first, second = log.add(review(1), mask(1)), log.add(review(2), mask(2))
    other = log.add(review(3, tile=1), mask(3))
    assert log.current() == {first.tile.key: second, other.tile.key: other}
    assert log.all() == [first, second, other]


def test_a_replaced_review_is_out_even_if_it_is_newer_by_its_clock(tmp_path: Path) -> None:
    log = ReviewLog(tmp_path)
    late = log.add(review(9), mask(1))
    early = log.add(review(5, replaces=late.id), mask(2))
    assert log.current() == {early.tile.key: early}


decisions = st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=6)


@settings(deadline=None, max_examples=15)
@given(st.tuples(decisions, decisions))
def test_merging_is_copying_in_any_order(
    tmp_path_factory: pytest.TempPathFactory,
    work: tuple[Sequence[tuple[int, bool]], Sequence[tuple[int, bool]]],
) -> None:
    base = tmp_path_factory.mktemp("merge")
    made: list[Review] = []
    for person, part in enumerate(work):
        log = ReviewLog(base / str(person))
        for number, (tile, again) in enumerate(part):
            replaces = made[-1].id if again and made and made[-1].tile.x == tile * 100 else None
            entry = review(2 * number + person, tile=tile, replaces=replaces)
            made.append(log.add(entry, mask(tile)))
    for name, order in (("ab", "01"), ("ba", "10")):
        for folder in (base / person for person in order):
            if folder.exists():
                shutil.copytree(folder, base / name, dirs_exist_ok=True)
    merged = ReviewLog(base / "ab")
    assert merged.all() == ReviewLog(base / "ba").all() == sorted(made, key=lambda one: one.id)
    assert merged.current() == ReviewLog(base / "ba").current()
    replaced = {one.replaces for one in made}
    for key, entry in merged.current().items():
        rivals = [one for one in made if one.tile.key == key and one.id not in replaced]
        assert entry == max(rivals, key=lambda one: one.id)
    assert all(np.array_equal(merged.mask(one), mask(one.x // 100)) for one in made)


def test_files_that_arrive_later_are_seen(tmp_path: Path) -> None:
    log = ReviewLog(tmp_path / "mine")
    assert log.all() == []
    assert log.current() == {}
    theirs = ReviewLog(tmp_path / "theirs")
    seen = []
    for number in range(3):
        seen.append(theirs.add(review(number * 600, tile=number), mask(number)))
        shutil.copytree(tmp_path / "theirs", tmp_path / "mine", dirs_exist_ok=True)
        assert log.all() == seen
        assert len(log.current()) == number + 1
    next((tmp_path / "mine").glob(f"*/{seen[0].id}.json")).unlink()
    assert log.all() == seen[1:]


def test_bad_and_foreign_files_are_set_aside_and_named(tmp_path: Path) -> None:
    log = ReviewLog(tmp_path)
    good = log.add(review(1), mask())
    month = tmp_path / "2026-05"
    text = (month / f"{good.id}.json").read_text()
    (month / "cut.json").write_text(text[:100])
    (month / f"{good.id} (copy).json").write_text(text)
    (month / "future.json").write_text(json.dumps({**json.loads(text), "format": 9}))
    (month / "notes.txt").write_text("hello")
    (month / ".DS_Store").write_bytes(b"\0")
    (tmp_path / "photo.jpg").write_bytes(b"x")
    assert log.all() == [good]
    names = sorted(finding.path.name for finding in log.problems)
    assert names == sorted(
        ["cut.json", f"{good.id} (copy).json", "future.json", "notes.txt", "photo.jpg"]
    )
    assert all(str(finding.path) in finding.what and finding.hint for finding in log.problems)


def test_a_file_that_arrives_in_pieces_is_read_when_whole(tmp_path: Path) -> None:
    whole = ReviewLog(tmp_path / "whole").add(review(1), mask())
    text = (tmp_path / "whole" / "2026-05" / f"{whole.id}.json").read_text()
    path = tmp_path / "log" / "2026-05" / f"{whole.id}.json"
    path.parent.mkdir(parents=True)
    path.write_text(text[:50])
    log = ReviewLog(tmp_path / "log")
    assert log.all() == []
    assert len(log.problems) == 1
    path.write_text(text)
    assert log.all() == [whole]
    assert log.problems == []


@pytest.mark.parametrize("how", ["changed", "cut", "missing"])
def test_a_mask_that_is_not_the_one_is_refused(tmp_path: Path, how: str) -> None:
    log = ReviewLog(tmp_path)
    kept = log.add(review(1), mask())
    assert kept.mask is not None
    path = log.mask_path(kept.mask)
    if how == "changed":
        tifffile.imwrite(path, mask(7))
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:-5])
    else:
        path.unlink()
    with pytest.raises(ProjectError, match="missing" if how == "missing" else "damaged") as caught:
        log.mask(kept)
    assert str(path) in caught.value.what
    assert caught.value.hint
    log.add(review(2), mask())
    assert np.array_equal(log.mask(kept), mask())


def test_the_index_only_makes_it_faster(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    log = ReviewLog(tmp_path / "reviews", lambda: ledger)
    kept = [log.add(review(number, tile=number), mask(number)) for number in range(5)]
    assert log.all() == kept
    assert len(ledger.indexed("review")) == 5
    path = next((tmp_path / "reviews").glob(f"*/{kept[0].id}.json"))
    path.write_text(kept[0].but(note="changed by hand").model_dump_json())
    next((tmp_path / "reviews").glob(f"*/{kept[1].id}.json")).unlink()
    again = ReviewLog(tmp_path / "reviews", lambda: ledger)
    assert [one.note for one in again.all()] == ["changed by hand", "", "", ""]
    assert len(ledger.indexed("review")) == 4
    assert ReviewLog(tmp_path / "reviews").all() == again.all()
    ledger.close()
