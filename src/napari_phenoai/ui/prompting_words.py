"""What is said of prompts: what happens, how long it takes, what the next key does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from napari_phenoai.ui.keys import key_or

if TYPE_CHECKING:
    from napari_phenoai.ui.prompting import Prompting

__all__ = ["network_words", "prepared_share", "prompt_words"]

_UNKNOWN = "5 to 15 s on a processor, a moment on a GPU"
_FIRST = {
    "point": "Click a thing. Shift+click: this does not belong to it.",
    "box": "Drag a box round a thing.",
    "everything": "Press {everything}, or click, to outline everything in the tile.",
}


def prompt_words(prompting: Prompting, tool: str, name: str) -> str:
    """Return what to know now.

    Parameters
    ----------
    prompting : Prompting
        What happens.
    tool : str
        ``point``, ``box`` or ``everything``.
    name : str
        Of the class that a mask will become.
    """
    network = prompting.network
    if network.missing:
        return network.missing
    if network.loading:
        return f"Loading {network.path.name if network.path else ''} …"
    if prompting.found is not None or prompting.shown:
        return _answer_words(prompting, name)
    if prompting.everything.job is not None:
        return f"Outlining everything: {_done(prompting)}. {key_or('drop', 'Drop')} stops it."
    if prompting.embeddings.under_way is not None and not prompting.prepared:
        asked = "the answer comes then" if prompting.under_way else "you may click already"
        return f"Preparing the tile, once ({_expected(prompting)}): {asked}."
    if prompting.asked is not None:
        return "Outlining …"
    everything = key_or("everything", "the button All")
    return prompting.note or _FIRST[tool].format(everything=everything)


def network_words(prompting: Prompting) -> str:
    """Return the short name of the network, and how far the tiles that come are prepared."""
    network = prompting.network
    if network.path is None:
        return "No network chosen"
    left = len(prompting.embeddings.wanted)
    name = prompting.network.path.stem if prompting.network.path else ""
    if network.prompter is not None:
        name = f"{name} ({network.prompter.kind}, {network.prompter.compute.device.type})"
    if not left or not prompting.begun:
        return name
    return f"{name}  ·  preparing {left} {'tile' if left == 1 else 'tiles'}"


def prepared_share(prompting: Prompting) -> float | None:
    """Return how much of the embedding under way is done, in [0, 1], as far as one knows.

    None while none is under way; without an earlier one to compare with, -1.
    """
    began, prompter = prompting.embeddings.began, prompting.network.prompter
    if began is None:
        return None
    if prompter is None or prompter.seconds is None:
        return -1.0
    return min((time.monotonic() - began) / max(prompter.seconds, 1e-3), 1.0)


def _answer_words(prompting: Prompting, name: str) -> str:
    take, step, drop = key_or("accept", "Take"), key_or("next", "Next"), key_or("drop", "Drop")
    found, asked = prompting.found, prompting.asked
    shown = prompting.shown
    if found is not None and found.chosen is None:
        count = len(found.candidates)
        all_of_them = f"{take}: all become {name}, labelled pixels stay"
        return f"{count} things. {all_of_them}. {step}: one by one."
    number, count = 0, 0
    if found is not None and found.chosen is not None:
        number, count = found.chosen + 1, len(found.candidates)
    elif asked is not None:
        number, count = asked.chosen + 1, len(asked.candidates)
    other = f" {step}: the next." if count > 1 else ""
    sure = f"{shown[0].area:,} px, judged {shown[0].score:.2f} of 1 by the network"
    return f"Mask {number} of {count}, {sure}. {take}: becomes {name}.{other} {drop}: drop."


def _expected(prompting: Prompting) -> str:
    prompter = prompting.network.prompter
    if prompter is None or prompter.seconds is None:
        return _UNKNOWN
    return f"about {max(prompter.seconds, 1):.0f} s"


def _done(prompting: Prompting) -> str:
    job = prompting.everything.job
    if job is None or not job.progress.total:
        return "it begins"
    found = job.progress.data.get("found", 0)
    return f"{job.progress.done / job.progress.total:.0%}, {found} so far"
