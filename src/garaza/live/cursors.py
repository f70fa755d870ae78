"""How far a client has come, as text that it keeps and sends back: `1234`, or `1234~3.7-9`.

The first number is the largest id of an event that it has been sent. Behind the ~ are those before it that were still
on their way, counted back from it: on PostgreSQL transactions may become visible in another order than that of their
ids. Without these the text is an event's id, so that a client may send that as well.
"""

from __future__ import annotations

import re

from garaza.jobs.news import LOOK_BACK, Mark

MAX_ID = 2**53
MAX_LETTERS = 4096

_CURSOR = re.compile(r"([0-9]{1,20})(?:~([0-9]{1,4}(?:-[0-9]{1,4})?(?:\.[0-9]{1,4}(?:-[0-9]{1,4})?)*))?", re.ASCII)


def cursor_of(mark: Mark) -> str:
    """The text of a mark."""
    if not mark.missing:
        return str(mark.last)
    runs: list[list[int]] = []
    for back in sorted(mark.last - number for number in mark.missing):
        # What is further back than can be said was seen, or never came.
        if back > 9999:
            break
        if runs and back == runs[-1][1] + 1:
            runs[-1][1] = back
        else:
            runs.append([back, back])
    return f"{mark.last}~" + ".".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs)


def mark_of(text: str) -> Mark | None:
    """The mark that a client has sent; None: it is none of ours."""
    found = _CURSOR.fullmatch(text) if len(text) <= MAX_LETTERS else None
    if found is None:
        return None
    last = min(int(found[1]), MAX_ID)
    missing: dict[int, float] = {}
    for run in found[2].split(".") if found[2] else ():
        first, _, end = run.partition("-")
        backs = range(int(first), int(end or first) + 1)
        if not 0 < len(backs) <= LOOK_BACK - len(missing):
            return None
        missing |= {last - back: 0.0 for back in backs if back}
    return Mark(last, missing)
