"""The phenoai command."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line; the entry point ``phenoai``.

    The exit status is 0 on success, 1 with a reason and a hint on failure, 2 on wrong
    usage. SIGTERM stops a command as cleanly as Ctrl-C does.
    """
    import signal
    import sys

    from napari_phenoai.cli.app import app
    from napari_phenoai.cli.output import print_usage_error

    signal.signal(signal.SIGTERM, _stop)
    try:
        app(prog_name="phenoai")
    except SystemExit as end:
        if end.code == 2 and "--json" in sys.argv:
            print_usage_error()
        raise


def _stop(*_: object) -> None:
    raise KeyboardInterrupt
