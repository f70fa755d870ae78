"""Many WebSockets in one thread, as small as can be: those that are measured are at the other end."""

from __future__ import annotations

import base64
import contextlib
import os
import selectors
import socket
import threading
import time
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from benchmarks.processes import PATIENCE_SECONDS

_TEXT, _PING = 1, 9
_SELECT_SECONDS = 0.1


class Crowd:
    """Answers pings, and notes when messages come."""

    def __init__(self, address: str, path: str, count: int) -> None:
        parts = urlsplit(address)
        self._place = (str(parts.hostname), parts.port or 80)
        self._path = path
        self._count = count
        self._selector = selectors.DefaultSelector()
        self._rest: dict[socket.socket, bytes] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self.heard: list[float] = []
        """When each message came, of all of them."""

    def __enter__(self) -> Self:
        for _ in range(self._count):
            line = self._connect()
            line.setblocking(False)
            self._selector.register(line, selectors.EVENT_READ)
        self._thread.start()
        return self

    def _connect(self) -> socket.socket:
        line = socket.create_connection(self._place, PATIENCE_SECONDS)
        key = base64.b64encode(os.urandom(16)).decode()
        line.sendall(
            f"GET {self._path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n".encode()
        )
        head = b""
        while b"\r\n\r\n" not in head:
            more = line.recv(4096)
            if not more:
                raise ConnectionError(head)
            head += more
        self._rest[line] = head.partition(b"\r\n\r\n")[2]
        return line

    def _listen(self) -> None:
        while not self._ended.is_set():
            for key, _ in self._selector.select(_SELECT_SECONDS):
                line = key.fileobj
                assert isinstance(line, socket.socket)
                try:
                    data = line.recv(1 << 16)
                except OSError:
                    data = b""
                if not data:
                    self._selector.unregister(line)
                    continue
                self._rest[line] = self._read(line, self._rest[line] + data)

    def _read(self, line: socket.socket, data: bytes) -> bytes:
        """What is left after whole frames."""
        while len(data) >= 2:
            length, start = data[1] & 127, 2
            if length == 126:
                length, start = int.from_bytes(data[2:4]), 4
            if len(data) < start + length:
                break
            opcode, content = data[0] & 15, data[start : start + length]
            data = data[start + length :]
            if opcode == _TEXT:
                self.heard.append(time.perf_counter())
            elif opcode == _PING:
                with contextlib.suppress(OSError):
                    line.send(bytes([0x8A, 0x80 | len(content)]) + bytes(4) + content)
        return data

    def until(self, count: int) -> None:
        """Until so many messages have come."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.heard) < count:
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(0.001)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        for line in self._rest:
            line.close()
        self._selector.close()
