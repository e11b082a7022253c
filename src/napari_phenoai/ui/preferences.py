"""What the person set on napari's settings page, under Preferences > Plugins > PhenoAI."""

from __future__ import annotations

import getpass
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "PLUGIN",
    "Place",
    "Preferences",
    "chosen_keys",
    "hear_key_settings",
    "preferences",
    "remember_checkpoint",
    "remember_reader",
]

PLUGIN = "napari-phenoai"
"""Name of the distribution, and of the plugin."""

_KEY = "key_"


@dataclass(frozen=True)
class Place:
    """Where models run: ``auto``, ``cpu`` or ``cuda``, and the engine of networks on a CPU."""

    device: str = "auto"
    engine: str = "auto"


@dataclass(frozen=True)
class Preferences:
    """Choices that hold for this computer; none of them is a secret.

    Parameters
    ----------
    author : str
        Written into decisions and models; empty stands for the account's name.
    auto_train : bool
        Whether new projects train by themselves.
    train_after : int
        After how many reviewed tiles new projects do so.
    heldout_share : float
        Share of the queue, in [0, 0.5], that new projects never train on.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    engine : str
        ``auto``, ``openvino`` or ``torch``: what predicts with networks on a CPU.
    checkpoint : str
        Path of the network that outlines what is clicked; empty for none.
    """

    author: str = ""
    auto_train: bool = True
    train_after: int = 6
    heldout_share: float = 0.2
    device: str = "auto"
    engine: str = "auto"
    checkpoint: str = ""

    @property
    def place(self) -> Place:
        """Where models run."""
        return Place(self.device, self.engine)

    @property
    def signature(self) -> str:
        """The author's name, or else that of the account."""
        return self.author.strip() or _account()


def preferences() -> Preferences:
    """Return what is set; the defaults where napari does not know this plugin."""
    from napari.settings import get_plugin_settings

    try:
        work = get_plugin_settings(PLUGIN).work
    except KeyError:
        return Preferences()
    return Preferences(
        author=work.author,
        auto_train=work.auto_train,
        train_after=work.train_after,
        heldout_share=work.heldout_share,
        device=work.device,
        engine=work.engine,
        checkpoint=work.checkpoint,
    )


def chosen_keys() -> dict[str, str]:
    """Return the keys as they are set, by action; none where napari does not know this plugin."""
    return {
        name.removeprefix(_KEY): str(value)
        for name, value in (_key_settings() or ())
        if name.startswith(_KEY)
    }


def hear_key_settings(slot: Callable[[Any], object]) -> None:
    """Call `slot` whenever a key is set; calling this again with the same one changes nothing."""
    model = _key_settings()
    if model is not None:
        model.events.connect(slot)


def _key_settings() -> Any:
    from napari.settings import get_plugin_settings

    try:
        return get_plugin_settings(PLUGIN).keyboard
    except KeyError:
        return None


def remember_checkpoint(path: str) -> None:
    """Keep which network outlines; not where napari does not know this plugin."""
    from napari.settings import get_plugin_settings

    with suppress(KeyError):
        get_plugin_settings(PLUGIN).work.checkpoint = path


def remember_reader() -> None:
    """Let napari open folders called ``*.phenoai`` with this plugin, without asking.

    Nothing is changed where the person has chosen a reader for them already. napari
    lists the choice under Preferences > Plugins, where it can be taken back.
    """
    from napari.settings import get_settings

    pattern = f"*.phenoai{os.sep}"
    plugins = get_settings().plugins
    if pattern not in plugins.extension2reader:
        plugins.extension2reader = {**plugins.extension2reader, pattern: PLUGIN}


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
