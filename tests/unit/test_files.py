"""Files are whole or not there, and bad ones are named."""

from __future__ import annotations

import errno
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_phenoai.core.records import ProjectFile
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.errors import DiskError, InputError, NewerFormatError, ProjectError
from napari_phenoai.io.files import disk_errors, read_record, write_atomic, write_json

if TYPE_CHECKING:
    from pathlib import Path

SPEC = ProjectFile(id="p", name="field", scheme=ClassScheme.of(["soil", "plant"]))


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.binary(max_size=5000), min_size=1, max_size=3))
def test_the_last_content_is_there_and_nothing_beside_it(
    tmp_path: Path, parts: list[bytes]
) -> None:
    path = tmp_path / "deep" / "file.bin"
    for data in parts:
        write_atomic(path, data)
    assert path.read_bytes() == parts[-1]
    assert [item.name for item in path.parent.iterdir()] == ["file.bin"]


def test_a_failure_before_the_end_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")
    path_as_folder = tmp_path / "folder"
    path_as_folder.mkdir()
    (path_as_folder / "child").touch()
    with pytest.raises(DiskError) as caught:
        write_atomic(path_as_folder, b"new")
    assert str(path_as_folder) in caught.value.what
    assert sorted(item.name for item in tmp_path.iterdir()) == ["file", "folder"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize(
    ("number", "reason"),
    [(errno.ENOSPC, "full"), (errno.EROFS, "read-only"), (errno.EACCES, "permission")],
)
def test_errors_of_the_disk_name_the_file_and_a_remedy(
    tmp_path: Path, number: int, reason: str
) -> None:
    with pytest.raises(DiskError) as caught, disk_errors(tmp_path / "mask.tif"):
        raise OSError(number, "no")
    assert "mask.tif" in caught.value.what
    assert reason in caught.value.what
    assert caught.value.hint


def test_errors_of_ours_pass_through(tmp_path: Path) -> None:
    with pytest.raises(InputError), disk_errors(tmp_path):
        raise InputError("x", hint="y")


def test_a_record_comes_back_equal(tmp_path: Path) -> None:
    path = tmp_path / "project.json"
    write_json(path, SPEC)
    assert read_record(path, ProjectFile, "project file") == SPEC
    assert json.loads(path.read_text())["scheme"]["classes"][1]["name"] == "plant"


def test_a_newer_format_is_told_from_damage(tmp_path: Path) -> None:
    path = tmp_path / "project.json"
    content = {**json.loads(SPEC.model_dump_json()), "format": 7, "novelty": True}
    path.write_text(json.dumps(content))
    with pytest.raises(NewerFormatError) as caught:
        read_record(path, ProjectFile, "project file")
    assert str(path) in caught.value.what
    assert "format 7" in caught.value.what
    assert "pip install" in caught.value.hint


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "null", '{"format": 1}', "\x00\x00", '{"format": "2"}']
)
def test_damage_is_a_project_error_that_names_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "project.json"
    path.write_text(text)
    with pytest.raises(ProjectError) as caught:
        read_record(path, ProjectFile, "project file")
    assert not isinstance(caught.value, NewerFormatError)
    assert str(path) in caught.value.what


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="missing"):
        read_record(tmp_path / "project.json", ProjectFile, "project file")
