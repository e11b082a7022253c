"""The report: one file that needs nothing else and shows all rounds."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.loop.outcome import SimulatedRound, SimulationResult
from napari_phenoai.loop.pictures import Picture, overlaid
from napari_phenoai.loop.report import report_html, write_report


def _result(**changes: object) -> SimulationResult:
    rounds = tuple(
        SimulatedRound(
            round=number, tiles=6 * number, minutes=2.5 * number, annotated_px=54321 * number,
            dice=0.5 + 0.1 * number, iou=0.4, served_model=f"model-{number}", train_seconds=30,
            dice_per_class={"leaf": 0.7 + 0.1 * number, "spot": None if number == 1 else 0.6},
        )
        for number in (1, 2, 3)
    )  # fmt: skip
    fields = {
        "dataset": "beds & <borders>", "strategy": "random", "seed": 0, "model": "forest",
        "rounds": rounds, "protocol": "corrective", "scale": 1, "tile": 64, "train_images": 4,
        "class_names": ("soil", "leaf", "spot"), "test_images": 2, "seconds": 9,
    }  # fmt: skip
    return SimulationResult.model_validate({**fields, **changes})


def _picture() -> Picture:
    pixels = np.zeros((8, 8, 3), np.uint8)
    return Picture("a <b>.png", pixels, pixels, pixels, pixels, None, 0.91)


def test_nothing_is_loaded_from_elsewhere() -> None:
    text = report_html(_result(), [_picture()])
    sources = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", text)
    assert sources
    assert all(source.startswith(("data:image/png;base64,", "#")) for source in sources)
    assert "<script" not in text


def test_every_round_class_and_picture_is_there() -> None:
    text = report_html(_result(full_label_dice=0.95), [_picture(), _picture()])
    for number in (1, 2, 3):
        assert f"model-{number}" in text
    assert "54 321" in text
    assert ">0.800<" in text
    assert "Dice with all labels" in text
    assert text.count("<img") == 8
    assert text.count("<svg") == 1


def test_names_are_escaped() -> None:
    text = report_html(_result(), [_picture()], title="1 < 2")
    assert "<b>.png" not in text
    assert "1 &lt; 2" in text
    assert "beds & <borders>" not in report_html(_result())


def test_the_same_result_gives_the_same_file(tmp_path: Path) -> None:
    one = write_report(tmp_path / "new" / "a.html", _result(), [_picture()])
    two = write_report(tmp_path / "b.html", _result(), [_picture()])
    assert one.read_bytes() == two.read_bytes()


def test_an_overlay_tints_the_foreground_only() -> None:
    scheme = ClassScheme.of(["soil", "plant"])
    classes = np.ones((9, 9), np.uint8)
    classes[3:6, 3:6] = 2
    shown = overlaid(np.full((9, 9, 3), 100, np.uint8), classes, scheme)
    assert (shown[0, 0] == shown[0, 0, 0]).all()
    np.testing.assert_array_equal(shown[3, 3], [0x00, 0x9E, 0x73])
    assert shown[4, 4, 1] > shown[4, 4, 0] + 30
