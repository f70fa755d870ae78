"""Everything that can be set, as one typed tree.

Each field is read from the environment as `GARAZA_<GROUP>__<FIELD>`, for example `GARAZA_UPLOADS__MAX_BYTES`.
"""

from __future__ import annotations

import ipaddress
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

T = TypeVar("T")

GIB = 1 << 30


_REDIS = "redis://:password@host:6379/0"


def _address(value: SecretStr | None, form: str, example: str) -> SecretStr | None:
    """Of another server; None where it is left out, or there and empty."""
    if value is None or value.get_secret_value() == "":
        return None
    if not re.fullmatch(form, value.get_secret_value(), re.DOTALL):
        msg = f"it must look like {example}"
        raise ValueError(msg)
    return value


def _with_extra(value: T, package: str, extra: str) -> T:
    """The same, if what talks to that server is there."""
    if value is not None and find_spec(package) is None:
        msg = f"it needs a package that is not installed: pip install 'garaza[{extra}]'"
        raise ValueError(msg)
    return value


class ServerSettings(BaseModel):
    """Where the service listens."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """0: any free port; the one taken is printed."""
    keep_alive_seconds: Annotated[int, Field(ge=1, le=3600)] = 75
    """How long a connection without a request is kept. A page that asks every few seconds keeps its own; and a proxy
    must be the first to close one (nginx: after 60), or it now and then asks where nobody listens any more."""
    shutdown_seconds: Annotated[int, Field(ge=0, le=600)] = 10
    """How long requests that have begun may take to end after SIGTERM."""


class DatabaseSettings(BaseModel):
    """The database. What is left out is chosen by its kind: connections to a file are threads here, those to a server
    are processes there.
    """

    url: SecretStr | None = None
    """postgresql://user:password@host/name. None: a SQLite file in the data directory."""
    pool_size: Annotated[int, Field(ge=1, le=500)] | None = None
    """Connections kept open. SQLite: 20; a file needs no bursts, and more threads read no faster. PostgreSQL: 10."""
    max_overflow: Annotated[int, Field(ge=0, le=500)] | None = None
    """More in a burst. SQLite: 0. PostgreSQL: 20; opening one costs milliseconds, keeping one costs megabytes there."""
    pool_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 5
    """How long a request waits for a connection before it is answered 503."""
    pool_recycle_seconds: Annotated[int, Field(ge=-1, le=7 * 24 * 3600)] | None = None
    """Age at which a connection is replaced; -1: never. SQLite: never. PostgreSQL: an hour, before firewalls that
    forget silent connections do."""
    pool_pre_ping: bool | None = None
    """Ask a connection whether it still lives before using it. SQLite: no, a file doesn't hang up. PostgreSQL: yes."""
    connect_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 5
    statement_timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 30
    """PostgreSQL: what a statement may take before it is given up and answered 503."""
    busy_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 10
    """How long a write waits for another one."""

    @field_validator("url")
    @classmethod
    def _known_kind(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or value.get_secret_value() == "":
            return None
        try:
            url = make_url(value.get_secret_value())
        except ArgumentError as error:
            msg = "it must look like postgresql://user:password@host/name"
            raise ValueError(msg) from error
        if url.get_backend_name() not in {"postgresql", "postgres"} or not url.database:
            msg = "it must look like postgresql://user:password@host/name"
            raise ValueError(msg)
        return _with_extra(value, "asyncpg", "postgres")


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
    unfinished_hours: Annotated[float, Field(gt=0, le=24 * 365)] = 24
    """A resumable upload to which nothing was added for so long is removed."""
    max_unfinished: Annotated[int, Field(ge=1, le=10_000)] = 20
    """Resumable uploads that an account, or a guest's address, may have begun and not finished."""


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
    poll_seconds: Annotated[float, Field(gt=0, le=60)] = 0.003
    """How often an idle worker looks whether the database has changed (SQLite; PostgreSQL tells). Every three
    milliseconds cost 2 % of a core."""
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 3
    backoff_seconds: Annotated[float, Field(ge=0, le=3600)] = 2
    """Wait before the second attempt; doubled for each one after."""
    max_seconds: Annotated[float, Field(gt=0, le=7 * 24 * 3600)] = 2 * 3600
    """What an attempt may take; a standard one takes minutes. A decoder that hangs doesn't hold a worker for ever."""
    max_queued: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """Jobs waiting at most; more are answered 503."""
    head_start_seconds: Annotated[float, Field(ge=0, le=7 * 24 * 3600)] = 1200
    """How much longer one waits with each step down in priority (enterprise, pro, free, guest) before those of the
    step above who come later no longer go first. So everybody's turn comes."""
    broker_url: SecretStr | None = None
    """redis://…: Celery carries jobs to workers. None: workers look into the database."""
    republish_seconds: Annotated[float, Field(ge=1, le=3600)] = 60
    """With a broker: a job that still waits so long after the broker was told of it is told again."""

    unprocessed_hours: Annotated[float, Field(gt=0, le=24 * 3650)] = 7 * 24
    """Videos of accounts that nobody asked to process are removed at this age."""
    finished_days: Annotated[float, Field(gt=0, le=36_500)] = 3650
    """Scans of accounts are removed at this age. Rooms saved from them stay."""
    pressure_free_bytes: Annotated[int, Field(ge=0, le=1 << 50)] = 2 * GIB
    """With less free space than this, guests' oldest scans go before their day is over, and then videos that nobody
    asked to process."""

    @field_validator("broker_url")
    @classmethod
    def _redis(cls, value: SecretStr | None) -> SecretStr | None:
        return _address(value, r"(?:rediss?|redis\+socket)://.*", _REDIS)

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
    guest_scans_per_day: Annotated[int, Field(ge=-1, le=1_000_000)] = 3
    """Of one address (IPv6: one /64); -1: no limit."""
    guest_storage_bytes: Annotated[int, Field(ge=-1, le=1 << 50)] = GIB
    """Of one address; -1: no limit."""
    registration: bool = True
    """Whether anybody who reaches the service may make an account. The command line always can."""

    access_token_seconds: Annotated[int, Field(ge=30, le=24 * 3600)] = 15 * 60
    refresh_token_seconds: Annotated[int, Field(ge=300, le=366 * 24 * 3600)] = 30 * 24 * 3600
    """A login ends when it has not been used for so long."""
    signing_keys: SecretStr | None = None
    """kid:base64[,kid:base64…]; the first signs, all verify. None: kept in the data directory. Servers that share a
    database must share these."""
    concurrent_hashes: Annotated[int, Field(ge=1, le=64)] = 2
    """Passwords that are hashed at the same time; more wait. Each takes a core for 30 ms, and 19 MiB."""
    share_days_max: Annotated[float, Field(gt=0, le=3650)] = 365
    """How far ahead a share link may expire."""


class WebhookSettings(BaseModel):
    """Messages to other servers."""

    enabled: bool = True
    allow_private_addresses: bool = False
    """Whether addresses that only this machine or its network can reach may be called."""
    private_key: SecretStr | None = None
    """Ed25519, PEM or base64, that messages are signed with. None: kept in the data directory. Servers that share a
    database must share it: receivers ask any of them for its public half."""
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 10
    max_attempts: Annotated[int, Field(ge=1, le=50)] = 8
    backoff_seconds: Annotated[float, Field(gt=0, le=3600)] = 10
    """Wait before the second attempt; three times as long before each one after, and a day at most."""
    concurrency: Annotated[int, Field(ge=1, le=256)] = 16
    """Messages under way at once. A quarter of them may be for the same server, so that a slow one doesn't hold up the
    messages to all others."""
    poll_seconds: Annotated[float, Field(gt=0, le=60)] = 1
    """How often it is looked for new messages."""
    keep_days: Annotated[float, Field(gt=0, le=3650)] = 30
    """How long it is remembered what was sent. What couldn't be sent by then isn't any more."""


class MetricsSettings(BaseModel):
    """Figures for Prometheus at /metrics."""

    token: SecretStr | None = None
    """Whoever sends it (Authorization: Bearer) gets them; without one, only this machine does."""

    @field_validator("token")
    @classmethod
    def _not_empty(cls, value: SecretStr | None) -> SecretStr | None:
        # A variable that is there and empty must not let in whoever sends nothing.
        return value if value is not None and value.get_secret_value().strip() else None


class CompressionSettings(BaseModel):
    """Answers that are made smaller on their way."""

    enabled: bool = True
    """Whether answers are compressed while they are sent. What is kept compressed (the page, files of results) is sent
    so in any case to who takes it."""
    minimum_bytes: Annotated[int, Field(ge=0, le=1 << 20)] = 1024
    """Shorter ones stay as they are: they fit into the same packets."""
    zstd_level: Annotated[int, Field(ge=1, le=19)] = 3
    """Above 19, windows are larger than the 8 MiB that a browser must have (RFC 9659)."""
    brotli_quality: Annotated[int, Field(ge=2, le=11)] = 4
    """Below 2 Brotli makes nothing of short messages."""
    gzip_level: Annotated[int, Field(ge=0, le=3)] = 2
    """Of ISA-L, whose levels 0 to 3 are about zlib's 1 to 6, at a tenth of the time."""
    keep_compressed: bool = True
    """Keep those files of results that become a tenth smaller, or more, a second time as they are sent. It takes about
    a fifth more of the disk, which counts as storage used."""


class ConditionalSettings(BaseModel):
    """Answers that are not sent again to who has them."""

    enabled: bool = True
    """Whether JSON answers to GET have an ETag, and 304 is answered to who sends it. Files always have one."""


class FileSettings(BaseModel):
    """How files of results are sent."""

    accel_prefix: str = ""
    """/_garaza_files/: an internal location of nginx, an alias of the data directory. nginx then sends the files that
    the service has found (X-Accel-Redirect). Empty: the service does."""

    @field_validator("accel_prefix")
    @classmethod
    def _between_slashes(cls, value: str) -> str:
        if value and not re.fullmatch(r"/[0-9A-Za-z_.-]{1,64}/", value):
            msg = "it must look like /_garaza_files/"
            raise ValueError(msg)
        return value


class CorsSettings(BaseModel):
    """Pages of other origins that may call the service."""

    enabled: bool = True
    origins: str = ""
    """https://app.example.org[,https://…]: who may read answers. Empty: nobody but our own page. *: everybody."""
    credentials: bool = False
    """Whether browsers may send cookies and passwords that they keep. The service itself uses neither; a proxy before
    it may."""
    max_age_seconds: Annotated[int, Field(ge=0, le=24 * 3600)] = 7200
    """How long browsers remember what they were told before the first such call. Chromium: two hours at most."""

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, value: str) -> str:
        return ",".join(_origins(value, everybody=True))

    @model_validator(mode="after")
    def _not_everybody_with_credentials(self) -> CorsSettings:
        if self.credentials and self.allowed == ["*"]:
            msg = "credentials can't be allowed to everybody: name the origins"
            raise ValueError(msg)
        return self

    @property
    def allowed(self) -> list[str]:
        """The origins, one by one."""
        return [origin for origin in self.origins.split(",") if origin]


