"""Making a version in a process of its own: python -m garaza.furniture.index.build FOLDER

It ends with whoever started it, who holds the other end of its standard input.
"""

from __future__ import annotations

import sys
from pathlib import Path

from garaza.furniture.index.shard import build
from garaza.kit.child_process import end_with_parent, step_aside


def main() -> None:
    """After all who answer somebody."""
    step_aside()
    end_with_parent()
    build(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
