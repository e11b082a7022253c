"""How the threads of a computation wait for each other on a busy machine."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

__all__ = ["wait_without_spinning"]

_CHOICES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
_SPINS = "5000"
"""Turns of GNU's OpenMP, some microseconds: until the other thread is done when both run."""


def wait_without_spinning(environment: MutableMapping[str, str] | None = None) -> None:
    """Let OpenMP threads sleep soon while they wait, before torch and scikit-learn load OpenMP.

    By default they spin for milliseconds, and hold the processor that the thread they wait
    for needs. With other programs at work on two cores a step of a network training took 9
    to 11 s that way and 3 s when they slept; sleeping at once takes some per cent longer
    where nothing else runs. What somebody has chosen is kept.

    Parameters
    ----------
    environment : mutable mapping, optional
        Of this process by default.

    Examples
    --------
    >>> variables = {}
    >>> wait_without_spinning(variables)
    >>> variables
    {'GOMP_SPINCOUNT': '5000', 'KMP_BLOCKTIME': '0'}
    """
    variables = os.environ if environment is None else environment
    if not any(name in variables for name in _CHOICES):
        variables.update({"GOMP_SPINCOUNT": _SPINS, "KMP_BLOCKTIME": "0"})
