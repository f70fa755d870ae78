"""How many files and connections a process may have open."""

from __future__ import annotations

import contextlib
import resource

WANTED = 65_536
"""Each socket, download and upload takes one or two. Many systems give 1024, which a program may raise itself."""


def raise_limit() -> int:
    """As far as it may be, to what is wanted; returns how many there are now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # macOS has a further bound, which it doesn't tell.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
