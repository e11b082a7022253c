"""How the threads of a computation wait for each other on a busy machine."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

__all__ = ["wait_without_spinning"]

_POLICY = "OMP_WAIT_POLICY"


def wait_without_spinning(environment: MutableMapping[str, str] | None = None) -> None:
    """Let OpenMP threads sleep while they wait, before torch and scikit-learn load OpenMP.

    By default they spin, and hold the processor that the thread they wait for needs.
    With other programs at work on two cores a step of a network training took 9 to 11 s
    that way and 3 s when they slept. A policy that somebody has chosen is kept.

    Parameters
    ----------
    environment : mutable mapping, optional
        Of this process by default.

    Examples
    --------
    >>> variables = {}
    >>> wait_without_spinning(variables)
    >>> variables
    {'OMP_WAIT_POLICY': 'PASSIVE'}
    """
    variables = os.environ if environment is None else environment
    variables.setdefault(_POLICY, "PASSIVE")
