"""What is wrong with a file as a whole."""

from __future__ import annotations

from collections.abc import Iterable

from garaza.kit.text import mended_line

_MOST_NAMES = 20
_MAX_NAME_LETTERS = 40


class CatalogueFileError(Exception):
    """It can't be read as a catalogue. Its text says why and what to do, to whoever sent it."""


def without_fields(missing: str, names: Iterable[str]) -> CatalogueFileError:
    """It has no column for what every product needs."""
    seen = [mended_line(name[:200])[:_MAX_NAME_LETTERS] for name in names]
    shown = ", ".join(seen[:_MOST_NAMES]) + (", …" if len(seen) > _MOST_NAMES else "")
    return CatalogueFileError(
        f"No column of this file is known as the {missing}. It has: {shown or 'none'}. "
        f"Rename one to “{missing}”, or say which one it is."
    )
