"""Masks in all shapes, and things that are none, without any server."""

from __future__ import annotations

import base64
import io
import json
import stat
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from napari_phenoai.core.mapping import ValueMapping, propose
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.errors import AnswerError, EndpointError, InputError, LabelError
from napari_phenoai.loop.remote_predict import mapping_of
from napari_phenoai.remote.answers import read_answer
from napari_phenoai.remote.archives import safe_members
from napari_phenoai.remote.pictures import read_picture
from napari_phenoai.remote.transport import Answer

SCHEME = ClassScheme.of(["soil", "plant", "flower"])


def answer(content: bytes, kind: str = "application/json") -> Answer:
    return Answer("https://lab.org/v2/models/m/predict/", 200, kind, content)


def told(data: object) -> Answer:
    return answer(json.dumps(data).encode())


def encoded(array: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format=kind, **options)
    return buffer.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def mask_or_named(given: Answer) -> bool:
    """Tell whether the answer is a mask of 8 x 8, or is refused with a remedy."""
    try:
        return read_answer(given, (8, 8)).shape == (8, 8)
    except EndpointError as error:
        return bool(error.hint)


def blobs(count: int = 3, size: int = 64) -> np.ndarray:
    """Return an array with values 0 to ``count - 1`` in large areas."""
    rows, columns = np.indices((size, size))
    return ((rows // 16 + columns // 16) % count).astype(np.uint8)


def test_bytes_decide_and_not_what_the_server_calls_them() -> None:
    mask = read_answer(answer(encoded(blobs()), "image/*"), (64, 64))
    np.testing.assert_array_equal(mask.values, blobs())


def test_sixteen_bits_keep_their_numbers() -> None:
    values = (blobs(3).astype(np.uint16) * 30_000).astype(np.uint16)
    assert read_picture(encoded(values)).distinct == (0, 30_000, 60_000)


def test_a_mask_with_transparency_or_grey_in_three_channels_is_grey() -> None:
    grey = blobs() * np.uint8(100)
    three = np.stack([grey] * 3, axis=-1)
    with_alpha = np.dstack([three, np.full_like(grey, 255)])
    for array in (three, with_alpha, np.dstack([grey, np.full_like(grey, 255)])):
        assert read_picture(encoded(array)).distinct == (0, 100, 200)


@pytest.mark.parametrize("quality", [20, 50, 90])
@pytest.mark.parametrize("levels", [(0, 255), (0, 128, 255), (10, 90, 170, 250)])
def test_jpeg_values_go_to_the_nearest_level(levels: tuple[int, ...], quality: int) -> None:
    values = np.array(levels, np.uint8)[blobs(len(levels))]
    mask = read_picture(encoded(values, "JPEG", quality=quality))
    assert len(mask.distinct) == len(levels)
    numbers = np.searchsorted(np.array(mask.distinct), mask.values)
    assert (numbers != blobs(len(levels))).mean() < 0.02
    assert "JPEG" in mask.notes[0]


def test_jpeg_colours_go_to_the_nearest_colour() -> None:
    palette = np.array([[0, 0, 0], [0, 158, 115], [230, 159, 0]], np.uint8)
    mask = read_picture(encoded(palette[blobs()], "JPEG", quality=60))
    assert mask.distinct == (0, 1, 2)
    assert (mask.values != blobs()).mean() < 0.05


def test_a_photo_is_no_mask() -> None:
    photo = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    with pytest.raises(AnswerError, match="colours, not a mask"):
        read_picture(encoded(photo))


def test_probabilities_in_a_tiff() -> None:
    mask = read_picture(encoded((blobs(2) * 0.9).astype(np.float32), "TIFF"))
    np.testing.assert_array_equal(mask.values, blobs(2))
    assert "probabilities" in mask.notes[0]


def test_damaged_pictures() -> None:
    whole = encoded(blobs())
    for content in (whole[:60], whole[:8] + b"x" * 100, b"\xff\xd8\xff" + b"0" * 50, b"II*\0"):
        with pytest.raises(AnswerError, match="damaged"):
            read_picture(content)


def test_a_picture_that_would_fill_the_memory() -> None:
    huge = Image.new("1", (60_000, 60_000))
    buffer = io.BytesIO()
    huge.crop((0, 0, 60_000, 1)).save(buffer, format="PNG")
    data = bytearray(buffer.getvalue())
    data[20:24] = (60_000).to_bytes(4, "big")
    import zlib

    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    with pytest.raises(AnswerError, match=r"too large|px"):
        read_picture(bytes(data))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 4))
