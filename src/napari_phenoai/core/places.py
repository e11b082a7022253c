"""Places for files that a training elsewhere needs or makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Place"]


class Place(Protocol):
    """A folder somewhere; names in it have ``/`` between their parts and cannot lead out."""

    def put(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all; `EndpointError` if that fails."""
        ...

    def get(self, name: str, most_bytes: int) -> bytes:
        """Return a file; `EndpointError` if there is none or it is larger than that."""
        ...

    def fetch(self, name: str, target: Path, size: int) -> None:
        """Load a file of `size` bytes into `target`, going on where it broke off before."""
        ...

    def size(self, name: str) -> int | None:
        """Return how many bytes a file has; None where there is none."""
        ...

    def inside(self, wanted: str) -> Place:
        """Return the folder `wanted` in this one."""
        ...
