"""A process that delivers until it is killed: `python -m tests.webhooks.deliverer_process URL KEYS`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from sqlalchemy import make_url

from garaza.kit.database import Database
from garaza.kit.signing_keys import SigningKeys
from garaza.settings import DatabaseSettings, WebhookSettings
from garaza.webhooks.deliverer import Deliverer
from garaza.webhooks.service import WebhookService
from garaza.wiring import pool_options


async def deliver(url: str, keys: Path) -> None:
    place = make_url(url)
    settings = WebhookSettings(allow_private_addresses=True, timeout_seconds=60, poll_seconds=0.01)
    database = Database(place, pool_options(DatabaseSettings(), place))
    signing = SigningKeys(keys, retire_after_seconds=3600)
    Deliverer(database, WebhookService(settings), signing, settings).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(deliver(sys.argv[1], Path(sys.argv[2])))
