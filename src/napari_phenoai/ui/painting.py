"""Painting anywhere: the mode in which a window of people's labels is in memory."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from psygnal import Signal

from napari_phenoai.core.window import reaches_border
from napari_phenoai.ui.edit_writer import EditWriter
from napari_phenoai.ui.objects_held import held_objects
from napari_phenoai.ui.window_pixels import WindowPixels, common_part

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_phenoai.core.edits import Edit
    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.background import Background
    from napari_phenoai.ui.objects_held import HeldObjects

__all__ = ["Painting"]

_LANE = "writes"
_CUT_OFF = "That reached the frame: what lies outside was not painted. Zoom in, or move on."
_EMPTIED = {"undo": "There is nothing more to undo.", "redo": "There is nothing more to redo."}


def _no() -> bool:
    return False


class Painting:
    """One window of one plane at a time, kept equal to the label image on the disk.

    What is painted into the window becomes an `Edit` at the end of the stroke (`flush`)
    and is written in the order of painting. Another window is read after all strokes
    before it, and strokes made in the meantime are laid over it, so none is lost and
    none is shown in an old state. Methods belong to the main thread, where all
    signals are emitted too.

    Parameters
    ----------
    project : Project
        Open; closed by the caller.
    background : Background
        Lane ``writes`` is used.
    author : str
        Who paints.

    Attributes
    ----------
    image : str or None
        What is painted; None while the mode is off.
    z : int
        Index of the plane.
    window : WindowPixels or None
        What is in memory; None until it has been read.
    goal : Tile or None
        Where to look first.
    note : str
        What the last action came to; may be empty.
    hint : str
        Where one can paint, when that needs words; may be empty.
    locked : frozenset of int
        Label values that no stroke may replace; undo and redo may.
    under_way : callable
        Tells whether a stroke has begun and not ended.

    Signals
    -------
    mode_changed
        Painting began or ended, or another plane is painted.
    window_changed
        `window` is another.
    pixels_changed
        Pixels of the window were set here, by undo for example.
    painted : Edit
        A change is on the disk.
    turned : Edit
        The same, where it came from one step of undo or redo; after `painted`.
    noted
        `note` or `hint` is another.
    failed : Exception
        Something could not be read or written.
    """

    mode_changed = Signal()
    window_changed = Signal()
    pixels_changed = Signal()
    painted = Signal(object)
    turned = Signal(object)
    noted = Signal()
    failed = Signal(object)

    def __init__(self, project: Project, background: Background, author: str) -> None:
        self.project = project
        self.image: str | None = None
        self.z = 0
        self.window: WindowPixels | None = None
        self.goal: Tile | None = None
        self.note = ""
        self.hint = ""
        self.locked: frozenset[int] = frozenset()
        self.under_way: Callable[[], bool] = _no
        self.writer = EditWriter(project, background, author)
        self._background = background
        self._asked: Tile | None = None
        self._held: WindowPixels | None = None
        self.writer.saved.connect(self._on_saved)
        self.writer.turned.connect(self._on_turned)
        self.writer.refused.connect(self._on_refused)
        self.writer.emptied.connect(self._on_emptied)
        self.writer.failed.connect(self._on_failed)

    @property
    def active(self) -> bool:
        """Whether the mode is on."""
        return self.image is not None

    @property
    def reading(self) -> bool:
        """Whether a window is on its way."""
        return self._asked is not None

    @property
    def plane(self) -> tuple[int, int]:
        """Rows and columns of the image that is painted."""
        return self.project.image(self.image).plane if self.image else (0, 0)

    def begin(self, image: str, z: int = 0, *, goal: Tile | None = None) -> None:
        """Paint on plane `z` of `image` from now on."""
        self.goal = goal
        if (image, z) == (self.image, self.z):
            self.mode_changed.emit()
            return
        self.flush()
        self.image, self.z = image, z
        self._let_go()
        self.tell("")
        self.mode_changed.emit()

    def end(self) -> None:
        """Paint no more; what was painted goes on being written."""
        if self.active:
            self.flush()
            self.image, self.goal = None, None
            self._let_go()
            self.tell("")
            self.mode_changed.emit()

    def want(self, window: Tile) -> None:
        """Bring `window` into memory, in place of the one there is."""
        here = self.window.tile if self.window else None
        if window != (self._asked or here):
            self._asked = window
            self._background.do(
                _LANE,
                partial(_read, self.project, window),
                then=partial(self._on_read, window),
                otherwise=partial(self._on_unread, window),
            )

    def check(self, tile: Tile) -> None:
        """Read `tile` anew where it lies in the window, as others may have changed it."""
        if self.window is not None and self.window.tile.intersects(tile):
            part = common_part(self.window.tile, tile)
            read = partial(self.project.labels(part.image).values, part)
            then = partial(self._renew, part)
            self._background.do(_LANE, read, then=then, otherwise=self._on_failed)

    def flush(self, box: tuple[slice, slice] | None = None, tool: str = "") -> None:
        """Make an edit of what was painted since the last time, and write it.

        Parameters
        ----------
        box : tuple of slice
            Rows and columns of the window outside which nothing has changed; without it
            all of it is compared.
        tool : str
            What was painted with.
        """
        if self.window is not None:
            if self.window.restore(box, self.locked):
                self.pixels_changed.emit()
            edit = self.window.edit(box, tool, self.writer.author)
            if edit is not None:
                self.writer.add(edit)
                cut_off = reaches_border(edit.tile, self.window.tile, self.plane)
                self.tell(_CUT_OFF if cut_off else "")
        self._take_held()

    def tell(self, note: str) -> None:
        """Let people know something until there is something else to know."""
        if note != self.note:
            self.note = note
            self.noted.emit()

    def set_hint(self, hint: str) -> None:
        """Say where one can paint."""
        if hint != self.hint:
            self.hint = hint
            self.noted.emit()

    def turn(self, direction: Literal["undo", "redo"]) -> None:
        """Take back the last edit of the project, or do it again; not during a stroke."""
        if not self.under_way():
            self.flush()
            self.writer.turn(direction)

    def jump(self, number: int) -> None:
        """Undo or redo until the edit of this number is the last one that counts."""
        if not self.under_way():
            self.flush()
            self.writer.jump(number)

    def close(self) -> None:
        """End, and try once more to write what could not be written, or keep it elsewhere."""
        self.end()
        self.writer.close()

    # --- inside

    def _let_go(self) -> None:
        self.window = self._asked = self._held = None

    def _on_read(self, window: Tile, read: tuple[NDArray[Any], HeldObjects | None]) -> None:
        if window == self._asked:
            pixels, objects = read
            self._held = WindowPixels(window, pixels, self.writer.unwritten, objects)
            if not self.under_way():
                self.flush()

    def _on_unread(self, window: Tile, error: Exception) -> None:
        if window == self._asked:
            self._asked = None
            if self.window is None:
                self.end()
            self.failed.emit(error)

    def _take_held(self) -> None:
        if self._held is None or self.under_way():
            return
        held, self._held, self._asked = self._held, None, None
        for edit in self.writer.unwritten:
            held.take_in(edit)
        self.window = held
        self.window_changed.emit()

    def _renew(self, part: Tile, values: NDArray[Any]) -> None:
        window = self.window
        if window is not None and window.renew(part, values, self.writer.unwritten):
            self.pixels_changed.emit()

    def _take_in(self, edit: Edit) -> None:
        """Show a change of which the window does not know, under what was painted later."""
        if self._held is not None:
            self._held.take_in(edit)
        if self.window is not None and self.window.take_in(edit, self.writer.unwritten):
            self.pixels_changed.emit()

    def _on_saved(self, edit: Edit) -> None:
        if self._held is not None:
            self._held.take_in(edit)
        self.painted.emit(edit)

    def _on_turned(self, edit: Edit, single: bool) -> None:
        self._take_in(edit)
        self.tell("")
        self.painted.emit(edit)
        if single:
            self.turned.emit(edit)

    def _on_refused(self, edit: Edit) -> None:
        self._take_in(edit.inverse())

    def _on_emptied(self, direction: str) -> None:
        self.tell(_EMPTIED[direction])

    def _on_failed(self, error: Exception) -> None:
        self.failed.emit(error)


def _read(project: Project, window: Tile) -> tuple[NDArray[Any], HeldObjects | None]:
    labels = project.labels(window.image)
    labels.lock()
    pixels = labels.values(window)
    if not project.spec.has_objects:
        return pixels, None
    return pixels, held_objects(project, window.image, pixels)
