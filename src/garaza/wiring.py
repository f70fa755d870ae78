"""From settings to the parts that do the work: the only place that names adapters."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import SecretStr
from sqlalchemy import URL, make_url

from garaza.accounts.tokens import LEEWAY_SECONDS
from garaza.caching import Caching
from garaza.jobs.celery_queue import CeleryQueue, make_celery
from garaza.jobs.channels import EVENTS_CHANNEL, QUEUE_CHANNEL
from garaza.jobs.database_queue import DatabaseQueue
from garaza.jobs.queue import Dispatcher
from garaza.jobs.repository import COMMITTED
from garaza.jobs.run_job import JobRunner, Reconstruct
from garaza.jobs.service import JobService
from garaza.jobs.supervisor import Supervisor
from garaza.jobs.sweeper import Sweeper
from garaza.kit.blobs.local import LocalBlobs
from garaza.kit.blobs.port import Blobs
from garaza.kit.broadcast import AnyOf, BroadcastChanges, Broadcaster
from garaza.kit.changes import Changes, changes_of
from garaza.kit.clock import Clock, system_clock
from garaza.kit.database import Database, PoolOptions, sqlite_url
from garaza.kit.limiting.attempts import Attempts, MemoryAttempts, Patience
from garaza.kit.shared_store import SharedStore
from garaza.kit.signing.outgoing import MAX_LIFETIME_SECONDS
from garaza.kit.signing_keys import SigningKeys
from garaza.kit.storage import DataDirectory
from garaza.reconstruction.isolated import reconstruct_isolated
from garaza.settings import DatabaseSettings, JobSettings, RateLimitSettings, Settings, StorageSettings
from garaza.webhooks.service import WebhookService

T = TypeVar("T")

_BROADCAST_CHANNEL = "garaza:events"


@dataclass(frozen=True, slots=True)
class Parts:
    """What routes, the worker and commands use."""

    settings: Settings
    data: DataDirectory
    blobs: Blobs
    database: Database
    jobs: JobService
    webhooks: WebhookService
    clock: Clock
    reconstruct: Reconstruct = reconstruct_isolated
    worker_command: tuple[str, ...] = (sys.executable, "-m", "garaza", "worker")
    """What the supervisor starts, before its arguments."""
    shared_limits: SharedStore | None = None
    """Where processes count together. None: each by itself."""
    caching: Caching | None = None
    """What keeps copies of what is in the database."""
    broadcaster: Broadcaster | None = None
    """Tells other processes of events, beside the database."""

    def event_changes(self) -> Changes:
        """What wakes those who wait for events."""
        changes = changes_of(self.database, EVENTS_CHANNEL, self.settings.live.poll_seconds)
        url = _secret(self.settings.redis.url)
        return changes if url is None else AnyOf([changes, BroadcastChanges(url, _BROADCAST_CHANNEL)])

    def runner(self) -> JobRunner:
        """Runs claims in child processes."""
        return JobRunner(
            self.database,
            self.data,
            self.blobs,
            self.jobs,
            self.settings.jobs,
            self.reconstruct,
            compress=self.settings.compression.keep_compressed,
        )

    def dispatcher(self) -> Dispatcher:
        """What tells workers of jobs.

        Raises:
            CeleryMissingError: there is a broker, and the extra for it isn't installed.
        """
        settings = self.settings.jobs
        return DatabaseQueue() if settings.broker_url is None else CeleryQueue(make_broker(settings))

    def sweeper(self, dispatcher: Dispatcher) -> Sweeper:
        """Of waiting jobs. It closes the dispatcher when it stops."""
        changes = changes_of(self.database, QUEUE_CHANNEL, self.settings.jobs.poll_seconds)
        return Sweeper(self.database, self.jobs, dispatcher, changes)

    def supervisor(self) -> Supervisor:
        """Of the embedded worker. Makes the data directory where there is none. Blocks.

        Raises:
            OSError: it can't be written to.
        """
        self.data.create()
        command = [*self.worker_command, "--data-dir", str(self.data.root), "--supervised"]
        return Supervisor(self.database, self.jobs, command, self.data.name())


def make_broker(settings: JobSettings) -> Any:
    """What publishes to the broker, and takes from it.

    Raises:
        CeleryMissingError: the extra for it isn't installed.
    """
    assert settings.broker_url is not None
    return make_celery(settings.broker_url.get_secret_value(), settings.max_seconds + settings.lease_seconds)


def database_url(settings: Settings) -> URL:
    """Where the database is: where it was said, else a file in the data directory."""
    given = settings.database.url
    if given is None:
        return sqlite_url(DataDirectory(settings.data_dir).database)
    url = make_url(given.get_secret_value()).set(drivername="postgresql")
    # As all other tools call it.
    if (mode := url.query.get("sslmode")) is not None:
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    return url


def pool_options(settings: DatabaseSettings, url: URL) -> PoolOptions:
    """What was set, and for the rest what suits the kind of database."""
    server = url.get_backend_name() != "sqlite"

    def chosen(given: T | None, for_file: T, for_server: T) -> T:
        if given is not None:
            return given
        return for_server if server else for_file

    return PoolOptions(
        size=chosen(settings.pool_size, 20, 10),
        overflow=chosen(settings.max_overflow, 0, 20),
        timeout=settings.pool_timeout_seconds,
        recycle=chosen(settings.pool_recycle_seconds, -1, 3600),
        pre_ping=chosen(settings.pool_pre_ping, for_file=False, for_server=True),
        connect_timeout=settings.connect_timeout_seconds,
        statement_timeout=settings.statement_timeout_seconds,
        busy_timeout=settings.busy_timeout_seconds,
    )


def make_parts(settings: Settings, clock: Clock = system_clock) -> Parts:
    """Put the parts together; nothing is opened yet."""
    data = DataDirectory(settings.data_dir)
    url = database_url(settings)
    database = Database(url, pool_options(settings.database, url))
    webhooks = WebhookService(settings.webhooks, clock)
    jobs = JobService(settings.jobs, clock, webhooks.on_end)
    redis_url = _secret(settings.redis.url)
    blobs = make_blobs(settings.storage, data)
    caching = make_caching(settings, database)
    if redis_url is None:
        return Parts(settings, data, blobs, database, jobs, webhooks, clock, caching=caching)
    broadcaster = Broadcaster(redis_url, _BROADCAST_CHANNEL)
    database.committed = lambda info: broadcaster.tell() if COMMITTED in info else None
    shared_limits = SharedStore(redis_url)
    return Parts(
        settings,
        data,
        blobs,
        database,
        jobs,
        webhooks,
        clock,
        shared_limits=shared_limits,
        caching=caching,
        broadcaster=broadcaster,
    )


def make_caching(settings: Settings, database: Database) -> Caching | None:
    """What keeps copies of what is in a database, and has whoever changes it through this tell; None: nothing does."""
    return Caching(settings.cache, database, _secret(settings.redis.url)) if settings.cache.enabled else None


def make_blobs(settings: StorageSettings, data: DataDirectory) -> Blobs:
    """Where videos and results are kept."""
    if settings.url is None:
        return LocalBlobs(data)
    from garaza.kit.blobs.s3 import S3Blobs, S3Options  # noqa: PLC0415 - of an extra

    bucket, _, prefix = settings.url.removeprefix("s3://").partition("/")
    options = S3Options(
        bucket,
        prefix=prefix.strip("/"),
        endpoint=settings.endpoint,
        region=settings.region,
        access_key_id=settings.access_key_id,
        secret_access_key=_secret(settings.secret_access_key),
        session_token=_secret(settings.session_token),
        virtual_hosts=settings.virtual_hosts,
        patience=timedelta(seconds=settings.timeout_seconds),
        part_patience=timedelta(seconds=settings.part_seconds),
        connections=settings.connections,
    )
    return S3Blobs(options, data.incoming)


def make_attempts(settings: RateLimitSettings, shared: SharedStore | None) -> Attempts | None:
    """What bounds guesses at passwords; None where nothing is limited."""
    if not settings.enabled:
        return None
    patience = Patience(
        free=settings.password_attempts,
        first_seconds=settings.password_wait_seconds,
        longest_seconds=settings.password_longest_wait_seconds,
    )
    return Attempts(patience, MemoryAttempts(patience, settings.max_keys), shared, "garaza:attempts:")


def make_signing_keys(settings: Settings, data: DataDirectory, clock: Clock = system_clock) -> SigningKeys:
    """The keys that tokens are signed with. Made at the first call, in the data directory. Blocks.

    Raises:
        SigningKeysError: those that are given, or in the file, can't be used.
        OSError: the file can't be read or made.
    """
    return SigningKeys(
        data.root / "signing-keys.json",
        retire_after_seconds=max(settings.accounts.access_token_seconds, MAX_LIFETIME_SECONDS) + LEEWAY_SECONDS,
        given=_secret(settings.accounts.signing_keys),
        given_private_key=_secret(settings.webhooks.private_key),
        clock=clock,
    )


def make_share_keys(settings: Settings, data: DataDirectory, clock: Clock = system_clock) -> SigningKeys:
    """The keys that links to rooms are signed with: a ring of their own, as links live longer than tokens. Blocks.

    Raises:
        SigningKeysError, OSError: as `make_signing_keys`.
    """
    return SigningKeys(
        data.root / "share-keys.json",
        retire_after_seconds=settings.accounts.share_days_max * 24 * 3600,
        given=_secret(settings.accounts.signing_keys),
        clock=clock,
    )


def _secret(given: SecretStr | None) -> str | None:
    return None if given is None else given.get_secret_value()
