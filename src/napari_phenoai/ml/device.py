"""Where to compute, how precisely, and what to do when memory runs out."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from napari_phenoai.errors import DeviceMemoryError, InputError

__all__ = ["Compute", "choose", "ran_out_of_memory", "too_large"]

_PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
_MEMORY_WORDS = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "failed to alloc",
    "bad_alloc",
)


@dataclass(frozen=True, slots=True)
class Compute:
    """A device and the precision of the arithmetic on it.

    Parameters
    ----------
    device : torch.device
        ``cpu`` or a CUDA device.
    precision : str
        ``bf16``, ``fp16`` or ``fp32``; weights stay in 32 bit in any case.
    """

    device: torch.device
    precision: str

    def __str__(self) -> str:
        return f"{self.device} ({self.precision})"

    @property
    def scaled(self) -> bool:
        """Whether gradients need a loss scaler."""
        return self.precision == "fp16"

    def autocast(self) -> AbstractContextManager[object]:
        """Return a context in which operations run in the precision chosen."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, _PRECISIONS[self.precision])


def choose(device: str = "auto", precision: str = "auto") -> Compute:
    """Return where and how to compute.

    Parameters
    ----------
    device : str
        ``auto`` takes CUDA where there is a device; else ``cpu``, ``cuda``, ``cuda:1``.
    precision : str
        ``auto`` takes bf16 where the hardware multiplies it natively, fp16 on
        older CUDA devices, fp32 elsewhere.

    Raises
    ------
    InputError
        If there is no such device or precision here.
    """
    chosen = _device(device)
    if precision == "auto":
        return Compute(chosen, _best_precision(chosen))
    if precision not in _PRECISIONS:
        hint = "Choose auto, bf16, fp16 or fp32."
        raise InputError(f"There is no precision {precision!r}.", hint=hint)
    if precision == "fp16" and chosen.type == "cpu":
        raise InputError("fp16 is not for the CPU.", hint="Choose auto, bf16 or fp32.")
    return Compute(chosen, precision)


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda") or (index and not index.isdigit()):
        raise InputError(f"There is no device {name!r}.", hint="Choose auto, cpu or cuda.")
    if kind == "cuda" and not torch.cuda.is_available():
        hint = "Choose auto or cpu, or install a driver and a torch build for your GPU."
        raise InputError("No CUDA device can be used here.", hint=hint)
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        hint = f"Choose cuda:0 to cuda:{torch.cuda.device_count() - 1}."
        raise InputError(f"There is no device {name!r}.", hint=hint)
    return torch.device(name)


def _best_precision(device: torch.device) -> str:
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "bf16" if _cpu_has_bf16() else "fp32"


def _cpu_has_bf16() -> bool:
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    if capabilities:
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in checks)


def ran_out_of_memory(error: BaseException) -> bool:
    """Tell whether `error` says that the memory of the device or machine ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error).lower() for words in _MEMORY_WORDS
    )


def too_large(shape: tuple[int, ...], compute: Compute) -> DeviceMemoryError:
    """Return the error for one piece of `shape` ``(c, y, x)`` that does not fit."""
    size = f"{shape[-2]} x {shape[-1]} px"
    other = "the CPU" if compute.device.type == "cuda" else "a machine with more memory"
    hint = f"Use smaller tiles or crops, or {other}."
    return DeviceMemoryError(f"One piece of {size} does not fit on {compute}.", hint=hint)
