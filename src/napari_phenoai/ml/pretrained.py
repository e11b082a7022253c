"""Encoders pretrained on ImageNet: fetched where they can be had, never waited for long."""

from __future__ import annotations

import logging
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from napari_phenoai.core.progress import Progress

if TYPE_CHECKING:
    import torch
    from torch import nn

    from napari_phenoai.core.progress import Work

__all__ = ["pretrained_encoder"]

_HUB = "https://huggingface.co"
_REACH_SECONDS = 3.0
_FETCH_SECONDS = 120.0

_log = logging.getLogger(__name__)


def pretrained_encoder(network: nn.Module, encoder: str, channels: int) -> Work[bool]:
    """Fill the encoder of `network` with ImageNet weights where they can be had.

    Never waits long: a hub that does not answer within 3 s counts as unreachable,
    and a download is given up after 2 minutes.

    Returns
    -------
    bool
        Whether the encoder is pretrained now.
    """
    fetched: list[dict[str, torch.Tensor]] = []
    thread = threading.Thread(target=_fetch, args=(encoder, channels, fetched), daemon=True)
    thread.start()
    waited = 0.0
    while thread.is_alive() and waited < _FETCH_SECONDS:
        thread.join(0.25)
        waited += 0.25
        yield Progress(0, 1, "looking for pretrained weights", {"stage": "weights"})
    if not fetched:
        return False
    network.get_submodule("encoder").load_state_dict(fetched[0])
    return True


def _fetch(encoder: str, channels: int, into: list[dict[str, torch.Tensor]]) -> None:
    if not (_cached(encoder) or _reachable()):
        return
    import segmentation_models_pytorch as smp

    name = True if encoder.startswith("tu-") else "imagenet"
    try:
        made = smp.encoders.get_encoder(encoder, channels, weights=name)
    except Exception:  # noqa: BLE001 - whatever a client of the hub raises: no weights
        _log.info("no pretrained weights for %s", encoder, exc_info=True)
    else:
        into.append(made.state_dict())


def _cached(encoder: str) -> bool:
    import segmentation_models_pytorch as smp
    from huggingface_hub import try_to_load_from_cache

    known = smp.encoders.encoders.get(encoder, {}).get("pretrained_settings", {})
    place = known.get("imagenet")
    if not place or "repo_id" not in place:
        return False
    found = try_to_load_from_cache(
        place["repo_id"], "model.safetensors", revision=place["revision"]
    )
    return isinstance(found, str)


def _reachable() -> bool:
    request = urllib.request.Request(_HUB, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=_REACH_SECONDS):  # noqa: S310
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
