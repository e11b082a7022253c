"""The Servers dock: which there are, predictions and trainings on them, and the marketplace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QMainWindow, QTabWidget, QVBoxLayout

from napari_phenoai.ui.jobs_strip import JobsStrip
from napari_phenoai.ui.listening import listen
from napari_phenoai.ui.scrolling import Scrolling
from napari_phenoai.ui.server_desk import servers_of
from napari_phenoai.ui.server_list import ServerPage
from napari_phenoai.ui.server_market import MarketPage
from napari_phenoai.ui.server_predict import PredictPage
from napari_phenoai.ui.server_train import TrainPage
from napari_phenoai.ui.session_dock import SessionDock

if TYPE_CHECKING:
    import napari.viewer
    from qtpy.QtGui import QShowEvent

__all__ = ["ServersDock"]


class ServersDock(SessionDock):
    """Servers that predict and train, for this viewer's project.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose session is shown.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "Servers")
        self.desk = servers_of(self.session)
        self.servers = ServerPage(self.desk)
        self.predict = PredictPage(viewer, self.session)
        self.train = TrainPage(self.session)
        self.market = MarketPage(self.desk)
        self.jobs = JobsStrip(self.session)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        for page, title in (
            (self.servers, "Servers"),
            (self.predict, "Predict"),
            (self.train, "Train"),
            (self.market, "Marketplace"),
        ):
            self.tabs.addTab(Scrolling(page), title)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.jobs)
        layout.setContentsMargins(4, 0, 4, 4)
        self.servers.market_wanted.connect(self._show_market)
        self.servers.predict_wanted.connect(self._show_predict)
        self.predict.login_wanted.connect(self.see_to)
        for page in (self.predict, self.train):
            page.servers_wanted.connect(lambda: self.tabs.setCurrentIndex(0))
        listen(self, self.desk.changed, self._on_changed)
        self._asked = False
        self._bound = False
        self.desk.reload()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Ask the servers how they are, when somebody looks for the first time."""
        super().showEvent(event)
        self._asked = True
        self.desk.test_all()
        window = self.window()
        if isinstance(window, QMainWindow) and not self._bound:
            self._bound = True
            window.destroyed.connect(self.desk.close)

    def see_to(self, server: str) -> None:
        """Show `server`, ask it anew, and offer to log in where it wants that."""
        self.tabs.setCurrentIndex(0)
        self.servers.see_to(server)

    def predict_all(self, server: str) -> None:
        """Let `server` predict all images; what is not clear yet is asked on its page."""
        self.predict.choose(server, "all")
        self.tabs.setCurrentIndex(1)
        self.predict.predict()

    def _on_changed(self) -> None:
        if self._asked:
            self.desk.test_all()

    def _show_market(self) -> None:
        self.tabs.setCurrentIndex(3)
        self.market.load()

    def _show_predict(self, name: str) -> None:
        self.predict.choose(name)
        self.tabs.setCurrentIndex(1)
