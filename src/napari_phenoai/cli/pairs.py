"""Options of the form ``name=value``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["pairs_of"]


def pairs_of(given: Sequence[str]) -> dict[str, object]:
    """Return what was given as ``name=value``, by its names.

    Raises
    ------
    typer.BadParameter
        If something has no ``=``.
    """
    pairs = [text.partition("=") for text in given]
    wrong = next((text for text, pair in zip(given, pairs, strict=True) if not pair[1]), None)
    if wrong is not None:
        raise typer.BadParameter(f"{wrong!r} is not of the form name=value.")
    return {name.strip(): value for name, _, value in pairs}
