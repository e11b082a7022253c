"""How a model on a server is asked: its form, where the picture goes, and how long to wait."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QSpinBox, QVBoxLayout, QWidget

from napari_phenoai.loop.remote_form import keep_form, kept_form
from napari_phenoai.remote.deepaas import PREDICT_SECONDS
from napari_phenoai.ui.controls.form_view import FormView
from napari_phenoai.ui.listening import while_alive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_phenoai.core.forms import Form, FormField
    from napari_phenoai.io.project import Project
    from napari_phenoai.remote.spec import Offer
    from napari_phenoai.ui.session import Session

__all__ = ["ServerSettings"]

_LANE = "docks"


class ServerSettings(QWidget):
    """The values of one model, remembered for each project, server and model.

    Parameters
    ----------
    session : Session
        Whose project remembers.
    verb : str
        ``predict`` or ``train``: which of the forms of a model.
    """

    def __init__(
        self, session: Session, verb: str = "predict", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._verb = verb
        self._place: tuple[Project, str, str] | None = None
        self.form_view: FormView | None = None
        self.picture_box = QComboBox()
        self.seconds_box = QSpinBox()
        self.seconds_box.setRange(5, 24 * 3600)
        self.seconds_box.setValue(int(PREDICT_SECONDS))
        self.seconds_box.setSuffix(" s")
        self.seconds_box.setToolTip("How long the server may be silent before it is looked after")
        self.empty = QLabel("This model takes no values.")
        self._rows = QFormLayout()
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setVerticalSpacing(3)
        self._rows.addRow("Picture as", self.picture_box)
        self._rows.addRow("Wait at most", self.seconds_box)
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(8, 0, 0, 0)
        self._box.setSpacing(4)
        self._box.addWidget(self.empty)
        self._box.addLayout(self._rows)
        self._rows.setRowVisible(self.picture_box, False)
        self._rows.setRowVisible(self.seconds_box, verb == "predict")

    def show_offer(
        self,
        server: str,
        offer: Offer | None,
        without: frozenset[str] = frozenset(),
        proposed: Mapping[str, object] | None = None,
    ) -> None:
        """Show the form of a model; the same one again keeps what is typed.

        Parameters
        ----------
        server : str
            Its name.
        offer : Offer or None
            The model.
        without : frozenset of str
            Fields that somebody else fills in.
        proposed : mapping, optional
            Values in place of the model's own defaults.
        """
        project = self._session.project
        place = (project, server, offer.key) if project is not None and offer is not None else None
        form = getattr(offer, self._verb) if offer is not None else None
        form = _offered(form, without, proposed or {}) if form is not None else None
        if place == self._place and self.form_view is not None and self.form_view.form == form:
            return
        self._place = place
        self._replace(form)
        if place is not None:
            self._session.background.do(
                _LANE,
                partial(kept_form, *place, self._verb),
                then=while_alive(self, partial(self._on_kept, place)),
            )

    @property
    def picture_field(self) -> str | None:
        """The field that takes the tile, where a person had to say it."""
        found = self.picture_box.currentData()
        return None if found is None else str(found)

    @property
    def seconds(self) -> float:
        """How long the server may be silent."""
        return float(self.seconds_box.value())

    def read(self) -> dict[str, object] | None:
        """Return the values and remember them; None where one is wrong, which is then shown."""
        values = self.form_view.read() if self.form_view is not None else {}
        if values is not None and self._place is not None and self.form_view is not None:
            kept = self.form_view.kept_values()
            work = partial(keep_form, *self._place, self._verb, kept)
            self._session.background.do("writes", work, otherwise=self._session.complain)
        return values

    def show_problems(self, fields: Mapping[str, tuple[str, ...]]) -> None:
        """Put what a server says of values beside their inputs."""
        if self.form_view is not None:
            self.form_view.show_problems(fields)

    def _replace(self, form: Form | None) -> None:
        if self.form_view is not None:
            self._box.removeWidget(self.form_view)
            self.form_view.hide()
            self.form_view.deleteLater()
            self.form_view = None
        if form is not None:
            self.form_view = FormView(form)
            self._box.insertWidget(0, self.form_view)
        self.empty.setVisible(form is not None and not (self.form_view and self.form_view.inputs))
        self._fill_pictures(form)

    def _fill_pictures(self, form: Form | None) -> None:
        unclear = form is not None and form.picture is None and len(form.files) > 0
        self.picture_box.clear()
        if form is not None and unclear:
            for field in form.files:
                self.picture_box.addItem(field.name, field.name)
        self._rows.setRowVisible(self.picture_box, unclear)

    def _on_kept(self, place: tuple[Project, str, str], values: dict[str, Any]) -> None:
        if place == self._place and self.form_view is not None and values:
            self.form_view.set_values(values)


def _offered(form: Form, without: frozenset[str], proposed: Mapping[str, object]) -> Form:
    """Return a form without some fields, and with other defaults."""
    fields = tuple(_preset(field, proposed) for field in form.fields if field.name not in without)
    return form if fields == form.fields else replace(form, fields=fields)


def _preset(field: FormField, proposed: Mapping[str, object]) -> FormField:
    value = proposed.get(field.name)
    fits = value is not None and (field.kind != "choice" or value in field.choices)
    return replace(field, default=value) if fits else field
