"""Lengths in micrometres, and what counts as a pixel size."""

from __future__ import annotations

import math

__all__ = ["RGB_NAMES", "in_um", "plausible", "square"]

RGB_NAMES = ("red", "green", "blue")

_UM = {
    "pm": 1e-6, "picometer": 1e-6,
    "å": 1e-4, "angstrom": 1e-4,
    "nm": 1e-3, "nanometer": 1e-3, "nanometre": 1e-3,
    "µm": 1.0, "μm": 1.0, "um": 1.0, "\\u00b5m": 1.0, "micron": 1.0, "microns": 1.0,
    "micrometer": 1.0, "micrometre": 1.0,
    "mm": 1e3, "millimeter": 1e3, "millimetre": 1e3,
    "cm": 1e4, "centimeter": 1e4, "centimetre": 1e4,
    "dm": 1e5, "decimeter": 1e5, "decimetre": 1e5,
    "in": 25_400.0, "inch": 25_400.0, "inches": 25_400.0,
    "ft": 304_800.0, "foot": 304_800.0,
    "m": 1e6, "meter": 1e6, "metre": 1e6,
    "km": 1e9, "kilometer": 1e9, "kilometre": 1e9,
}  # fmt: skip
_UNEQUAL = 0.01


def in_um(value: object, unit: object) -> float | None:
    """Return a length in micrometres; None for a unit or a value that means no length.

    Examples
    --------
    >>> in_um(0.5, "mm")
    500.0
    >>> in_um(1, "pixel") is None
    True
    """
    factor = _UM.get(str(unit).strip().lower())
    try:
        number = float(str(value))
    except ValueError:
        return None
    return plausible(number * factor) if factor is not None else None


def plausible(length_um: float) -> float | None:
    """Return `length_um` if it is a positive finite number, else None."""
    return length_um if math.isfinite(length_um) and length_um > 0 else None


def square(y_um: float | None, x_um: float | None) -> float | None:
    """Return the edge of a pixel whose sides differ by at most 1 %; None for any other."""
    if y_um is None or x_um is None or abs(y_um - x_um) > _UNEQUAL * max(y_um, x_um):
        return None
    return x_um if math.isclose(y_um, x_um, rel_tol=1e-6) else (y_um + x_um) / 2
