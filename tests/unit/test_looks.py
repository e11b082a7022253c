"""Looks: the kinds of pixels in tiles, without a label."""

from __future__ import annotations

import numpy as np
import pytest

from napari_phenoai.ml.looks import KINDS, Looks


def looks_of(*tiles: np.ndarray, seed: int = 0) -> np.ndarray:
    looks = Looks()
    for tile in tiles:
        looks.add(tile)
    assert len(looks) == len(tiles)
    return looks.shares(np.random.default_rng(seed))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_shares_sum_to_one_for_any_tile(dtype: str, channels: int) -> None:
    rng = np.random.default_rng(1)
    tiles = [rng.uniform(0, 200, (channels, 130, 97 + at)).astype(dtype) for at in range(3)]
    shares = looks_of(*tiles)
    assert shares.shape == (3, KINDS)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_array_equal(shares, looks_of(*tiles))


def test_a_rare_spot_makes_a_tile_look_different() -> None:
    rng = np.random.default_rng(2)
    plain = [rng.normal(100, 4, (3, 128, 128)).astype(np.float32) for _ in range(6)]
    spotted = plain[0].copy()
    spotted[0, 20:40, 20:40] += 80
    shares = looks_of(*plain, spotted)
    alone = (shares[:6].max(axis=0) == 0) & (shares[6] > 0)
    assert shares[6, alone].sum() > 0.01


def test_one_colour_tiny_tiles_and_holes_are_no_trouble() -> None:
    assert looks_of(np.zeros((1, 1, 1), np.uint8)).sum() == pytest.approx(1)
    holes = np.full((1, 64, 64), np.nan, np.float32)
    assert looks_of(holes, np.zeros((1, 64, 64), np.float32)).sum() == pytest.approx(2)
    assert looks_of().shape == (0, KINDS)
