"""Making a version in a process of its own: python -m garaza.furniture.index.build FOLDER"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from garaza.furniture.index.shard import build

NICENESS = 10


def main() -> None:
    """After all who answer somebody."""
    os.nice(NICENESS)
    build(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
