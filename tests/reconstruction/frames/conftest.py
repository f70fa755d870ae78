"""One plain clip for all tests that only read it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# Helpers of these tests are a plain module beside them; test folders are no packages.
sys.path.insert(0, str(Path(__file__).parent))

from clips import sliding, write_clip


@pytest.fixture(scope="session")
def plain_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1.6 s, 480×270, H.264 in MP4."""
    return write_clip(tmp_path_factory.mktemp("clips") / "plain.mp4", sliding(48))
