"""The features of the service, put together from the parts they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from garaza.accounts.oversight import Oversight
from garaza.accounts.service import AccountService
from garaza.admin.disk import DiskUsage
from garaza.admin.memory import memory_of
from garaza.admin.service import AdminService
from garaza.departures.service import Departures
from garaza.furniture.importing.making import Importing, make_importing
from garaza.furniture.making import Furniture, make_furniture
from garaza.housekeeping.leftovers import Leftovers
from garaza.housekeeping.lost_files import LostFiles
from garaza.housekeeping.neighbours import Neighbours
from garaza.housekeeping.pressure import Pressure
from garaza.housekeeping.removal import Removal
from garaza.housekeeping.service import Housekeeping
from garaza.jobs.newsreader import Newsreader
from garaza.jobs.upkeep import JobUpkeep
from garaza.kit.signing_keys import SigningKeys
from garaza.live.parts import Live, make_live
from garaza.machines.service import MachineService
from garaza.rooms.service import RoomService
from garaza.rooms.share_tokens import ShareTokens
from garaza.rooms.sharing import ShareService
from garaza.rooms.usage import storage_used
from garaza.scans.files import ScanFiles
from garaza.scans.service import ScanService
from garaza.uploads.intake import Intake
from garaza.uploads.resumable import ResumableUploads
from garaza.uploads.service import UploadService
from garaza.uploads.upkeep import UploadUpkeep
from garaza.webhooks.deliverer import Deliverer
from garaza.wiring import Parts, make_attempts, make_share_keys, make_signing_keys


@dataclass(frozen=True, slots=True)
class Services:
    """What routes call, and what runs beside them."""

    keys: SigningKeys
    accounts: AccountService
    machines: MachineService
    uploads: UploadService
    resumable_uploads: ResumableUploads
    scans: ScanService
    files: ScanFiles
    rooms: RoomService
    shares: ShareService
    removal: Removal
    housekeeping: Housekeeping
    departures: Departures
    admin: AdminService
    live: Live
    deliverer: Deliverer
    importing: Importing
    furniture: Furniture | None
    """None: it is off."""


def _resident_bytes(pid: int | None) -> int | None:
    return None if pid is None else memory_of(pid).rss_bytes


def make_services(parts: Parts, worker_pid: Callable[[], int | None] | None = None) -> Services:
    """Put them together. Makes the data directory and the signing keys where there are none; opens nothing. Blocks.

    Args:
        worker_pid: of the worker beside the service, if there is one.

    Raises:
        SigningKeysError: keys that are given, or kept, can't be used.
        OSError: the data directory can't be written to.
    """
    settings, data, database, clock = parts.settings, parts.data, parts.database, parts.clock
    blobs = parts.blobs
    caching = parts.caching
    data.create()
    keys = make_signing_keys(settings, data, clock)
    accounts = AccountService(
        settings.accounts,
        database,
        keys,
        storage_used,
        clock,
        attempts=make_attempts(settings.rate_limits, parts.shared_limits),
        identities=None if caching is None else caching.identities,
    )
    machines = MachineService(database, clock)
    oversight = Oversight()
    news = Newsreader(clock, in_order=database.dialect == "sqlite")
    upkeep = JobUpkeep(clock, parts.webhooks.on_end)
    rooms = RoomService(database, blobs, parts.jobs, accounts.quota, accounts.activities, clock)
    share_tokens = ShareTokens(make_share_keys(settings, data, clock), clock)
    shares = ShareService(rooms, share_tokens, accounts.activities, clock, settings.accounts.share_days_max)
    removal = Removal(database, data, blobs, parts.jobs, upkeep, rooms, accounts)
    intake = Intake(settings, blobs, data, database, parts.jobs, accounts, parts.webhooks, clock)
    importing = make_importing(settings, database, data, intake, accounts.activities, clock)
    furniture = (
        make_furniture(settings, database, data, importing, caching, clock) if settings.furniture.enabled else None
    )
    neighbours = Neighbours(
        database, data, share_files=settings.storage.url is not None, share_memory=settings.redis.url is not None
    )
    housekeeping = Housekeeping(
        database,
        data,
        parts.jobs,
        rooms,
        accounts,
        removal,
        Leftovers(database, data, blobs, parts.jobs, rooms, clock),
        LostFiles(database, blobs, upkeep, rooms, neighbours),
        Pressure(database, data, blobs, upkeep, removal, settings.jobs.pressure_free_bytes),
        {
            "logins and tokens": accounts.purge,
            "links to rooms": shares.purge,
            "seen signatures": machines.forget_nonces,
            "webhooks": parts.webhooks.forget_old,
            "scans that are gone": news.forget_departures,
            **importing.purges,
        },
        UploadUpkeep(database, data, clock),
        neighbours,
    )
    departures = Departures(database, accounts, oversight, parts.jobs, upkeep, rooms, housekeeping.soon)
    admin = AdminService(
        database,
        accounts,
        oversight,
        parts.jobs,
        upkeep,
        rooms,
        shares,
        departures,
        DiskUsage(data, blobs, clock),
        clock,
        housekeeping.soon,
        components={} if worker_pid is None else {"worker": lambda: _resident_bytes(worker_pid())},
        caches=[] if caching is None else [caching.cache.memory.outdate_all],
        forget=None if furniture is None else furniture.forget,
    )
    scans = ScanService(
        database,
        data,
        blobs,
        parts.jobs,
        accounts,
        parts.webhooks,
        removal,
        compress=settings.compression.keep_compressed,
        statuses=None if caching is None else caching.statuses,
    )
    changes = parts.event_changes()
    live = make_live(
        settings.live, database, parts.jobs, news, changes, scans.result, accounts, keys, clock, parts.shared_limits
    )
    return Services(
        keys=keys,
        accounts=accounts,
        machines=machines,
        uploads=UploadService(settings.uploads, data, database, intake),
        resumable_uploads=ResumableUploads(settings.uploads, data, database, parts.jobs, intake, clock),
        scans=scans,
        files=ScanFiles(database, parts.jobs, clock, None if caching is None else caching.files),
        rooms=rooms,
        shares=shares,
        removal=removal,
        housekeeping=housekeeping,
        departures=departures,
        admin=admin,
        live=live,
        deliverer=Deliverer(database, parts.webhooks, keys, settings.webhooks, clock),
        importing=importing,
        furniture=furniture,
    )
