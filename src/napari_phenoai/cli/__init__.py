"""The phenoai command."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line; the entry point ``phenoai``."""
    from napari_phenoai.cli.app import app

    app(prog_name="phenoai")
