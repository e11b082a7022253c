"""Models appear whole, never change, and are verified."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from napari_phenoai.core.records import ModelCard
from napari_phenoai.errors import ModelError
from napari_phenoai.io.models import ModelStore, new_model_id
from napari_phenoai.io.processes import ProcessMark

if TYPE_CHECKING:
    from pathlib import Path


def card(name: str | None = None) -> ModelCard:
    return ModelCard(
        id=name or new_model_id("forest"),
        family="forest",
        channels=3,
        dtype="uint8",
        class_ids=(1, 2),
        class_names=("soil", "plant"),
        scheme_version=1,
    )


def commit(store: ModelStore, draft: ModelCard, weights: bytes = b"weights") -> ModelCard:
    with store.stage() as folder:
        (folder / "weights.safetensors").write_bytes(weights)
        (folder / "metrics.csv").write_text("epoch,loss\n")
        return store.commit(folder, draft)


def test_a_model_comes_back_with_the_hash_of_its_weights(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "models")
    assert store.cards() == []
    kept = commit(store, card())
    assert len(kept.weights_sha256) == 64
    for reader in (store, ModelStore(tmp_path / "models")):
        assert reader.cards() == [kept]
        assert reader.card(kept.id) == kept
        assert reader.verify(kept.id) == kept
        assert (reader.folder(kept.id) / "metrics.csv").read_text() == "epoch,loss\n"
    assert [path.name for path in store.root.iterdir()] == [kept.id]


def test_models_are_listed_oldest_first(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    cards = [commit(store, card(name)) for name in ("z", "a", "m")]
    assert store.cards() == sorted(cards, key=lambda one: (one.created, one.id))


def test_a_model_never_changes(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    kept = commit(store, card("unet-1"))
    with pytest.raises(ModelError, match="already"):
        commit(store, card("unet-1"), b"other")
    assert store.verify("unet-1") == kept


@pytest.mark.parametrize("name", ["../x", "", ".hidden", "a/b", "a b"])
def test_an_id_is_a_name_for_a_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match="cannot be the id"):
        commit(ModelStore(tmp_path), card("x").model_copy(update={"id": name}))


def test_a_staged_folder_goes_when_it_is_not_committed(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)

    def stopped_half_way() -> None:
        with store.stage() as folder:
            (folder / "weights.safetensors").write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        stopped_half_way()
    with pytest.raises(ModelError, match="no weights"), store.stage() as folder:
        store.commit(folder, card())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", ["changed", "missing"])
def test_weights_that_are_not_the_ones_are_refused(tmp_path: Path, how: str) -> None:
    store = ModelStore(tmp_path)
    kept = commit(store, card())
    weights = store.folder(kept.id) / "weights.safetensors"
    weights.write_bytes(b"others") if how == "changed" else weights.unlink()
    with pytest.raises(ModelError, match=how) as caught:
        store.verify(kept.id)
    assert str(weights) in caught.value.what


def test_an_unknown_model_names_the_known(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    kept = commit(store, card())
    with pytest.raises(ModelError, match="nope") as caught:
        store.folder("nope")
    assert kept.id in caught.value.hint


def test_a_copied_or_damaged_folder_is_set_aside(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    kept = commit(store, card())
    shutil.copytree(store.folder(kept.id), tmp_path / "my copy")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "card.json").write_text("{")
    (tmp_path / "readme.txt").touch()
    assert store.cards() == [kept]
    folders = sorted(finding.path.parent.name for finding in store.problems)
    assert folders == ["broken", "my copy"]


STAGE = """
import sys
from pathlib import Path
from napari_phenoai.io.models import ModelStore
with ModelStore(Path(sys.argv[1])).stage() as folder:
    (folder / "weights.safetensors").write_bytes(b"half")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_training_left_is_cleaned_and_a_living_one_is_not(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", STAGE, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert store.clean() == []
        child.kill()
        child.wait()
    assert len(store.clean()) == 1
    assert list(tmp_path.iterdir()) == []


def test_what_another_machine_left_is_kept_for_a_day(tmp_path: Path) -> None:
    folder = tmp_path / ".staging-1-x"
    folder.mkdir()
    mark = ProcessMark(pid=1, host="elsewhere")
    (folder / ".owner").write_text(mark.model_dump_json())
    store = ModelStore(tmp_path)
    assert store.clean() == []
    yesterday = time.time() - 90_000
    os.utime(folder, (yesterday, yesterday))
    assert store.clean() == [folder]


def test_ids_differ_and_name_the_family() -> None:
    names = {new_model_id("unet") for _ in range(20)}
    assert all(name.startswith("unet-") for name in names)
    assert len(names) > 1
