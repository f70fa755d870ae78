"""The socket that the service listens on."""

from __future__ import annotations

import errno
import socket


class CannotListen(Exception):
    """Why not, and what to do, for a person."""


def listen(host: str, port: int, send_idle_seconds: float | None = None) -> socket.socket:
    """A socket that has the address for itself; port 0 takes a free one.

    A client that takes nothing of what it is sent for `send_idle_seconds` is cut off by the kernel, where that can be
    set (Linux). Only it sees how far the client has got; and it also cuts connections that are being closed already.

    Raises:
        CannotListen: the address is taken, or not one of this machine.
    """
    try:
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            # Restarting must not have to wait for the connections of the process before to time out.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if send_idle_seconds is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
                # Those that are accepted have it from here.
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * send_idle_seconds))
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
