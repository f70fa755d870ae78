"""The command `garaza`. A file for each subcommand, thin: they read arguments, call a feature, and show the outcome."""

import io
import sys

__all__ = ["main"]


def main() -> None:
    """Entry point of the console script."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # As standard error does by itself: a sign that the terminal doesn't know, or a file name that is no text, is
        # no reason to fail when all the work is done.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        from garaza.cli.app import app  # noqa: PLC0415 - `import garaza.cli` must stay free of everything heavy

        app()
    except KeyboardInterrupt:
        # Before a command could begin: from then on Ctrl-C is its business.
        sys.exit(130)
