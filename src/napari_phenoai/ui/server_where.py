"""Where all images are predicted: here, on a server, or on a Dask cluster."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from napari_phenoai.io.own_cluster import OwnCluster
from napari_phenoai.jobs.cluster import SCHEME, cluster_work, scheduler_of
from napari_phenoai.loop.predict import predict_project
from napari_phenoai.loop.spread import predict_spread
from napari_phenoai.ui.listening import listen, while_alive
from napari_phenoai.ui.server_choice import choice_box
from napari_phenoai.ui.server_desk import servers_of
from napari_phenoai.ui.server_words import trouble_of

if TYPE_CHECKING:
    from napari_phenoai.core.progress import Work
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.session import Session

__all__ = ["WhereBox"]

_HERE = "here"
_CLUSTER = "cluster"
_SERVER = "server:"
_LANE = "docks"


class WhereBox(QWidget):
    """Chooses a place; remembers the address of a cluster among the person's settings.

    Parameters
    ----------
    session : Session
        Whose servers are offered.
    """

    changed = QtSignal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._desk = servers_of(session)
        self.box = choice_box("Where to predict all images")
        self.address_edit = QLineEdit()
        self.address_edit.setPlaceholderText(f"{SCHEME}host:8786")
        self.address_edit.setToolTip(
            "The address that dask scheduler prints. All workers must see the folder of the "
            "project under the same path."
        )
        self.address_edit.hide()
        line = QHBoxLayout()
        line.addWidget(QLabel("Where"))
        line.addWidget(self.box, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        box.addLayout(line)
        box.addWidget(self.address_edit)
        listen(self, self._desk.changed, self._fill)
        listen(self, session.project_changed, self._on_project)
        self.box.currentIndexChanged.connect(self._on_chosen)
        self._fill()
        self._desk.reload()
        self._on_project()

    @property
    def server(self) -> str | None:
        """Name of the server that is chosen, if one is."""
        place = str(self.box.currentData())
        return place.removeprefix(_SERVER) if place.startswith(_SERVER) else None

    @property
    def on_cluster(self) -> bool:
        """Whether a cluster is chosen."""
        return bool(self.box.currentData() == _CLUSTER)

    def choose_cluster(self, address: str) -> None:
        """Choose the cluster at `address`."""
        self.box.setCurrentIndex(self.box.findData(_CLUSTER))
        self.address_edit.setText(address)

    def work(self, project: Project, *, device: str, engine: str) -> Work[int]:
        """Return what predicts all images with the model that serves, here or on the cluster.

        Raises
        ------
        InputError
            If the address is none of a cluster.
        """
        if not self.on_cluster:
            return predict_project(project, device=device, engine=engine)
        address = self.address_edit.text().strip()
        if "://" not in address:
            address = f"{SCHEME}{address}"
        scheduler_of(address)
        keep = partial(OwnCluster().keep, address)
        self._session.background.do("writes", keep, otherwise=self._session.complain)
        return predict_spread(project, partial(cluster_work, address), device=device, engine=engine)

    def _fill(self) -> None:
        chosen = self.box.currentData()
        self.box.blockSignals(True)
        self.box.clear()
        self.box.addItem("this computer", _HERE)
        for name, state in self._desk.states.items():
            if not state.offers or any(offer.predict for offer in state.offers):
                trouble = f" ({trouble_of(state.error)})" if state.error is not None else ""
                self.box.addItem(f"server {name}{trouble}", f"{_SERVER}{name}")
        self.box.addItem("Dask cluster", _CLUSTER)
        self.box.setCurrentIndex(max(0, self.box.findData(chosen)))
        self.box.blockSignals(False)
        self._on_chosen()

    def _on_chosen(self) -> None:
        self.address_edit.setVisible(self.on_cluster)
        self.changed.emit()

    def _on_project(self) -> None:
        project = self._session.project
        if project is not None:
            self._session.background.do(
                _LANE,
                OwnCluster().read,
                then=while_alive(self, partial(self._on_kept, project)),
            )

    def _on_kept(self, project: Project, address: str) -> None:
        if project is self._session.project:
            self.address_edit.setText(address)
