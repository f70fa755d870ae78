"""Giving memory back."""

from __future__ import annotations

import ctypes


def trim() -> bool:
    """Have the allocator give free pages to the system. Blocks, without the interpreter's lock.

    Returns:
        Whether it could be told (glibc).
    """
    try:
        malloc_trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return False
    malloc_trim(0)
    return True
