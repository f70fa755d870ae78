"""The command `garaza`. A file for each subcommand, thin: they read arguments, call a feature, and show the outcome."""

__all__ = ["main"]


def main() -> None:
    """Entry point of the console script."""
    from garaza.cli.app import app  # noqa: PLC0415 - `import garaza.cli` must stay free of everything heavy

    app()
