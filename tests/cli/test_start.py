"""Every command explains itself at once, without loading what only the work needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.command import ENVIRONMENT, run

HEAVY = [
    "av",
    "alembic",
    "cv2",
    "fastapi",
    "numba",
    "numpy",
    "PIL",
    "pycolmap",
    "pydantic_settings",
    "scipy",
    "sqlalchemy",
    "trimesh",
    "uvicorn",
]
SCRIPT = """
import sys
from garaza.cli import main
try:
    main()
finally:
    print("loaded:", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize("command", ["", "scan", "serve", "worker", "doctor", "db", "db upgrade"])
def test_help_is_quick(command: str) -> None:
    arguments = [*command.split(), "--help"]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    text, _, loaded = done.stdout.partition("loaded:")
    assert "Usage: " in text
    assert not set(HEAVY) & set(loaded.split())


def test_the_version_is_printed() -> None:
    done = run("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()[0].isdigit()


def test_a_service_loads_nothing_that_only_reconstructions_need() -> None:
    script = "import sys, garaza.app, garaza.wiring; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert not {"av", "cv2", "numba", "pycolmap", "scipy", "trimesh"} & set(done.stdout.split())
