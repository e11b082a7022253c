"""The phenoai command."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line; the entry point ``phenoai``.

    The exit status is 0 on success, 1 with a reason and a hint on failure, 2 on wrong
    usage. SIGTERM stops a command as cleanly as Ctrl-C does.
    """
    import sys

    from napari_phenoai.cli.app import app
    from napari_phenoai.cli.output import print_usage_error
    from napari_phenoai.cli.stopping import obey_signals

    obey_signals()
    try:
        app(prog_name="phenoai")
    except SystemExit as end:
        if end.code == 2 and "--json" in sys.argv:
            print_usage_error()
        raise
