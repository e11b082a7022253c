"""The folder of a demonstration: what was asked for, and whether it was finished."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_phenoai.errors import InputError
from napari_phenoai.io.files import make_folder, write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["DemoFolder"]

_MARK = "demo.json"


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """A folder that was empty when its demonstration began, so all in it is ours.

    Parameters
    ----------
    path : Path
        The folder.
    wanted : mapping
        What was asked for; JSON values. The same again is found finished, something
        else is refused.
    """

    path: Path
    wanted: Mapping[str, object]

    def open(self) -> bool:
        """Make the folder ready and tell whether the demonstration is finished in it.

        What an interrupted demonstration left is removed.

        Raises
        ------
        InputError
            If there is something else in the folder.
        """
        mark = self._mark()
        if mark is None:
            self._check_empty()
        elif mark.get("finished"):
            self._check_same(mark)
            return True
        else:
            shutil.rmtree(self.path)
        make_folder(self.path)
        self._write(finished=False)
        return False

    def finish(self) -> None:
        """Note that everything is there."""
        self._write(finished=True)

    def _mark(self) -> Mapping[str, object] | None:
        try:
            mark = json.loads((self.path / _MARK).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return mark if isinstance(mark, dict) else None

    def _write(self, *, finished: bool) -> None:
        content = json.dumps({"wanted": dict(self.wanted), "finished": finished}, indent=1)
        write_atomic(self.path / _MARK, content.encode())

    def _check_empty(self) -> None:
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            what = f"{self.path} is not empty."
            raise InputError(what, hint="Name a new folder, or move away what is in it.")

    def _check_same(self, mark: Mapping[str, object]) -> None:
        if mark.get("wanted") != dict(self.wanted):
            what = f"{self.path} holds a demo with other data or settings."
            raise InputError(what, hint="Name another folder, as in: make demo OUT=demo2.")
