"""Choosing a server and one of its modules: what its pages for prediction and training share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_phenoai.remote.spec import Offer
    from napari_phenoai.ui.server_desk import ServerDesk

__all__ = ["choice_box", "chosen_offer", "keep_narrow", "offer_choices"]


def choice_box(name: str) -> QComboBox:
    """Return an empty box that long names do not make wider; `name` is read aloud."""
    box = QComboBox()
    box.setAccessibleName(name)
    keep_narrow(box)
    return box


def keep_narrow(box: QComboBox) -> None:
    """Let long names not make `box` wider."""
    box.setMinimumContentsLength(8)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)


def offer_choices(box: QComboBox, choices: Iterable[tuple[str, str]]) -> None:
    """Offer texts with their values in `box`, without a signal; what was chosen stays chosen."""
    chosen = box.currentData()
    blocked = box.blockSignals(True)
    box.clear()
    for text, value in choices:
        box.addItem(text, value)
    box.setCurrentIndex(max(0, box.findData(chosen)))
    box.blockSignals(blocked)


def chosen_offer(desk: ServerDesk, server: str, key: object) -> Offer | None:
    """Return the module `key` of a server; None where it offers no such one now."""
    state = desk.states.get(server)
    offers = state.offers if state is not None else ()
    return next((offer for offer in offers if offer.key == key), None)
