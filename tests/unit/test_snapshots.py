"""Snapshots are named by what they hold."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_phenoai.core.records import Snapshot, SnapshotItem
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.errors import ProjectError
from napari_phenoai.io.snapshots import SnapshotStore

if TYPE_CHECKING:
    from pathlib import Path

SCHEME = ClassScheme.of(["soil", "plant"])
items = st.builds(
    SnapshotItem,
    review=st.text("0123abc", min_size=1),
    mask=st.text("0f", max_size=64),
    role=st.sampled_from(["train", "heldout"]),
)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.lists(items, max_size=4), max_size=4))
def test_equal_content_has_one_name(
    tmp_path_factory: pytest.TempPathFactory, contents: list[list[SnapshotItem]]
) -> None:
    store = SnapshotStore(tmp_path_factory.mktemp("snapshots"))
    made = [Snapshot(scheme=SCHEME, items=tuple(content)) for content in contents]
    names = [store.add(snapshot) for snapshot in made]
    assert [store.get(name) for name in names] == made
    assert store.ids() == sorted(set(names))
    assert len(set(names)) == len({snapshot.model_dump_json() for snapshot in made})


def test_the_name_is_the_hash_of_the_file(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    name = store.add(Snapshot(scheme=SCHEME, items=()))
    assert hashlib.sha256((tmp_path / f"{name}.json").read_bytes()).hexdigest() == name


def test_a_changed_or_missing_snapshot_is_refused(tmp_path: Path) -> None:
    store, snapshot = SnapshotStore(tmp_path / "none"), Snapshot(scheme=SCHEME, items=())
    assert store.ids() == []
    with pytest.raises(ProjectError, match="missing"):
        store.get("0" * 64)
    name = store.add(snapshot)
    path = tmp_path / "none" / f"{name}.json"
    path.write_text(path.read_text().replace("plant", "weeds"))
    with pytest.raises(ProjectError, match="changed") as caught:
        store.get(name)
    assert str(path) in caught.value.what
    assert store.add(snapshot) == name
    assert store.get(name) == snapshot
