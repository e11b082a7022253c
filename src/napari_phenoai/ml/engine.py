"""Engines: what runs a network. Here the port, and torch behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from napari_phenoai.ml.normalise import as_float

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import nn

    from napari_phenoai.ml.device import Compute
    from napari_phenoai.ml.normalise import Statistics

__all__ = ["BYTES_PER_PX", "ENGINES", "LARGE_BLOCKS_PX", "Engine", "TorchEngine", "as_tensor"]

ENGINES = ("auto", "openvino", "torch")
"""Names that a person may choose from."""


LARGE_BLOCKS_PX = ((2048, 2048), (1536, 1536), (1024, 1024))
"""Large, so that little context is computed: a share of 0.89, 0.85 and 0.79 is asked for."""

BYTES_PER_PX = {"bf16": 350, "fp16": 350, "fp32": 650}
"""Measured with a resnet18 U-Net, rounded up, by precision."""

_BLOCKS_PX = ((1024, 1536), (1024, 1024))
"""On a processor torch asks the system for each layer's memory anew, which costs the more
time the larger it is: 1664 x 2176 px take a tenth longer per pixel than 1152 x 1664."""


class Engine(Protocol):
    """Runs one network; ``str`` of it says where and how, for people."""

    @property
    def compute(self) -> Compute:
        """Device and precision."""
        ...

    @property
    def blocks_px(self) -> Sequence[tuple[int, int]]:
        """Rows and columns of good blocks, best first."""
        ...

    @property
    def bytes_per_px(self) -> int:
        """Memory that a pixel takes meanwhile, with a network as large as a resnet18 U-Net."""
        ...

    def scores(self, pixels: NDArray[np.generic]) -> torch.Tensor:
        """Return what the network says, before the softmax.

        Parameters
        ----------
        pixels : ndarray, shape (n, c, y, x)
            Values as in the image file; ``y`` and ``x`` are multiples of 32.

        Returns
        -------
        Tensor of float32, shape (n, k, y, x)
            On the device of `compute`.
        """
        ...


class TorchEngine:
    """A network that torch runs, in mixed precision and channels-last.

    Parameters
    ----------
    network : Module
        With its weights.
    statistics : Statistics
        Of the pixels that it was trained on.
    compute : Compute
        Where and how.
    """

    def __init__(self, network: nn.Module, statistics: Statistics, compute: Compute) -> None:
        layout = torch.channels_last
        self.compute = compute
        self._network = network.to(compute.device).to(memory_format=layout).eval()
        shape = (1, -1, 1, 1)
        self._mean = torch.tensor(statistics.mean, device=compute.device).reshape(shape)
        self._std = torch.tensor(statistics.std, device=compute.device).reshape(shape)

    def __str__(self) -> str:
        return str(self.compute)

    @property
    def blocks_px(self) -> Sequence[tuple[int, int]]:
        """Rows and columns of good blocks; see `Engine`."""
        return _BLOCKS_PX if self.compute.device.type == "cpu" else LARGE_BLOCKS_PX

    @property
    def bytes_per_px(self) -> int:
        """Memory that a pixel takes; see `Engine`."""
        return BYTES_PER_PX[self.compute.precision]

    @torch.inference_mode()
    def scores(self, pixels: NDArray[np.generic]) -> torch.Tensor:
        """Return the scores of `pixels`; see `Engine`."""
        batch = (
            as_tensor(pixels)
            .to(self.compute.device)
            .to(torch.float32, memory_format=torch.channels_last, copy=True)
        )
        batch.sub_(self._mean).div_(self._std)
        with self.compute.autocast():
            found = self._network(batch)
        result: torch.Tensor = found.float()
        return result


def as_tensor(pixels: NDArray[np.generic]) -> torch.Tensor:
    """Return `pixels` as a tensor: bytes as they are, all else as finite float32."""
    if pixels.dtype == np.uint8:
        return torch.from_numpy(np.require(pixels, requirements=["C", "W"]))
    return torch.from_numpy(as_float(pixels))
