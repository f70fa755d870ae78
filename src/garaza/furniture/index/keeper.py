"""A version that is ready, opened in a process of its own: python -m garaza.furniture.index.keeper SHARD

The engine holds the interpreter's lock while it opens files, closes them and searches: here it is nobody else's. It is
asked through its standard input, which is a socket, and ends with whoever holds the other end.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from array import array

from garaza.furniture.index.asking import Said, count, nearest, opened


def main() -> None:
    """Until nobody asks any more."""
    # Whoever asks is still answering somebody when all of a service are told to end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=0) as connection:
        try:
            _answer(connection, sys.argv[1])
        except (EOFError, OSError):
            # Nothing was written: there is nothing to be closed, which takes the engine a while.
            os._exit(0)


def _answer(connection: socket.socket, place: str) -> None:
    incoming = connection.makefile("rb")
    try:
        shard = opened(place)
        said = Said({"count": count(shard)})
    except BaseException as error:  # noqa: BLE001 - panics of the engine are no Exception
        Said({"error": str(error)}).send(connection)
        return
    said.send(connection)
    while True:
        asked = Said.receive(incoming)
        try:
            limit, conditions = asked.head["limit"], asked.head["conditions"]
            found = nearest(shard, array("f", asked.parts[0]), limit, conditions)
        except BaseException as error:  # noqa: BLE001 - as above
            said = Said({"error": str(error)})
        else:
            said = Said({}, [found.ids.tobytes(), found.scores.tobytes()])
        said.send(connection)


if __name__ == "__main__":
    main()
