"""Sample data: a small set of scenes as files, and where the shipped ones lie.

``python -m napari_phenoai.testing.samples FOLDER`` writes the shipped set again.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_phenoai.errors import InputError
from napari_phenoai.testing.scenes import Scene, roots, rosettes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["SAMPLE_SETS", "SampleSet", "encoded", "samples_folder", "write_samples"]


@dataclass(frozen=True)
class SampleSet:
    """A named series of scenes: seeds `first` and on, `train` of them, then `test`.

    ``pixel_um`` is the edge of a pixel that the pictures pretend to have.
    """

    name: str
    paint: Callable[[int], Scene]
    first: int
    train: int
    test: int
    pixel_um: float

    @property
    def seeds(self) -> range:
        """Seed of each picture, those for training first."""
        return range(self.first, self.first + self.train + self.test)


_SIZE = (448, 448)
SAMPLE_SETS = (
    SampleSet("rosettes", partial(rosettes, size=_SIZE), 100, 8, 4, 250.0),
    SampleSet("lesions", partial(rosettes, size=_SIZE, lesions=True), 200, 4, 2, 250.0),
    SampleSet("roots", partial(roots, size=_SIZE), 300, 4, 2, 85.0),
)
"""What `write_samples` writes by default and what the package ships."""


def samples_folder(name: str = "rosettes") -> Path:
    """Return the folder of a shipped set, with ``images/`` and ``masks/``.

    Raises
    ------
    InputError
        If no such set was installed.
    """
    package = Path(__file__).resolve().parents[1]
    for base in (package / "sample_data", package.parents[1] / "sample_data"):
        if (base / name / "images").is_dir():
            return base / name
    names = ", ".join(item.name for item in SAMPLE_SETS)
    hint = f"The shipped sets are {names}; install the package again if one is missing."
    raise InputError(f"There is no sample data {name!r}.", hint=hint)


def write_samples(folder: Path, sets: Sequence[SampleSet] = SAMPLE_SETS) -> list[Path]:
    """Write `sets` below `folder` and return the files.

    Each set gets ``images/*.jpg``, ``masks/*.png`` (0 for the first class) and
    a ``dataset.json`` with class names, pixel size, split, seed and known measures.
    """
    return [path for item in sets for path in _write_set(folder / item.name, item)]


def _write_set(folder: Path, chosen: SampleSet) -> Iterator[Path]:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "masks").mkdir(exist_ok=True)
    items: list[dict[str, object]] = []
    names: tuple[str, ...] = ()
    for number, seed in enumerate(chosen.seeds):
        scene = chosen.paint(seed)
        names = scene.class_names
        image = folder / "images" / f"{chosen.name}_{seed}.jpg"
        mask = folder / "masks" / f"{chosen.name}_{seed}.png"
        image.write_bytes(encoded(scene.image, "JPEG"))
        mask.write_bytes(encoded(scene.classes - 1, "PNG"))
        yield from (image, mask)
        items.append(
            {
                "image": f"images/{image.name}",
                "mask": f"masks/{mask.name}",
                "split": "train" if number < chosen.train else "test",
                "group": str(seed),
                "seed": seed,
                "measures": dict(scene.measures),
            }
        )
    classes = [{"id": value, "name": name} for value, name in enumerate(names)]
    about = {"name": chosen.name, "pixel_um": chosen.pixel_um, "classes": classes, "items": items}
    index = folder / "dataset.json"
    index.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    yield index


def encoded(pixels: NDArray[np.uint8], kind: str) -> bytes:
    """Return `pixels` as the bytes of a ``JPEG`` (quality 85) or ``PNG`` file."""
    from PIL import Image

    file = io.BytesIO()
    options = {"quality": 85, "subsampling": 0} if kind == "JPEG" else {"optimize": True}
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


if __name__ == "__main__":
    write_samples(Path(sys.argv[1] if len(sys.argv) > 1 else "sample_data"))
