"""Those who follow scans."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.accounts.house import PASSWORD
from tests.service.harness import PATIENCE_SECONDS, Server


@dataclass(frozen=True)
class Account:
    server: Server
    token: str
    refresh_token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def message(self) -> str:
        return json.dumps({"type": "auth", "token": self.token})

    def upload(self) -> str:
        form = {"file": ("room.mp4", self.server.clip)}
        answer = self.server.client.post("/api/upload", files=form, headers=self.headers)
        assert answer.status_code == 200, answer.text
        job_id: str = answer.json()["job_id"]
        return job_id

    def process(self, job_id: str) -> None:
        answer = self.server.client.post(f"/api/process/{job_id}", headers=self.headers)
        assert answer.status_code == 200, answer.text


def register(server: Server) -> Account:
    name = secrets.token_hex(8)
    body = {"email": f"{name}@example.com", "username": name, "password": PASSWORD}
    answer = server.client.post("/api/auth/register", json=body)
    assert answer.status_code == 200, answer.text
    return Account(server, answer.json()["access_token"], answer.json()["refresh_token"])


@contextmanager
def socket(server: Server, job_id: str, headers: dict[str, str] | None = None) -> Iterator[ClientConnection]:
    """Of one scan."""
    with open_socket(server, f"/ws/{job_id}", headers) as connection:
        yield connection


def open_socket(server: Server, path: str, headers: dict[str, str] | None = None, **options: Any) -> ClientConnection:
    address = f"{server.address.replace('http', 'ws', 1)}{path}"
    return connect(address, additional_headers=headers, max_size=1 << 20, **options)


def hear(connection: ClientConnection) -> dict[str, Any]:
    """The next message."""
    message: dict[str, Any] = json.loads(connection.recv(timeout=PATIENCE_SECONDS))
    return message


def hear_until(connection: ClientConnection, kind: str, job_id: str | None = None) -> list[dict[str, Any]]:
    """All messages up to one of a kind, of a scan."""
    messages = [hear(connection)]
    while messages[-1]["type"] != kind or (job_id is not None and messages[-1].get("job_id") != job_id):
        messages.append(hear(connection))
    return messages


def read_all(connection: ClientConnection) -> tuple[list[dict[str, Any]], int]:
    """All messages to the end, and the code that it was closed with."""
    messages = []
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            messages.append(json.loads(connection.recv(timeout=PATIENCE_SECONDS)))
    assert closed.value.rcvd is not None, "closed, not cut"
    return messages, closed.value.rcvd.code


def refused(connection: ClientConnection) -> tuple[str, int]:
    """Why, by the one message before it was closed, and the code."""
    (message,), code = read_all(connection)
    assert message["type"] == "error"
    assert message["data"]["message"]
    return message["data"]["reason"], code