class SecuritySettings(BaseModel):
    """What browsers are told to beware of."""

    enabled: bool = True
    hsts_seconds: Annotated[int, Field(ge=0, le=366 * 24 * 3600)] = 0
    """How long browsers that came by https refuse to come otherwise. 0: they aren't told; it can't be taken back."""
    hsts_subdomains: bool = False
    frame_ancestors: str = ""
    """https://www.example.org[,https://…]: whose pages may show ours in a frame."""
    resource_policy: Literal["same-origin", "same-site", "cross-origin"] | None = None
    """Whose pages may show pictures from here without reading them. None: cross-origin where `cors.origins` names any,
    else same-origin."""

    @field_validator("frame_ancestors")
    @classmethod
    def _are_origins(cls, value: str) -> str:
        return ",".join(_origins(value, everybody=False))

    @property
    def ancestors(self) -> list[str]:
        """The origins, one by one."""
        return [origin for origin in self.frame_ancestors.split(",") if origin]


_ORIGIN = re.compile(r"https?://(?:[0-9a-z._-]{1,255}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")
_DEFAULT_PORT = {"http": ":80", "https": ":443"}


def _origins(text: str, *, everybody: bool) -> list[str]:
    """As browsers write them: no path, lower case, no port where it is the usual one."""
    found = []
    for part in text.split(","):
        origin = part.strip().lower().removesuffix("/")
        if not origin:
            continue
        if not _ORIGIN.fullmatch(origin) and not (everybody and origin == "*"):
            msg = f"{part.strip()!r} is no origin: it must look like https://app.example.org"
            raise ValueError(msg)
        found.append(origin.removesuffix(_DEFAULT_PORT.get(origin.partition(":")[0], "")))
    if "*" in found and len(found) > 1:
        msg = "* stands alone"
        raise ValueError(msg)
    return found


