"""OpenVINO as engine: several times faster than torch on a processor, same weights."""

from __future__ import annotations

import sys
import threading
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_phenoai.errors import InputError, ModelError
from napari_phenoai.ml.device import Compute
from napari_phenoai.ml.engine import BYTES_PER_PX, LARGE_BLOCKS_PX
from napari_phenoai.ml.engine_cache import kept
from napari_phenoai.ml.normalise import as_float

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import nn

    from napari_phenoai.ml.normalise import Statistics

    _Model = Any

__all__ = ["ConversionError", "OpenVinoEngine", "convert", "openvino_installed"]

_HINTS = {"bf16": "bf16", "fp32": "f32"}
_TRIAL_PX = (64, 96)
_TOLERANCE = 1e-2
_OTHER = "Choose the engine torch, or another encoder when you train."


class ConversionError(ModelError):
    """OpenVINO cannot run a network."""


def openvino_installed() -> bool:
    """Tell whether the extra ``[cpu]`` is there."""
    return find_spec("openvino") is not None


class OpenVinoEngine:
    """A network that OpenVINO runs on the processor.

    The network is converted once; what comes out is kept in the user's cache folder
    under a name made from `key`. It is compiled for images of any size, separately
    for bytes and for all other types of values.

    Parameters
    ----------
    key : str
        Changes with the weights and with whatever else makes the network.
    statistics : Statistics
        Of the pixels that it was trained on.
    network : callable
        Returns the network with its weights; called when it was not converted before.
    channels : int
        Channels of the images.
    precision : str
        ``auto`` takes bf16 where the processor multiplies it, else fp32.

    Raises
    ------
    ConversionError
        If OpenVINO cannot run this network.
    InputError
        If the processor lacks the precision.
    """

    def __init__(
        self,
        key: str,
        statistics: Statistics,
        network: Callable[[], nn.Module],
        channels: int,
        precision: str = "auto",
    ) -> None:
        core = _openvino().Core()
        self._core = core
        self.compute = Compute(torch.device("cpu"), _precision(core, precision))
        self._model = kept(
            f"{key} openvino {_openvino().get_version()}",
            core.read_model,
            lambda: convert(network(), statistics, channels),
        )
        self._requests: dict[bool, Any] = {}
        self._lock = threading.Lock()

    def __str__(self) -> str:
        return f"cpu, OpenVINO {self.compute.precision}"

    @property
    def blocks_px(self) -> Sequence[tuple[int, int]]:
        """Rows and columns of good blocks; in fp32 the largest takes longer per pixel."""
        return LARGE_BLOCKS_PX[self.compute.precision == "fp32" :]

    @property
    def bytes_per_px(self) -> int:
        """Memory that a pixel takes; see `Engine`."""
        return BYTES_PER_PX[self.compute.precision]

    def scores(self, pixels: NDArray[np.generic]) -> torch.Tensor:
        """Return the scores of `pixels`; see `Engine`."""
        plain = pixels.dtype == np.uint8
        values = np.ascontiguousarray(pixels) if plain else as_float(pixels)
        with self._lock:
            request = self._request(bytes_in=plain)
            request.infer([values], share_inputs=True)
            return torch.from_numpy(request.get_output_tensor(0).data.copy())

    def _request(self, *, bytes_in: bool) -> Any:
        if bytes_in not in self._requests:
            model = _from_bytes(self._model) if bytes_in else self._model
            hint = _HINTS[self.compute.precision]
            compiled = _compiled(self._core, model, hint)
            self._requests[bytes_in] = compiled.create_infer_request()
        return self._requests[bytes_in]


def convert(network: nn.Module, statistics: Statistics, channels: int) -> _Model:
    """Return `network` as an OpenVINO model that takes pixels as they are in the file.

    It was compared with torch on a small piece of noise.

    Raises
    ------
    ConversionError
        If that is not possible, or it computes something else.
    """
    openvino = _openvino()
    whole = _Normalising(network.eval(), statistics)
    trial = 100 * torch.rand((1, channels, *_TRIAL_PX), generator=torch.Generator().manual_seed(0))
    other = torch.cat([trial, trial.flip(2)], dim=2)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        try:
            traced = _trace(whole, trial)
            shape = openvino.PartialShape([-1, channels, -1, -1])
            model = openvino.convert_model(traced, example_input=trial, input=[shape])
            found = _compiled(openvino.Core(), model, "f32")([other.numpy()])[0]
        except (RuntimeError, TypeError, ValueError, AttributeError) as error:
            text = f"OpenVINO cannot run this network: {error}."
            raise ConversionError(text, hint=_OTHER) from error
        expected = whole(other).numpy()
    if np.abs(found - expected).max() > _TOLERANCE * max(1.0, float(np.abs(expected).max())):
        text = "OpenVINO computes something else with this network than torch."
        raise ConversionError(text, hint=_OTHER)
    return model


def _trace(network: nn.Module, trial: torch.Tensor) -> Any:
    trace: Callable[..., Any] = torch.jit.trace
    return trace(network, trial, check_trace=False)


class _Normalising(torch.nn.Module):
    """A network that takes the values of the image file."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: nn.Module, statistics: Statistics) -> None:
        super().__init__()
        self.network = network
        shape = (1, -1, 1, 1)
        self.register_buffer("mean", torch.tensor(statistics.mean).reshape(shape))
        self.register_buffer("std", torch.tensor(statistics.std).reshape(shape))

    def forward(self, pixels: torch.Tensor) -> Any:
        return self.network((pixels - self.mean) / self.std)


def _openvino() -> Any:
    """Import OpenVINO without its telemetry, which would tell its maker of each use."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def _precision(core: Any, name: str) -> str:
    able = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if name == "auto":
        return "bf16" if able else "fp32"
    if name not in _HINTS:
        raise InputError(f"OpenVINO has no precision {name!r}.", hint="Choose auto, bf16 or fp32.")
    if name == "bf16" and not able:
        raise InputError("This processor does not compute in bf16.", hint="Choose auto or fp32.")
    return name


def _from_bytes(model: _Model) -> _Model:
    from openvino.preprocess import PrePostProcessor

    steps = PrePostProcessor(model.clone())
    steps.input().tensor().set_element_type(_openvino().Type.u8)
    return steps.build()


def _compiled(core: Any, model: _Model, hint: str) -> Any:
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": hint,
        "ENABLE_CPU_PINNING": False,
    }
    return core.compile_model(model, "CPU", settings)