def test_a_mask_of_another_size_is_fitted(rows: int, columns: int, factor: int) -> None:
    values = np.random.default_rng(rows).integers(0, 3, (rows, columns), np.uint8)
    large = values.repeat(factor, 0).repeat(factor, 1)
    found = read_answer(answer(encoded(large)), (rows, columns))
    np.testing.assert_array_equal(found.values, values)
    assert bool(found.notes) == (factor > 1)


def test_another_proportion_is_told() -> None:
    assert "stretched" in read_answer(answer(encoded(blobs())), (64, 32)).notes[0]


def test_pictures_anywhere_in_json() -> None:
    coded = base64.b64encode(encoded(blobs())).decode()
    for data in (
        coded,
        {"status": "OK", "predictions": coded},
        {"status": "OK", "predictions": [{"a": 1, "mask": f"data:image/png;base64,{coded}"}]},
        {"out": {"deep": {"er": [coded[:60] + "\n" + coded[60:]]}}},
        {"predictions": json.dumps({"mask": coded})},
    ):
        np.testing.assert_array_equal(read_answer(told(data), (64, 64)).values, blobs())


def test_numbers_in_lists() -> None:
    chances = np.eye(3)[blobs()]
    for data in (
        blobs().tolist(),
        {"m": [blobs().tolist()]},
        {"m": chances.tolist()},
        {"m": np.moveaxis(chances, -1, 0).tolist()},
        {"m": (blobs() == 1).tolist()},
    ):
        found = read_answer(told(data), (64, 64)).values
        assert (found == blobs()).all() or (found == (blobs() == 1)).all()


def test_lists_that_are_no_mask() -> None:
    for data in ([[1, 2], [3]], [["a", "b"]], [1, 2, 3], {"boxes": [[1, 9, 3, 4]]}, "text", 3):
        with pytest.raises(AnswerError):
            read_answer(told(data), (64, 64))


def test_outlines_of_several_kinds() -> None:
    square = [[16, 16], [47, 16], [47, 47], [16, 47]]
    xs, ys = zip(*square, strict=True)
    flat = [number for corner in square for number in corner]
    shares = [[x / 64, y / 64] for x, y in square]
    for item in (
        {"class": 0, "name": "plant", "segments": {"x": xs, "y": ys}},
        {"category_id": 3, "name": "plant", "segmentation": [flat]},
        {"label": "plant", "polygon": square},
        {"class": "plant", "points": shares},
    ):
        mask = read_answer(told({"predictions": [item]}), (64, 64))
        assert mask.names == {1: "plant"}
        assert mask.values[20:44, 20:44].all()
        assert not mask.values[:14].any()


def test_outlines_under_names_that_only_their_author_knows() -> None:
    square = [[16, 16], [47, 16], [47, 47], [16, 47]]
    box = [[0, 0], [63, 63]]
    for item in (
        {"organ": "leaf", "sureness": 0.9, "frame": box, "rim_xy": square},
        {"kind_of": "leaf", "outline": square, "keypoints": [[1, 1], [60, 1], [60, 60]]},
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [square]},
         "properties": {"label": "leaf"}},
        {"type": "Feature", "geometry": {"type": "MultiPolygon", "coordinates": [[square], [box]]},
         "properties": {"classification": {"name": "leaf", "color": [200, 0, 0]}}},
    ):  # fmt: skip
        mask = read_answer(told({"things": [item], "size": [64, 64]}), (64, 64))
        assert mask.names == {1: "leaf"}
        assert mask.values[20:44, 20:44].all()
        assert not mask.values[:14].any()
    for other in (
        {"organ": "leaf", "keypoints": square},
        {"organ": "leaf", "one": square, "two": square},
        {"organ": "leaf", "frame": box},
    ):
        with pytest.raises(AnswerError, match="no mask"):
            read_answer(told({"things": [other]}), (64, 64))


def test_a_class_without_a_name_is_called_by_its_number() -> None:
    thing = {"class": 7, "polygon": [[0, 0], [30, 0], [30, 30]]}
    assert read_answer(told([thing]), (64, 64)).names == {1: "class 7"}


