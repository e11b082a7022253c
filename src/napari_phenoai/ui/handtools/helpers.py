"""Helpers: what every mode of a pixel tool needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_phenoai.ui.objects_now import held_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_phenoai.core.editing import Canvas
    from napari_phenoai.core.object_table import ObjectTable
    from napari_phenoai.ui.handtools.picture import Sketch
    from napari_phenoai.ui.handtools.preview import Preview
    from napari_phenoai.ui.handtools.work import Workshop
    from napari_phenoai.ui.session import Session
    from napari_phenoai.ui.tools import Tools

__all__ = ["Helpers"]


class Helpers:
    """Chosen class, preview and workshop of one viewer.

    Parameters
    ----------
    session : Session
        Knows the classes.
    tools : Tools
        Knows which class is chosen.
    workshop : Workshop
        Computes.
    preview : Preview
        Draws.
    say : callable
        Shows anew what the status bar says.
    """

    def __init__(
        self,
        session: Session,
        tools: Tools,
        workshop: Workshop,
        preview: Preview,
        say: Callable[[], object],
    ) -> None:
        self.workshop = workshop
        self.say = say
        self._session = session
        self._tools = tools
        self._preview = preview

    @property
    def class_id(self) -> int:
        """The chosen class."""
        return self._tools.class_id

    @property
    def value(self) -> int:
        """What is painted: the chosen class, or the object in the hand."""
        return self._tools.value

    @property
    def class_name(self) -> str:
        """Its name; empty without a project."""
        project = self._session.project
        return "" if project is None else project.scheme.named(self.class_id).name

    @property
    def objects(self) -> ObjectTable | None:
        """The class of each object that can be painted now; None in a project of classes."""
        held = held_now(self._session)
        return None if held is None else held.table

    @property
    def unknown(self) -> bool:
        """Whether what is not painted is unlabelled, and not background."""
        surface = self.workshop.surface
        return surface is None or surface.unknown

    def look(
        self,
        see: Callable[[Canvas], Sketch | None],
        needs: frozenset[str],
        then: Callable[[Any], object],
    ) -> None:
        """Compute a sketch in a thread, draw it, and tell what it is."""

        def shown(sketch: Sketch | None) -> None:
            self.draw(sketch)
            then(sketch)

        self.workshop.look(see, needs, shown)

    def draw(self, sketch: Sketch | None) -> None:
        """Draw a sketch, or nothing any more."""
        project = self._session.project
        if sketch is None or project is None or self.workshop.surface is None:
            self._preview.hide()
        else:
            self._preview.show(sketch, project.scheme)

    def drop(self) -> None:
        """Draw nothing any more, and forget what was to be drawn."""
        self.workshop.forget_look()
        self._preview.hide()

    def leave(self) -> None:
        """Drop all, as another tile or project is shown."""
        self.drop()
        if self._session.project is None:
            self.close()

    def close(self) -> None:
        """Forget everything, and take the layer of the preview away."""
        self.workshop.clear()
        self._preview.close()
