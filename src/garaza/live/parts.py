"""Put together."""

from __future__ import annotations

from dataclasses import dataclass

from garaza.accounts.principal import Principal
from garaza.accounts.service import AccountService
from garaza.accounts.tokens import InvalidTokenError, Keys
from garaza.errors import GarazaError
from garaza.jobs.newsreader import Newsreader
from garaza.jobs.service import JobService
from garaza.kit.changes import Changes
from garaza.kit.clock import Clock
from garaza.kit.database import Database
from garaza.kit.shared_store import SharedStore
from garaza.live.connection import Tally
from garaza.live.endings import Endings, ReadResult
from garaza.live.hub import Hub
from garaza.live.identity import Ways
from garaza.live.keeper import Keeper
from garaza.live.places import Places
from garaza.live.service import LiveService
from garaza.live.tickets import Tickets
from garaza.settings import LiveSettings

CLOSE_RESTARTING = 1012


@dataclass(frozen=True, slots=True)
class Live:
    """What routes call, and what runs beside them."""

    service: LiveService
    ways: Ways
    tickets: Tickets

    def end_all(self) -> None:
        """Send everybody away: the service stops, and would wait for them."""
        self.service.keeper.end_all(CLOSE_RESTARTING, "restarting")

    async def stop(self) -> None:
        """End what runs beside the routes."""
        await self.service.keeper.stop()
        await self.service.hub.stop()


def make_live(
    settings: LiveSettings,
    database: Database,
    jobs: JobService,
    news: Newsreader,
    changes: Changes,
    result: ReadResult,
    accounts: AccountService,
    keys: Keys,
    clock: Clock,
    shared: SharedStore | None,
) -> Live:
    """Nothing is opened or begun before somebody connects.

    Args:
        changes: of events.
        shared: where processes remember together which tickets were used.
    """
    tally = Tally()
    keeper = Keeper(
        clock, accounts.logins_there, tally, beat_seconds=settings.ping_seconds, send_seconds=settings.send_seconds
    )
    service = LiveService(
        database,
        jobs,
        news,
        Hub(database, jobs, news, changes),
        keeper,
        Places(settings.max_sockets, settings.max_sockets_per_user),
        Endings(database, jobs, result),
        tally,
    )
    tickets = Tickets(keys, clock, shared)

    async def holder(ticket: str) -> Principal:
        try:
            claims = await tickets.use(ticket)
        except InvalidTokenError:
            detail = "This ticket isn't good any more: each opens one connection, within half a minute."
            raise GarazaError(401, "invalid_ticket", detail) from None
        return await accounts.identify(claims)

    return Live(service, Ways(accounts.identify_token, holder), tickets)
