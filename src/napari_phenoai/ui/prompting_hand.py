"""The prompts of one Workbench: modes, drawing, the box below the tools, the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer

from napari_phenoai.core.prompts import BoxPrompt, Prompts
from napari_phenoai.ui.camera import view_of
from napari_phenoai.ui.handtools.picture import LINE, Sketch
from napari_phenoai.ui.handtools.preview import Preview
from napari_phenoai.ui.keys import key_of
from napari_phenoai.ui.prompting import Prompting
from napari_phenoai.ui.prompting_checkpoint import Checkpoints
from napari_phenoai.ui.prompting_drawing import drawing
from napari_phenoai.ui.prompting_modes import BoxMode, EverythingMode, PointMode
from napari_phenoai.ui.prompting_tab import TabKey
from napari_phenoai.ui.prompting_taking import Taker
from napari_phenoai.ui.prompting_words import network_words, prepared_share, prompt_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtCore import QObject
    from qtpy.QtWidgets import QWidget

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.ui.bench import Bench
    from napari_phenoai.ui.controls.prompt_box import PromptBox
    from napari_phenoai.ui.handtools.mode import Point
    from napari_phenoai.ui.prompting_modes import PromptMode

__all__ = ["PromptHand"]

_TICK_MS, _REST_MS, _LATE_MS = 400, 300, 250


class PromptHand:
    """Brings `Prompting` to the canvas and the Workbench.

    Parameters
    ----------
    bench : Bench
        Its layers, session, tools and marks.
    parent : QObject
        Owns the timer.

    Attributes
    ----------
    prompting : Prompting
        Prompts and answers.
    taker : Taker
        Takes masks into the labels.
    checkpoints : Checkpoints
        Where the network comes from.
    rubber : pair of points or None
        The box that is being dragged.
    """

    def __init__(self, bench: Bench, parent: QObject) -> None:
        self._hand = hand = bench.hand
        self._layers = layers = bench.layers
        self._session = session = bench.session
        self._tools = tools = bench.tools
        self.prompting = Prompting(session)
        self.prompting.eye = self._eye
        self.taker = Taker(layers, session, tools, bench.marks, self.prompting)
        self.checkpoints = Checkpoints(session, self.prompting)
        self.rubber: tuple[Point, Point] | None = None
        self._preview = Preview(bench.preview)
        self._drawn: tuple[Any, ...] = ()
        self._box: PromptBox | None = None
        self._tab = TabKey(bench.viewer, self._next, parent)
        self._timer = _timer(parent, _TICK_MS, self._show_box)
        self._rest = _timer(parent, _REST_MS, self._on_rest)
        self._rest.setSingleShot(True)
        self._late = _timer(parent, _LATE_MS, self.draw)
        self._late.setSingleShot(True)
        self._camera = bench.viewer.scene.camera
        self._camera.events.center.connect(self._on_camera)
        self.modes: dict[str, PromptMode] = {
            mode.name: mode for mode in (PointMode(self), BoxMode(self), EverythingMode(self))
        }
        for mode in self.modes.values():
            hand.add(mode)
        self._links = [(self.prompting.changed, self._on_changed), (tools.changed, self.draw)]
        for signal, slot in self._links:
            signal.connect(slot)

    @property
    def class_name(self) -> str:
        """Name of the class that a mask will become."""
        project = self._session.project
        classes = project.scheme.active if project is not None else ()
        return next(
            (item.name for item in classes if item.id == self._tools.class_id), "unlabelled"
        )

    def within(self, at: Point) -> Point:
        """Return the pixel of the tile or window that is nearest to a point."""
        tile = self._hand.tile
        if tile is None:
            return at
        return (
            min(max(at[0], tile.y), tile.y1 - 1),
            min(max(at[1], tile.x), tile.x1 - 1),
        )

    def outline_everything(self) -> None:
        """Take up the tool that outlines everything; in the hand already, it begins again."""
        if self._tools.tool == "everything":
            self.prompting.outline_everything()
        else:
            self._tools.choose("everything")

    def box(self, tool: str) -> QWidget:
        """Return what is shown below the tools, the same for all three."""
        if self._box is None:
            from napari_phenoai.ui.controls.prompt_box import PromptBox

            self._box = PromptBox()
            self._box.taken.connect(self._take)
            self._box.stepped.connect(self.prompting.step)
            self._box.dropped.connect(self.prompting.drop)
            self._box.network_wanted.connect(self._choose_network)
        self._show_box(tool)
        return self._box

    def draw(self) -> None:
        """Show candidates, prompts and the box that is being dragged."""
        state, project = self.prompting.found or self.prompting.asked, self._session.project
        place = state.place if state is not None else self._hand.tile
        if project is None or place is None or (state is None and self.rubber is None):
            self._drawn = ()
            self._preview.hide()
            return
        wanted = (place, state, self.rubber, self._tools.class_id, self._width(place))
        if wanted == self._drawn and self._preview.shown:
            return
        self._drawn = wanted
        asked = self.prompting.asked
        prompts = asked.prompts if asked is not None else None
        if self.rubber is not None:
            prompts = Prompts(steps=(BoxPrompt.between(*self.rubber),))
        labels = drawing(
            place,
            state.shown if state is not None and self.rubber is None else (),
            prompts,
            value=self._tools.class_id,
            line=LINE,
            width=self._width(place),
        )
        sketch = Sketch(place, labels, sum(item.area for item in self.prompting.shown))
        self._preview.show(sketch, project.scheme)

    def close(self) -> None:
        """Listen no more, and take the drawing away."""
        self._tab.close()
        self.abandon()
        self._preview.close()

    def abandon(self) -> None:
        """Listen no more, because the whole window is going."""
        self._timer.stop()
        self._rest.stop()
        self._late.stop()
        self._camera.events.center.disconnect(self._on_camera)
        for signal, slot in self._links:
            signal.disconnect(slot, missing_ok=True)
        self.checkpoints.close()
        self.prompting.close()

    # --- inside

    def _on_changed(self) -> None:
        """Draw now, or with the answer where that comes soon: drawing would hold it up."""
        if self.prompting.asking.under_way:
            self._late.start()
        else:
            self._late.stop()
            self.draw()
        if self._tools.tool in self.modes:
            self._hand.say()
        self._show_box()
        busy = self.prompting.embeddings.began is not None
        if busy != self._timer.isActive():
            (self._timer.start if busy else self._timer.stop)()

    def _on_camera(self, _: Any = None) -> None:
        if self._session.paints_anywhere and self.prompting.begun:
            self._rest.start()

    def _on_rest(self) -> None:
        """Prepare what one looks at, once the view has come to rest."""
        if self._tools.tool in self.modes:
            self.prompting.prepare()

    def _next(self) -> bool:
        ours = key_of("next") == "Tab"
        return ours and self._tools.tool in self.modes and self.prompting.step()

    def _take(self) -> None:
        self.taker.take()

    def _choose_network(self) -> None:
        if self._box is not None:
            self.checkpoints.ask(self._box.window())

    def _show_box(self, tool: str = "") -> None:
        name = tool or self._tools.tool
        if self._box is None or name not in self.modes:
            return
        prompting = self.prompting
        state = prompting.found or prompting.asked
        self._box.show_state(
            prompt_words(prompting, name, self.class_name),
            network_words(prompting),
            share=prepared_share(prompting) if not prompting.prepared else None,
            takes=bool(prompting.shown),
            several=state is not None and len(state.candidates) > 1,
            drops=prompting.under_way,
            wanting=bool(prompting.network.missing),
        )

    def _eye(self) -> tuple[float, float] | None:
        """Return the pixel in the middle of the view, within the plane."""
        painting, scene = self._session.painting, self._layers.scene
        if painting is None or scene is None or painting.image is None:
            return None
        rows, columns = painting.plane
        view = view_of(self._layers.viewer, scene.picture.scale)
        return min(max(view.y, 0), rows - 1), min(max(view.x, 0), columns - 1)

    def _width(self, place: Tile) -> int:
        """Return how wide a line must be to be seen, in pixels of the image."""
        zoom = float(self._layers.viewer.scene.camera.zoom) * self._layers.stack.scale
        return min(max(1, round(1.5 / max(zoom, 1e-6))), max(1, min(place.shape) // 64))


def _timer(parent: QObject, interval_ms: int, call: Callable[[], None]) -> QTimer:
    timer = QTimer(parent)
    timer.setInterval(interval_ms)
    timer.timeout.connect(call)
    return timer