def test_classes_of_outlines_keep_their_order() -> None:
    def thing(number: int, x: int) -> dict[str, object]:
        return {"class": number, "name": f"c{number}", "polygon": [[x, 0], [x + 9, 0], [x, 30]]}

    mask = read_answer(told([thing(5, 40), thing(2, 4)]), (64, 64))
    assert mask.names == {1: "c2", 2: "c5"}
    assert mask.values[3, 5] == 1
    assert mask.values[3, 41] == 2


def test_outlines_with_nonsense_do_no_harm() -> None:
    for outline in ([[1e300, 0], [0, 1e300], [5, 5]], [["a", 1]], [[0, 0]], {"x": [1], "y": []}):
        assert mask_or_named(told([{"class": 1, "polygon": outline}]))


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: (
    st.lists(inner) | st.dictionaries(st.text(), inner)
), max_leaves=15))  # fmt: skip
def test_any_json_is_a_mask_or_a_named_error(data: object) -> None:
    assert mask_or_named(told(data))


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"II*\0", b"[", b"GIF8", b"BM"]),
)
def test_any_bytes_are_a_mask_or_a_named_error(data: bytes, start: bytes) -> None:
    assert mask_or_named(answer(start + data))


# ------------------------------------------------------------------------------ ZIP
def test_the_mask_named_like_the_picture_is_taken() -> None:
    files = {"a.png": encoded(blobs(2)), "tile.jpg": encoded(blobs(3)), "notes.txt": b"hello"}
    found = read_answer(answer(zipped(files)), (64, 64), "tile.png")
    np.testing.assert_array_equal(found.values, blobs(3))


def test_what_lies_beside_the_masks_in_a_zip_does_not_count() -> None:
    photo = encoded(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8), "JPEG")
    leaf, stem = (encoded((blobs(3) == n).astype(np.uint8)[::2, ::2] * 255) for n in (1, 2))
    files = {"overlay.jpg": photo, "masks/leaf.png": leaf, "masks/stem.png": stem}
    found = read_answer(answer(zipped(files)), (64, 64))
    np.testing.assert_array_equal(found.values, blobs(3))
    assert found.names == {1: "leaf", 2: "stem"}
    files = {"images/tile.png": photo, "labels/tile.png": encoded(blobs(3))}
    np.testing.assert_array_equal(
        read_answer(answer(zipped(files)), (64, 64), "tile.png").values, blobs(3)
    )
    files = {"labellum.png": leaf, "unmasked.png": stem}
    assert read_answer(answer(zipped(files)), (64, 64)).names == {1: "labellum", 2: "unmasked"}


def test_several_masks_that_cannot_be_told_apart() -> None:
    files = {"a.png": encoded(blobs(3)), "b.png": encoded(blobs(3))}
    with pytest.raises(AnswerError, match="several masks"):
        read_answer(answer(zipped(files)), (64, 64))


def test_a_zip_without_a_mask_and_a_broken_one() -> None:
    with pytest.raises(AnswerError, match="no mask"):
        read_answer(answer(zipped({"a.txt": b"x"})), (64, 64))
    for content in (zipped({"a.png": encoded(blobs())})[:-30], b"PK\x03\x04" + b"\0" * 40):
        with pytest.raises(AnswerError, match="damaged"):
            read_answer(answer(content), (64, 64))


@pytest.mark.parametrize("name", ["../../evil.png", "/etc/evil.png", "a/../../b.png", "C:\\x.png"])
def test_paths_out_of_a_zip_are_refused(name: str) -> None:
    with pytest.raises(AnswerError, match="points outside"):
        safe_members(zipped({name: encoded(blobs())}))


