"""Writes the sample catalogue into the package.

python -m tools.sample_catalogue                 with vectors of the model that comes along
python -m tools.sample_catalogue --no-vectors
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.sample_catalogue.generate import catalogue
from tools.sample_catalogue.packing import packed
from tools.sample_catalogue.vectors import write_vectors

PLACE = Path(__file__).parents[2] / "src" / "garaza" / "furniture" / "sample"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m tools.sample_catalogue", description="Furniture of nobody.")
    parser.add_argument("--no-vectors", action="store_true", help="the catalogue alone")
    given = parser.parse_args()
    (PLACE / "catalogue.jsonl.gz").write_bytes(packed(catalogue()))
    if not given.no_vectors:
        write_vectors(PLACE / "vectors.npz")


if __name__ == "__main__":
    main()
