"""The socket that the service listens on."""

from __future__ import annotations

import errno
import socket


class CannotListen(Exception):
    """Why not, and what to do, for a person."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that has the address for itself; port 0 takes a free one.

    Raises:
        CannotListen: the address is taken, or not one of this machine.
    """
    try:
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            # Restarting must not have to wait for the connections of the process before to time out.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            # Only now is it known: two sockets can be bound to a port that none of them listens on.
            listener.listen()
        except BaseException:
            listener.close()
            raise
    except (OSError, TypeError) as error:
        # TypeError: a name that can't be one.
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CannotListen(f"Can't listen on {host}, port {port}: {reason}. {_advice(error)}") from error
    return listener


def _advice(error: Exception) -> str:
    match error.errno if isinstance(error, OSError) else None:
        case errno.EADDRINUSE:
            return "Choose another with --port (0 takes a free one), or stop what has it."
        case errno.EACCES:
            return "Low ports are for administrators; choose another with --port."
        case _:
            return "Choose an address of this machine with --host."