class LoggingSettings(BaseModel):
    """What is written to standard error."""

    format: Literal["human", "json"] = "human"
    """json: an object a line, for programs."""
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    access: bool = True
    """A line for each request that ends."""
    addresses: Literal["digest", "address", "none"] = "digest"
    """What that line says of where a client is. A digest tells clients apart without saying where they are."""
    slow_request_seconds: Annotated[float, Field(ge=0, le=3600)] = 1
    """What a request may take until its answer begins, waiting for the client left out, before a warning. 0: none."""
    sql: Literal["none", "statements", "parameters"] = "none"
    """Every statement, for development. With parameters, what people typed is in the log."""


class MonitoringSettings(BaseModel):
    """Knowing what requests cost."""

    enabled: bool = True
    """False: no access log, no times in answers, and no requests in /metrics."""
    server_timing: bool = True
    """Tell clients how long the database took, and the rest."""
    slow_query_seconds: Annotated[float, Field(ge=0, le=3600)] = 0.2
    """What a statement may take before a warning, without its parameters. 0: none."""
    explain_pause_seconds: Annotated[float, Field(ge=0, le=24 * 3600)] = 10
    """Between two plans of slow statements that only read. 0: no plans."""
    trusted_callers: str = ""
    """10.0.0.0/8[,…]: whose `traceparent` is believed, so that their traces go on in ours. Empty: nobody's."""
    sentry_dsn: SecretStr | None = None
    """Where errors that nobody foresaw are reported to. None: only to the log."""
    sentry_environment: Annotated[str, Field(max_length=64)] = "production"

    @field_validator("trusted_callers")
    @classmethod
    def _networks(cls, value: str) -> str:
        return ",".join(str(ipaddress.ip_network(part.strip())) for part in value.split(",") if part.strip())

    @field_validator("sentry_dsn")
    @classmethod
    def _project(cls, value: SecretStr | None) -> SecretStr | None:
        value = _address(value, r"https?://[^@/\s]+@[^@\s]+/\d+", "https://key@host/project")
        return _with_extra(value, "sentry_sdk", "sentry")


