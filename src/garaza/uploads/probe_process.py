"""Run as a process of its own: looks into a file that an outsider sent, and prints what it found as JSON.

Decoders are the most attacked code there is. This process has little memory and time, and its crash is just an answer.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import resource
import sys
from pathlib import Path

from garaza.kit.child_process import end_with_parent
from garaza.reconstruction.failures import ReconstructionFailure
from garaza.reconstruction.frames.source import probe


def main() -> None:
    """Arguments: path, bytes of address space, CPU seconds."""
    end_with_parent()
    path, memory, seconds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    limits = {resource.RLIMIT_AS: memory, resource.RLIMIT_CPU: seconds, resource.RLIMIT_CORE: 0}
    for which, limit in limits.items():
        # macOS refuses some of these; the time limit of the parent holds everywhere.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(which, (limit, limit))
    try:
        answer = {"source": dataclasses.asdict(probe(path))}
    except ReconstructionFailure as failure:
        answer = {"failure": {"reason": failure.reason, "details": failure.details}}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
