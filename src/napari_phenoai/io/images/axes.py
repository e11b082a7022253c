"""From the axes of a file to ``(z, c, y, x)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_phenoai.io.images.problems import unsupported

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["stack_axes"]


def stack_axes(
    axes: Sequence[str], shape: Sequence[int], uri: str
) -> tuple[int | None, int | None]:
    """Return which axes hold the planes and the channels.

    Axes of length 1 do not count. Of the others, ``c`` holds the channels, and
    one more may be there: its positions become the planes ``z``, be they depths,
    moments or just pages. So a time series without depth is stepped through like
    a stack, and one with depth is refused.

    Parameters
    ----------
    axes : sequence of str
        One lower-case name per axis apart from ``y``, ``x`` and colour samples.
    shape : sequence of int
        Their lengths.
    uri : str
        The image, for the message.

    Returns
    -------
    tuple of int or None
        Positions of the plane axis and of the channel axis in `axes`.

    Raises
    ------
    ImageError
        If more than one axis besides the channels is longer than 1.

    Examples
    --------
    >>> stack_axes("tcz", (1, 2, 30), "leaf.tif")
    (2, 1)
    """
    long = [i for i, length in enumerate(shape) if length > 1]
    channel = next((i for i in long if axes[i] == "c"), None)
    planes = [i for i in long if i != channel]
    if len(planes) > 1:
        sizes = ", ".join(f"{axes[i]}: {shape[i]}" for i in planes)
        hint = "Save each time point, or each series of planes, as an image of its own."
        raise unsupported(uri, f"has more than one axis of planes ({sizes})", hint)
    return (planes[0] if planes else None), channel