class LiveSettings(BaseModel):
    """WebSockets and streams of events."""

    max_sockets: Annotated[int, Field(ge=1, le=100_000)] = 5000
    """Of both together, in one process."""
    max_sockets_per_user: Annotated[int, Field(ge=1, le=100_000)] = 50
    """Of one account, or of guests at one address."""
    send_seconds: Annotated[float, Field(gt=0, le=600)] = 30
    """A client that takes nothing of what it is sent for so long is closed."""
    stream_seconds: Annotated[float, Field(gt=0, le=86_400)] = 3600
    """How long a stream of server-sent events lasts, before the client has to connect again."""
    ping_seconds: Annotated[float, Field(gt=0, le=300)] = 20
    auth_seconds: Annotated[float, Field(gt=0, le=60)] = 10
    """How long a client may take to say who it is, where that matters."""
    poll_seconds: Annotated[float, Field(gt=0, le=10)] = 0.1
    """How often a process looks for new events, while anybody listens; one query, however many listen."""


class RedisSettings(BaseModel):
    """A Redis or Valkey for what several processes have to know together. It may go away at any time."""

    url: SecretStr | None = None
    """redis://:password@host:6379/0. None: each process counts, and keeps copies, by itself."""

    @field_validator("url")
    @classmethod
    def _usable(cls, value: SecretStr | None) -> SecretStr | None:
        return _with_extra(_address(value, r"(?:rediss?|unix)://.*", _REDIS), "redis", "redis")


