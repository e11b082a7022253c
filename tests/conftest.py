"""Fixtures that every test may use."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")

os.environ.setdefault("PHENOAI_NICE", "0")  # no program of a test waits for those of others

ROOT = Path(__file__).resolve().parents[1]

sys.path.insert(0, str(ROOT / "tests" / "servers"))
pytest_plugins = ["running_servers"]
"""Fixtures that start real servers."""


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep converted networks out of the cache of whoever runs the tests."""
    path = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_phenoai.ml.engine_cache.cache_folder", lambda: path)
        yield path


@pytest.fixture
def real_data() -> Callable[[str], Path]:
    """Return a function from the name of a real data set to its folder, or skip.

    The folder that holds the sets is named by ``PHENOAI_DATA``.
    """
    base = Path(os.environ.get("PHENOAI_DATA", ROOT.parent / "shared" / "data" / "dev"))

    def folder(name: str) -> Path:
        path = base / name
        if not path.is_dir():
            pytest.skip(f"the data set {name} is not here; set PHENOAI_DATA to a folder with it")
        return path

    return folder
