"""Bundles: what is read is what was written, or an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.ids import new_id, sha256_bytes
from napari_phenoai.core.ports import Sample
from napari_phenoai.core.progress import finish
from napari_phenoai.core.records import Review, Role, Snapshot, SnapshotItem
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.errors import EndpointError, InputError, PhenoError, ProjectError
from napari_phenoai.io.bundle import read_bundle, write_bundle
from napari_phenoai.io.files import record_bytes
from napari_phenoai.io.storage import Storage

SCHEME = ClassScheme.of(["soil", "plant", "weed"])


def pair(number: int, dtype: str = "uint8", channels: int = 3) -> tuple[Review, Sample]:
    rng = np.random.default_rng(number)
    role: Role = "heldout" if number % 2 else "train"
    tile = Tile("leaf", 0, 32 * number, 24, 32)
    pixels = (rng.random((channels, 40, 48)) * 250).astype(dtype)
    labels = rng.integers(0, 4, (40, 48), dtype=np.uint8)
    review = Review(
        id=new_id(number + 1.0),
        image="leaf",
        y=0,
        x=tile.x,
        height=24,
        width=32,
        verdict="corrected",
        role=role,
        mask="f" * 64,
        scheme_version=1,
    )
    return review, Sample(pixels, labels, (1, 2), tile, role)


def snapshot_of(pairs: list[tuple[Review, Sample]]) -> Snapshot:
    items = [SnapshotItem(review=r.id, mask=r.mask or "", role=r.role) for r, _ in pairs]
    return Snapshot(scheme=SCHEME, items=tuple(items))


def made(place: Storage, count: int = 2, **how: Any) -> list[tuple[Review, Sample]]:
    pairs = [pair(number, **how) for number in range(count)]
    finish(write_bundle(place, snapshot_of(pairs), pairs, pixel_um=2.5))
    return pairs


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_a_bundle_comes_back_as_it_was(
    tmp_path: Path, kind: str, dtype: str, channels: int
) -> None:
    url = str(tmp_path) if kind == "folder" else f"memory://{tmp_path.name}{dtype}{channels}"
    place = Storage(url).inside("sets/one")
    pairs = made(place, 3, dtype=dtype, channels=channels)
    found = finish(read_bundle(place))
    assert found.snapshot == snapshot_of(pairs)
    assert found.snapshot_id == sha256_bytes(record_bytes(found.snapshot))
    assert found.manifest.pixel_um == 2.5
    for (_, sent), came in zip(pairs, found.samples, strict=True):
        np.testing.assert_array_equal(came.pixels, sent.pixels)
        np.testing.assert_array_equal(came.labels, sent.labels)
        assert came.pixels.dtype == sent.pixels.dtype
        assert (came.checked, came.tile, came.role) == (sent.checked, sent.tile, sent.role)


class Breaking(Storage):
    """Breaks off after some files."""

    left = 4
    names: list[str]

    def put(self, name: str, data: bytes) -> None:
        if self.left == 0:
            raise EndpointError("The network is gone.", hint="Plug it in.")
        self.left -= 1
        self.names.append(name)
        super().put(name, data)


def test_a_transfer_that_broke_off_goes_on(tmp_path: Path) -> None:
    pairs = [pair(number) for number in range(3)]
    breaking = Breaking(str(tmp_path))
    breaking.names = []
    with pytest.raises(EndpointError, match="network"):
        finish(write_bundle(breaking, snapshot_of(pairs), pairs))
    with pytest.raises(EndpointError, match=r"manifest\.json cannot be read: it is not there"):
        finish(read_bundle(Storage(str(tmp_path))))
    breaking.left = 100
    finish(write_bundle(breaking, snapshot_of(pairs), pairs))
    assert len(breaking.names) == len(set(breaking.names)) == 3 * 3 + 2
    assert breaking.names[-1] == "manifest.json"
    assert len(finish(read_bundle(Storage(str(tmp_path)))).samples) == 3
    assert not list(tmp_path.rglob("*.part"))


def test_a_change_of_any_byte_is_found(tmp_path: Path) -> None:
    made(Storage(str(tmp_path)))
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert len(files) == 2 * 3 + 2
    for path in files:
        data = path.read_bytes()
        for changed in (data[:-9] + bytes([data[-9] ^ 1]) + data[-8:], data[:-1], data + b"x"):
            path.write_bytes(changed)
            if path.name == "manifest.json" and changed == data[:-1]:
                continue  # without its final newline it says the same
            with pytest.raises(PhenoError):
                finish(read_bundle(Storage(str(tmp_path))))
        path.unlink()
        with pytest.raises(EndpointError, match="is not there"):
            finish(read_bundle(Storage(str(tmp_path))))
        path.write_bytes(data)
    finish(read_bundle(Storage(str(tmp_path))))


def forged(folder: Path, change: Any) -> None:
    path = folder / "manifest.json"
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))


def hashed(folder: Path, entry: dict[str, Any], data: bytes) -> None:
    """Let a manifest describe other content of a file."""
    (folder / entry["path"]).write_bytes(data)
    entry.update(bytes=len(data), sha256=sha256_bytes(data))


@pytest.mark.parametrize("path", ["../secret.tif", "/etc/passwd", "a/../../b", "..", "a//b", "C:x"])
def test_a_manifest_cannot_name_files_elsewhere(tmp_path: Path, path: str) -> None:
    folder = tmp_path / "in"
    made(Storage(str(folder)))
    (tmp_path / "secret.tif").write_bytes(b"secret")
    forged(folder, lambda told: told["tiles"][0]["pixels"].update(path=path))
    with pytest.raises((InputError, ProjectError)):
        finish(read_bundle(Storage(str(folder))))


def test_a_link_does_not_lead_out_of_a_storage(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(InputError, match="no place in the storage"):
        Storage(str(tmp_path / "in")).get("link", 100)
    for wanted in ("../secret", f"{tmp_path}/secret", "file:///etc", "a/..", "", "x\0y"):
        with pytest.raises(InputError):
            Storage(str(tmp_path / "in")).inside(wanted)
    inside = Storage(str(tmp_path / "in")).inside(f"{tmp_path}/in/sets/one")
    inside.put("a.txt", b"1")
    assert (tmp_path / "in" / "sets" / "one" / "a.txt").read_bytes() == b"1"


def test_a_picture_larger_than_announced_is_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    import tifffile

    made(Storage(str(tmp_path)))
    bomb = io.BytesIO()
    tifffile.imwrite(
        bomb, np.zeros((3, 4000, 4000), np.uint8), compression="zlib", photometric="minisblack"
    )
    forged(tmp_path, lambda told: hashed(tmp_path, told["tiles"][0]["pixels"], bomb.getvalue()))
    monkeypatch.setattr(tifffile.TiffPage, "asarray", lambda *_: pytest.fail("decoded"))
    with pytest.raises(ProjectError, match="size is not what the manifest says"):
        finish(read_bundle(Storage(str(tmp_path))))


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told["tiles"][0].update(shape=[3, 100_000, 100_000]),
        lambda told: told["tiles"][0].update(shape=[3, 0, 48]),
        lambda told: told["tiles"][0].update(dtype="object"),
        lambda told: told["tiles"][0].update(role="heldout"),
        lambda told: told["tiles"].reverse(),
        lambda told: told["tiles"].pop(),
        lambda told: told["tiles"][0].update(tile="leaf@0,0,0,24,64"),
        lambda told: told["scheme"].update(version=7),
        lambda told: told.update(format=2),
        lambda told: told.update(tiles=[]),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(tmp_path: Path, change: Any) -> None:
    made(Storage(str(tmp_path)))
    forged(tmp_path, change)
    with pytest.raises(PhenoError) as error:
        finish(read_bundle(Storage(str(tmp_path))))
    assert error.value.hint


def test_keys_of_a_storage_are_shown_nowhere() -> None:
    place = Storage("s3://bucket/x", {"key": "AKIA", "secret": "hush", "nonsense": 1})
    with pytest.raises(EndpointError) as error:
        place.get("a.txt", 10)
    for text in (repr(place), str(error.value)):
        assert "hush" not in text
        assert "AKIA" not in text
