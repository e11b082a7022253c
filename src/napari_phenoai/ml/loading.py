"""Loads torch into a process that draws a window, without a crash and without a pause.

triton, which comes with the CUDA build of torch for its compiler, carries an LLVM
of its own. Where Mesa's software renderer has loaded another LLVM into the process,
as in a window without a graphics driver, importing triton ends the process with a
segmentation fault (torch 2.14, triton 3.8, Mesa 22.3 with LLVM 15). Nothing here
needs triton, and torch works without it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from importlib.util import find_spec
from pathlib import Path

__all__ = ["avoid_triton", "mesa_draws_here", "preload_torch"]

_MAPS = Path("/proc/self/maps")
_LIBRARIES = ("libc10.so", "libtorch_cpu.so")


def mesa_draws_here() -> bool:
    """Tell whether this process has loaded an LLVM as a library of its own, as Mesa does."""
    try:
        return "libLLVM" in _MAPS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def avoid_triton() -> None:
    """Let imports of triton fail from now on, where they would crash; torch then does without.

    Does nothing where triton is loaded already or Mesa draws nothing here.
    """
    if "triton" not in sys.modules and mesa_draws_here():
        sys.modules["triton"] = None  # type: ignore[assignment]


def preload_torch() -> None:
    """Load the large libraries of torch while other threads go on, on Linux.

    An import loads them too, but lets no other Python run meanwhile: a window would
    stand still for a third of a second. Does nothing where torch is loaded already.
    """
    spec = find_spec("torch") if "torch" not in sys.modules else None
    places = spec.submodule_search_locations if spec is not None else None
    if not places or not sys.platform.startswith("linux"):
        return
    loader = ctypes.CDLL(None).dlopen
    loader.argtypes, loader.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    for name in _LIBRARIES:
        path = Path(places[0]) / "lib" / name
        if path.is_file():
            loader(os.fsencode(path), os.RTLD_LAZY | os.RTLD_LOCAL)
