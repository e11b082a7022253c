"""Images with masks: found by name, read as classes, refused with the file and the remedy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_phenoai.errors import ImageError, InputError, LabelError
from napari_phenoai.io.pairs import Coding, class_coding, paired_folder, read_mask

SHAPE = (20, 30)


def _pair(folder: Path, name: str, mask: np.ndarray, *, ending: str = ".png") -> None:
    for part in ("images", "masks"):
        (folder / part).mkdir(exist_ok=True)
    Image.fromarray(np.full((*SHAPE, 3), len(name), np.uint8)).save(folder / f"images/{name}.png")
    path = folder / "masks" / f"{name}{ending}"
    if ending.endswith(".tif"):
        tifffile.imwrite(path, mask)
    else:
        Image.fromarray(mask).save(path)


def _mask(*values: int, dtype: str = "uint8") -> np.ndarray:
    mask = np.zeros(SHAPE, dtype)
    mask[0, : len(values)] = values
    return mask


def _read(folder: Path, **options: object) -> np.ndarray:
    found = paired_folder(folder / "images", folder / "masks")
    coding = class_coding(found, **options)  # type: ignore[arg-type]
    (plane,) = read_mask(found.pairs[0].mask, coding, SHAPE)
    return np.asarray(plane)


@pytest.mark.parametrize("ending", [".png", "_mask.png", "_label.tif", ".tif"])
def test_masks_are_found_by_the_name_of_their_image(tmp_path: Path, ending: str) -> None:
    _pair(tmp_path, "leaf_1", _mask(1), ending=ending)
    _pair(tmp_path, "leaf_10", _mask(0), ending=ending)
    found = paired_folder(tmp_path / "images", tmp_path / "masks")
    assert [pair.mask.name for pair in found.pairs] == [f"leaf_1{ending}", f"leaf_10{ending}"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [((0, 255), [1, 2]), ((0, 1), [1, 2]), ((2, 1, 0), [3, 2, 1]), ((1, 255, 2), [2, 0, 3])],
)
def test_values_become_classes(
    tmp_path: Path, values: tuple[int, ...], expected: list[int]
) -> None:
    _pair(tmp_path, "a", _mask(*values))
    np.testing.assert_array_equal(_read(tmp_path)[0, : len(values)], expected)


def test_one_bit_masks_and_palettes_are_read(tmp_path: Path) -> None:
    _pair(tmp_path, "a", _mask(1).astype(bool))
    np.testing.assert_array_equal(_read(tmp_path)[0, :2], [2, 1])
    image = Image.fromarray(_mask(2, 1)).convert("P")
    image.putpalette([0, 0, 0, 9, 99, 9, 200, 0, 0])
    image.save(tmp_path / "masks" / "a.png")
    np.testing.assert_array_equal(_read(tmp_path)[0, :3], [3, 2, 1])


def test_dataset_json_names_classes_splits_and_groups(tmp_path: Path) -> None:
    _pair(tmp_path, "a", _mask(7, 3))
    about = {
        "name": "field",
        "pixel_um": 40,
        "classes": [{"id": 3, "name": "soil"}, {"id": 7, "name": "beet"}, {"id": 0, "name": "sky"}],
        "items": [{"image": "images/a.png", "split": "val", "group": 12}],
    }
    (tmp_path / "dataset.json").write_text(json.dumps(about))
    found = paired_folder(tmp_path / "images", tmp_path / "masks")
    assert (found.name, found.pixel_um) == ("field", 40)
    assert (found.pairs[0].split, found.pairs[0].group) == ("val", "12")
    assert class_coding(found).names == ("sky", "soil", "beet")
    np.testing.assert_array_equal(_read(tmp_path)[0, :3], [3, 2, 1])


def test_names_of_files_show_groups(tmp_path: Path) -> None:
    for number in range(10):
        _pair(tmp_path, f"plot{number % 9}_{number}", _mask(0))
    groups = [pair.group for pair in paired_folder(tmp_path / "images", tmp_path / "masks").pairs]
    assert sorted(str(group) for group in groups)[:3] == ["plot0", "plot0", "plot1"]


def test_ids_of_objects_need_to_be_asked_for(tmp_path: Path) -> None:
    _pair(tmp_path, "a", _mask(*range(29), dtype="uint16"), ending=".tif")
    with pytest.raises(LabelError, match=r"up to 28.*binarise"):
        _read(tmp_path)
    np.testing.assert_array_equal(_read(tmp_path, binary=True)[0, :3], [1, 2, 2])
    classes = [{"id": 0, "name": "background"}, {"id": "1..n", "name": "nucleus"}]
    (tmp_path / "dataset.json").write_text(json.dumps({"classes": classes}))
    found = paired_folder(tmp_path / "images", tmp_path / "masks")
    assert class_coding(found).names == ("background", "nucleus")


def test_a_grey_mask_that_was_saved_in_colour_is_read(tmp_path: Path) -> None:
    grey = np.where(np.arange(20)[:, None] < 7, 255, 0) + np.zeros(SHAPE)
    _pair(tmp_path, "a", np.stack([grey] * 3, axis=-1).astype(np.uint8))
    np.testing.assert_array_equal(_read(tmp_path)[:, 0], np.where(np.arange(20) < 7, 2, 1))


def test_faults_name_the_file_and_the_remedy(tmp_path: Path) -> None:
    _pair(tmp_path, "a", _mask(1))
    (tmp_path / "masks" / "a.png").unlink()
    with pytest.raises(InputError, match=r"a\.png has no mask in .*masks.*Put a\.png or a\.tif"):
        _read(tmp_path)
    _pair(tmp_path, "a", np.zeros((9, 9), np.uint8))
    with pytest.raises(LabelError, match=r"a\.png has 9 x 9 px, its image 20 x 30 px"):
        _read(tmp_path)
    coloured = np.zeros((*SHAPE, 3), np.uint8)
    coloured[:9, :, 1] = 176
    _pair(tmp_path, "a", coloured)
    with pytest.raises(LabelError, match="one channel"):
        _read(tmp_path)
    (tmp_path / "masks" / "a.png").write_text("not a picture")
    with pytest.raises(ImageError, match=r"a\.png cannot be read.*Save it again"):
        _read(tmp_path)
    with pytest.raises(InputError, match="nowhere"):
        paired_folder(tmp_path / "nowhere", tmp_path / "masks")


def test_a_value_without_a_class_and_a_wrong_number_of_names_are_refused(tmp_path: Path) -> None:
    _pair(tmp_path, "a", _mask(1, 2))
    classes = [{"id": 0, "name": "soil"}, {"id": 1, "name": "plant"}]
    (tmp_path / "dataset.json").write_text(json.dumps({"classes": classes}))
    with pytest.raises(LabelError, match=r"without a class: 2\. Allowed are 0, 1, 255"):
        _read(tmp_path)
    with pytest.raises(InputError, match=r"3 class names.*2 classes"):
        _read(tmp_path, classes=["a", "b", "c"])
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(InputError, match=r"dataset\.json cannot be read"):
        _read(tmp_path)


def test_a_stack_has_a_mask_of_as_many_planes(tmp_path: Path) -> None:
    coding = Coding(("soil", "plant"), {0: 1, 1: 2})
    path = tmp_path / "stack.tif"
    values = np.arange(4)[:, None, None] % 2 * np.ones(SHAPE, int)
    tifffile.imwrite(path, values.astype(np.uint8), photometric="minisblack")
    np.testing.assert_array_equal(read_mask(path, coding, SHAPE, planes=4), values + 1)
    with pytest.raises(LabelError, match=r"4 x 20 x 30 px, its image 5 x 20 x 30 px"):
        read_mask(path, coding, SHAPE, planes=5)
    with pytest.raises(LabelError, match=r"shape \(4, 20, 30\)"):
        read_mask(path, coding, SHAPE)