class StorageSettings(BaseModel):
    """Where videos and results are kept."""

    url: str | None = None
    """s3://bucket/prefix: in a bucket that speaks S3's protocol. None: in the data directory."""
    endpoint: str | None = None
    """https://host:port of that server. http:// is spoken only if it is said here. None: AWS's own."""
    region: str | None = None
    access_key_id: str | None = None
    """This and the secret key: None: those of AWS_… variables, or of the machine."""
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    virtual_hosts: bool = False
    """The endpoint's name has the bucket's in it."""
    timeout_seconds: Annotated[float, Field(gt=0, le=25)] = 10
    """How long it may be silent while a client waits, who is then answered 503."""
    part_seconds: Annotated[float, Field(gt=0, le=3600)] = 60
    """How long it may take for a part of 8 MiB of a video or a result. More on a slow line."""
    connections: Annotated[int, Field(ge=1, le=64)] = 4
    """Such parts on their way at once, for each upload and each result. Each takes 8 MiB of memory."""

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("url")
    @classmethod
    def _known_kind(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w!.*'()/-]*)?", value, re.ASCII):
            msg = "it must look like s3://bucket or s3://bucket/prefix"
            raise ValueError(msg)
        if find_spec("obstore") is None:
            msg = "it needs a package that is not installed: pip install 'garaza[s3]'"
            raise ValueError(msg)
        return value

    @field_validator("endpoint")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[\w.:\[\]-]+/?", value, re.ASCII):
            msg = "it must look like https://host or https://host:port; keys are variables of their own"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _both_keys(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            msg = "access_key_id and secret_access_key go together"
            raise ValueError(msg)
        return self


class CacheSettings(BaseModel):
    """Copies of what requests ask for again and again."""

    enabled: bool = True
    max_bytes: Annotated[int, Field(ge=1 << 16, le=1 << 40)] = 64 << 20
    """In each process's memory."""
    max_entries: Annotated[int, Field(ge=100, le=10_000_000)] = 100_000
    account_seconds: Annotated[float, Field(ge=0, le=3600)] = 300
    """Who signed in."""
    status_seconds: Annotated[float, Field(ge=0, le=3600)] = 30
    """How far a scan is."""
    untold_seconds: Annotated[float, Field(ge=0, le=60)] = 0
    """How long who signed in is kept where nobody tells what other processes change: PostgreSQL, and no Redis. For so
    long somebody who signed out at another one may still be let in here. 0: it isn't kept there."""


_PerMinute = Annotated[int, Field(ge=1, le=10_000_000)]


class RateLimitSettings(BaseModel):
    """How often an account, or an address (IPv6: a /64), may ask for something in a minute; as often at once."""

    enabled: bool = True
    auth_per_minute: _PerMinute = 5
    """Sign in, register, change the password, close the account. Always of an address."""
    upload_per_minute: _PerMinute = 2
    search_per_minute: _PerMinute = 30
    general_per_minute: _PerMinute = 100
    polling_per_minute: _PerMinute = 600
    """The state of scans, WebSockets opened, /ready and /metrics."""
    assets_per_minute: _PerMinute = 1200
    """Files of results and rooms, and parts of them."""
    max_keys: Annotated[int, Field(ge=100, le=10_000_000)] = 100_000
    """Counters kept in memory, 200 bytes each."""
    password_attempts: Annotated[int, Field(ge=3, le=10_000_000)] = 10
    """Wrong passwords for one account, from anywhere, until one has to wait before the next."""
    password_wait_seconds: Annotated[float, Field(gt=0, le=900)] = 15
    """That wait; doubled with each further wrong one."""
    password_longest_wait_seconds: Annotated[float, Field(gt=0, le=900)] = 900
    """And what it is doubled to at most."""


class TimeoutSettings(BaseModel):
    """How long the work on a request may take, and how long a client may be silent."""

    enabled: bool = True
    general_seconds: Annotated[float, Field(gt=0, le=3600)] = 30
    heavy_seconds: Annotated[float, Field(gt=0, le=3600)] = 60
    """Results, scales, rooms made and removed, what admins ask of the disk."""
    body_idle_seconds: Annotated[float, Field(gt=0, le=3600)] = 15
    """Nothing of a request's body came. Uploads have a time of their own."""
    send_idle_seconds: Annotated[float, Field(ge=1, le=3600)] = 60
    """A client took nothing of what it was sent; its connection is cut (Linux)."""


class SheddingSettings(BaseModel):
    """How many requests may be under way at once; more are turned away, as waiting would help nobody."""

    enabled: bool = True
    max_requests: Annotated[int, Field(ge=1, le=100_000)] = 512
    """All but uploads and downloads."""
    max_heavy: Annotated[int, Field(ge=1, le=100_000)] = 16
    """Of these, scales and what admins ask of the disk."""
    max_transfers: Annotated[int, Field(ge=1, le=100_000)] = 512
    """Uploads and downloads. Each has an open file and a connection."""


class FurnitureSettings(BaseModel):
    """The catalogue, and finding in it."""

    enabled: bool = True
    sample: bool = True
    """Whether there is a catalogue of made-up furniture until one is imported."""
    model_dir: Path | None = None
    """A folder with another model for texts: model.onnx and tokenizer.json. None: the one that comes along."""
    model_idle_seconds: Annotated[float, Field(ge=1, le=86400)] = 600
    """After so long without a question the model leaves memory."""
    keep_model: bool = True
    """Whether the model is kept in the data directory as this processor takes it: 90 MB less memory for 130 MB of disk,
    and it is loaded in a quarter of the time."""
    qdrant_url: str | None = None
    """Of a Qdrant server: http://host:6333. None: PostgreSQL has the vectors where it is the database and has pgvector,
    else files of this service do.
    """
    qdrant_api_key: SecretStr | None = None
    country_boost: bool = True
    """Whether products of the country of who asks, and of its region, come a little earlier."""
    sponsor_boost: bool = True
    """Whether sponsored products do."""
    fetch_pictures: bool = True
    """Whether pictures of products that are elsewhere are fetched when somebody wants to see them."""
    picture_cache_bytes: Annotated[int, Field(ge=1 << 20, le=1 << 40)] = 500 << 20
    """Of such pictures that are kept, made small: some 50 KB each."""
    embedded_imports: bool = True
    """Whether catalogues that admins send are imported by a process beside the service. Else `garaza catalogue work`
    does it, in the same data directory."""
    max_import_bytes: Annotated[int, Field(ge=1 << 10, le=1 << 40)] = 2 << 30
    search_seconds: Annotated[float, Field(ge=0, le=86400)] = 3600
    """How long what was found, and the vectors of what was looked for, are remembered; another catalogue is another
    question anyhow."""
    product_seconds: Annotated[float, Field(ge=0, le=86400)] = 3600
    """How long products, brands and categories are."""

    @field_validator("qdrant_url")
    @classmethod
    def _usable_url(cls, value: str | None) -> str | None:
        if not value:
            return None
        if not re.fullmatch(r"https?://[\w.:\[\]-]+(?:/[\w./-]*)?", value, re.ASCII):
            msg = "it must look like http://host:6333; the key is a variable of its own"
            raise ValueError(msg)
        return _with_extra(value, "qdrant_client", "qdrant")

    @field_validator("qdrant_api_key")
    @classmethod
    def _usable_key(cls, value: SecretStr | None) -> SecretStr | None:
        return value if value and value.get_secret_value() else None


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
    webhooks: WebhookSettings = WebhookSettings()
    metrics: MetricsSettings = MetricsSettings()
    logging: LoggingSettings = LoggingSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    cors: CorsSettings = CorsSettings()
    security: SecuritySettings = SecuritySettings()
    live: LiveSettings = LiveSettings()
    compression: CompressionSettings = CompressionSettings()
    conditional: ConditionalSettings = ConditionalSettings()
    files: FileSettings = FileSettings()
    redis: RedisSettings = RedisSettings()
    storage: StorageSettings = StorageSettings()
    cache: CacheSettings = CacheSettings()
    rate_limits: RateLimitSettings = RateLimitSettings()
    timeouts: TimeoutSettings = TimeoutSettings()
    shedding: SheddingSettings = SheddingSettings()
    furniture: FurnitureSettings = FurnitureSettings()

    @property
    def guests_allowed(self) -> bool:
        """`accounts.guests` where it was said; otherwise whether only this machine can reach the service."""
        if self.accounts.guests is not None:
            return self.accounts.guests
        try:
            return ipaddress.ip_address(self.server.host).is_loopback
        except ValueError:
            return self.server.host == "localhost"
