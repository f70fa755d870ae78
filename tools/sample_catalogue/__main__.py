"""Writes the sample catalogue into the package.

python -m tools.sample_catalogue                 with vectors of the model that comes along
python -m tools.sample_catalogue --no-vectors
python -m tools.sample_catalogue --export FILE [--rows N] [--clean]
                                                 instead, as a shop exports it: CSV or JSONL by the file's name
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.sample_catalogue.export import write
from tools.sample_catalogue.generate import COUNT, catalogue
from tools.sample_catalogue.packing import packed
from tools.sample_catalogue.vectors import write_vectors

PLACE = Path(__file__).parents[2] / "src" / "garaza" / "furniture" / "sample"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m tools.sample_catalogue", description="Furniture of nobody.")
    parser.add_argument("--no-vectors", action="store_true", help="the catalogue alone")
    parser.add_argument("--export", type=Path, metavar="FILE", help="write a .csv or .jsonl, with a shop's flaws")
    parser.add_argument("--rows", type=int, default=COUNT, help="products of the export")
    parser.add_argument("--clean", action="store_true", help="an export without flaws")
    given = parser.parse_args()
    if given.export is not None:
        print(f"{write(given.export, given.rows, dirty=not given.clean):,} rows in {given.export}")
        return
    (PLACE / "catalogue.jsonl.gz").write_bytes(packed(catalogue()))
    if not given.no_vectors:
        write_vectors(PLACE / "vectors.npz")


if __name__ == "__main__":
    main()
