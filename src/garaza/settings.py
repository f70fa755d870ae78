"""Everything that can be set, as one typed tree.

Each field is read from the environment as `GARAZA_<GROUP>__<FIELD>`, for example `GARAZA_UPLOADS__MAX_BYTES`.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

GIB = 1 << 30


class ServerSettings(BaseModel):
    """Where the service listens."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """0: any free port; the one taken is printed."""
    shutdown_seconds: Annotated[int, Field(ge=0, le=600)] = 10
    """How long requests that have begun may take to end after SIGTERM."""


class DatabaseSettings(BaseModel):
    """The embedded database."""

    pool_size: Annotated[int, Field(ge=1, le=200)] = 10
    """Connections kept open."""
    pool_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 5
    """How long a request waits for a connection before it is answered 503."""
    busy_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 10
    """How long a write waits for another one."""


class UploadSettings(BaseModel):
    """What may be uploaded."""

    max_bytes: Annotated[int, Field(ge=1 << 16, le=1 << 40)] = 2 * GIB
    min_free_bytes: Annotated[int, Field(ge=0, le=1 << 50)] = GIB
    """Free disk space that uploads leave alone; below it they are answered 507."""
    stall_seconds: Annotated[float, Field(gt=0, le=3600)] = 60
    """An upload of which nothing has come for so long is given up."""
    probe_seconds: Annotated[float, Field(gt=0, le=600)] = 20
    """Time that looking into a file may take before it is refused."""
    probe_memory_bytes: Annotated[int, Field(ge=GIB // 2, le=64 * GIB)] = 3 * GIB
    """Address space of the process that looks into a file (Linux)."""
    concurrent_probes: Annotated[int, Field(ge=1, le=64)] = 2


class JobSettings(BaseModel):
    """How work is done."""

    embedded_worker: bool = True
    """Run a worker as a supervised child of the service."""
    concurrency: Annotated[int, Field(ge=1, le=64)] = 1
    """Jobs a worker does at once. One already uses two cores."""
    lease_seconds: Annotated[float, Field(ge=1, le=3600)] = 15
    """A worker that hasn't been heard of for so long has lost its job to the next one."""
    heartbeat_seconds: Annotated[float, Field(gt=0, le=60)] = 0.5
    """How often a worker renews its lease and learns of a wish to stop."""
    poll_seconds: Annotated[float, Field(gt=0, le=60)] = 0.1
    """How often an idle worker looks for a job."""
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 3
    backoff_seconds: Annotated[float, Field(ge=0, le=3600)] = 2
    """Wait before the second attempt; doubled for each one after."""
    max_seconds: Annotated[float, Field(gt=0, le=7 * 24 * 3600)] = 2 * 3600
    """What an attempt may take; a standard one takes minutes. A decoder that hangs doesn't hold a worker for ever."""
    max_queued: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """Jobs waiting at most; more are answered 503."""

    @model_validator(mode="after")
    def _lease_outlives_heartbeats(self) -> JobSettings:
        if self.lease_seconds < 3 * self.heartbeat_seconds:
            msg = "lease_seconds must be at least three times heartbeat_seconds: a worker is late now and then"
            raise ValueError(msg)
        return self


class AccountSettings(BaseModel):
    """Who may use the service."""

    guests: bool | None = None
    """Scans without an account. None: only while the service listens on this machine alone."""
    guest_hours: Annotated[float, Field(gt=0, le=24 * 3650)] = 24
    """How long a guest's scan is kept after its upload."""


class LiveSettings(BaseModel):
    """WebSockets."""

    max_sockets: Annotated[int, Field(ge=1, le=100_000)] = 2000
    ping_seconds: Annotated[float, Field(gt=0, le=300)] = 20
    poll_seconds: Annotated[float, Field(gt=0, le=10)] = 0.1
    """How often a process looks for new events, while anybody listens; one query, however many listen."""


class Settings(BaseSettings):
    """The whole tree."""

    model_config = SettingsConfigDict(env_prefix="GARAZA_", env_nested_delimiter="__", extra="ignore")

    data_dir: Path = Path("data")
    """Where everything is kept: the database, uploads, results."""
    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    uploads: UploadSettings = UploadSettings()
    jobs: JobSettings = JobSettings()
    accounts: AccountSettings = AccountSettings()
    live: LiveSettings = LiveSettings()

    @property
    def guests_allowed(self) -> bool:
        """`accounts.guests` where it was said; otherwise whether only this machine can reach the service."""
        if self.accounts.guests is not None:
            return self.accounts.guests
        try:
            return ipaddress.ip_address(self.server.host).is_loopback
        except ValueError:
            return self.server.host == "localhost"
