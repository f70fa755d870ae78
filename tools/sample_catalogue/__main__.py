"""Writes the sample catalogue into the package: python -m tools.sample_catalogue."""

from __future__ import annotations

from pathlib import Path

from tools.sample_catalogue.generate import catalogue
from tools.sample_catalogue.packing import packed

PLACE = Path(__file__).parents[2] / "src" / "garaza" / "furniture" / "sample"


def main() -> None:
    """See the module."""
    (PLACE / "catalogue.jsonl.gz").write_bytes(packed(catalogue()))


if __name__ == "__main__":
    main()