def test_links_in_a_zip_are_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("mask.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(AnswerError, match="points outside"):
        safe_members(buffer.getvalue())


def test_a_zip_that_grows_is_refused_before_it_is_unpacked() -> None:
    bomb = zipped({"mask.png": b"\0" * 60_000_000})
    assert len(bomb) < 100_000
    with pytest.raises(AnswerError, match="far too large"):
        safe_members(bomb)
    with pytest.raises(AnswerError, match="1500 files"):
        safe_members(zipped({f"{number}.png": b"" for number in range(1500)}))


def test_a_zip_that_lies_about_its_size() -> None:
    content = bytearray(zipped({"mask.png": encoded(blobs()) + b"\0" * 5000}))
    where = content.rfind(b"PK\x01\x02")
    content[where + 24 : where + 28] = (10).to_bytes(4, "little")
    with pytest.raises(AnswerError):
        read_answer(answer(bytes(content)), (64, 64))


# -------------------------------------------------------------------------- meaning
def test_what_values_mean_is_proposed() -> None:
    assert propose([0, 255], SCHEME).pairs == {0: 1, 255: 2}
    assert propose([0, 1], SCHEME).pairs == {0: 1, 1: 2}
    assert propose([1, 2, 3], SCHEME).pairs == {0: 0, 1: 1, 2: 2, 3: 3}
    assert propose([0, 1, 2], SCHEME).pairs == {0: 1, 1: 2, 2: 3}
    objects = propose(range(40), SCHEME)
    assert (objects.pairs, objects.rest) == ({0: 1}, 2)
    named = propose([0, 1, 2], SCHEME, {1: "Flower", 2: "plant"})
    assert named.pairs == {0: 1, 1: 3, 2: 2}
    assert not named.confirmed
    other = propose([0, 1, 2], SCHEME, {1: "leaf", 2: "Flower"})
    assert other.pairs == {0: 1, 1: 2, 2: 3}
    assert "names of its own" in other.reason
    assert all(propose(values, SCHEME).reason for values in ([0], [0, 255], [0, 9]))


@given(st.sets(st.integers(0, 400), min_size=1, max_size=30))
def test_every_proposal_covers_what_came(values: set[int]) -> None:
    mapping = propose(values, SCHEME)
    mapping.check(SCHEME)
    classes = mapping.apply(np.array(sorted(values), np.int32)[None])
    assert set(classes.ravel().tolist()) <= {0, *SCHEME.ids}


def test_a_person_changes_and_confirms_a_mapping_and_it_is_kept() -> None:
    mapping = propose([0, 255], SCHEME).confirm({255: 3})
    again = ValueMapping.model_validate_json(mapping.model_dump_json())
    assert again == mapping
    assert again.apply(np.array([[0, 255]])).tolist() == [[1, 3]]
    with pytest.raises(LabelError, match="value 7"):
        again.apply(np.array([[7]]))
    with pytest.raises(LabelError, match="class 9"):
        again.confirm({3: 9}).check(SCHEME)


def test_what_was_said_of_names_holds_whatever_number_they_get() -> None:
    names = {1: "leaf", 2: "stem"}
    mapping = ValueMapping(pairs={0: 1, 1: 2, 2: 3}, confirmed=True).naming(names)
    assert (mapping.pairs, mapping.names) == ({0: 1}, {"leaf": 2, "stem": 3})
    assert mapping.apply(np.array([[0, 1, 2]]), names).tolist() == [[1, 2, 3]]
    assert mapping.apply(np.array([[0, 1]]), {1: "Stem"}).tolist() == [[1, 3]]
    with pytest.raises(LabelError, match=r"value 1 \(root\)"):
        mapping.apply(np.array([[0, 1]]), {1: "root"})
    again = ValueMapping.model_validate_json(mapping.model_dump_json())
    assert again == mapping
    with pytest.raises(LabelError, match="class 9"):
        mapping.but(names={"leaf": 9}).check(SCHEME)


def test_a_colour_means_the_same_in_every_picture() -> None:
    green, red = (0, 158, 115), (213, 94, 0)
    both, one = np.zeros((2, 64, 64, 3), np.uint8)
    both[:20], both[40:], one[40:] = green, red, red
    first, second = (read_answer(answer(encoded(each)), (64, 64)) for each in (both, one))
    called = {name: value for value, name in first.names.items()}
    said = propose(first.distinct, SCHEME, first.names)
    said = said.confirm({called["colour #009e73"]: 2, called["colour #d55e00"]: 3})
    mapping = said.naming(first.names)
    assert mapping.apply(first.values, first.names)[0, 0] == 2
    classes = mapping.apply(second.values, second.names)
    assert set(np.unique(classes[40:])) == {3}
    assert set(np.unique(classes[:40])) == {1}


def test_a_person_writes_names_or_values() -> None:
    found = mapping_of("leaf=plant, colour #00ff00 = Flower,0=soil,*=unlabelled", SCHEME)
    assert (found.pairs, found.rest) == ({0: 1}, 0)
    assert found.names == {"leaf": 2, "colour #00ff00": 3}
    for text in ("leaf", "=plant", "leaf=tree", ""):
        with pytest.raises(InputError, match="does not say"):
            mapping_of(text, SCHEME)
