"""The gallery: images of a project made ready in the background, a few kept at hand."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_phenoai.ui.blocks import BlockReader
from napari_phenoai.ui.links import hear_from_thread
from napari_phenoai.ui.overlays import Overlays, open_overlays
from napari_phenoai.ui.picture import Picture, open_picture

if TYPE_CHECKING:
    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.background import Background

__all__ = ["Gallery", "Scene"]

_AT_HAND = 4
_CONTEXT_PX = 256


@dataclass(frozen=True)
class _Question:
    image: str
    z: int
    model: str | None


@dataclass(frozen=True)
class Scene:
    """One plane of one image with all that lies over it.

    ``model`` is whose predictions are shown.
    """

    picture: Picture
    overlays: Overlays
    model: str | None

    def shows(self, tile: Tile | None) -> bool:
        """Whether `tile` lies on this plane."""
        where = (self.picture.image, self.picture.z)
        return tile is not None and (tile.image, tile.z) == where

    def fetch(self, tile: Tile) -> None:
        """Begin to read the image in and around `tile`, roughly at first."""
        rows = slice(max(0, tile.y - _CONTEXT_PX), tile.y1 + _CONTEXT_PX)
        columns = slice(max(0, tile.x - _CONTEXT_PX), tile.x1 + _CONTEXT_PX)
        for channel in self.picture.channels:
            pyramid = channel.pyramid
            if channel.visible:
                pyramid.ask(0, rows, columns)
            if channel.visible and len(pyramid.shapes) > 1:
                pyramid.ask(len(pyramid.shapes) - 1, slice(None), slice(None))


class Gallery:
    """Opens the images of one project, in the background.

    Parameters
    ----------
    project : Project
        Open; closed by the caller.
    background : Background
        Lane ``pictures`` is used.

    Signals
    -------
    ready : Scene
        It has been opened.
    labels_changed : Tile
        Labels of an opened image have changed at all levels; on the main thread.
    failed : Exception
        An image could not be opened.
    """

    ready = Signal(object)
    labels_changed = Signal(object)
    failed = Signal(object)
    _rebuilt = Signal(object)

    def __init__(self, project: Project, background: Background) -> None:
        self.project = project
        self._background = background
        self._reader = BlockReader()
        self._scenes: OrderedDict[_Question, Scene] = OrderedDict()
        self._pictures: dict[tuple[str, int], Picture] = {}
        self._asked: dict[_Question, list[Tile]] = {}
        self._heard: set[str] = set()
        self._closed = False
        hear_from_thread(self._rebuilt, self._on_rebuilt)

    def want(self, tile: Tile, model: str | None) -> Scene | None:
        """Return the scene of `tile`, or None when `ready` will bring it."""
        question = _Question(tile.image, tile.z, model)
        scene = self._scenes.get(question)
        if scene is not None:
            self._scenes.move_to_end(question)
            scene.fetch(tile)
        elif question in self._asked:
            self._asked[question].append(tile)
        else:
            self._asked[question] = [tile]
            self._background.do(
                "pictures",
                partial(self._open, question, self._pictures.get((tile.image, tile.z))),
                then=partial(self._on_open, question),
                otherwise=partial(self._on_error, question),
            )
        return scene

    def close(self) -> None:
        """Stop reading; answers that are still under way are dropped."""
        self._closed = True
        for image in self._heard:
            self.project.labels(image).listeners.remove(self._tell_rebuilt)
        self._heard.clear()
        self._scenes.clear()
        self._pictures.clear()
        self._background.do("pictures", self._reader.shutdown)

    def _open(self, question: _Question, picture: Picture | None) -> Scene:
        where = (self.project, question.image, question.z)
        picture = picture or open_picture(*where, self._reader)
        overlays = open_overlays(*where, question.model, self._reader)
        return Scene(picture, overlays, question.model)

    def _on_open(self, question: _Question, scene: Scene) -> None:
        tiles = self._asked.pop(question, [])
        if self._closed:
            return
        self._scenes[question] = scene
        if question.image not in self._heard:
            self._heard.add(question.image)
            self.project.labels(question.image).listeners.append(self._tell_rebuilt)
        while len(self._scenes) > _AT_HAND:
            self._scenes.popitem(last=False)
        pictures = [known.picture for known in self._scenes.values()]
        self._pictures = {(picture.image, picture.z): picture for picture in pictures}
        for tile in tiles:
            scene.fetch(tile)
        self.ready.emit(scene)

    def _on_error(self, question: _Question, error: Exception) -> None:
        self._asked.pop(question, None)
        if not self._closed:
            self.failed.emit(error)

    def _tell_rebuilt(self, tile: Tile) -> None:
        """Hear from a thread of the label image."""
        self._rebuilt.emit(tile)

    def _on_rebuilt(self, tile: Tile) -> None:
        for scene in self._scenes.values():
            if scene.shows(tile):
                scene.overlays.labels.forget(tile)
        if not self._closed:
            self.labels_changed.emit(tile)
