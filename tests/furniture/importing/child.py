"""Works at imports as a process of its own, and the first one stands still where it is told to, to be killed there."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import make_url

from garaza.furniture.importing import worker
from garaza.furniture.importing.claims import Claim
from tests.furniture.importing.shop import CountingEncoder, Shop

worker.ROWS_AT_ONCE, worker.TEXTS_AT_ONCE, worker.WINDOW = 50, 16, 40


def main() -> None:
    """Arguments: the database, the data directory, a file for the texts that are read, a state, and how many."""
    url, folder, log, state, number = sys.argv[1:]
    stood = Path(f"{log}.stood")

    def note(texts: Sequence[str]) -> None:
        with Path(log).open("a", encoding="utf-8") as file:
            file.writelines(f"{text}\n" for text in texts)

    def told(claim: Claim) -> None:
        done = claim.rows_read if claim.state == "reading" else claim.counts["embedded"]
        if claim.state == state and done >= int(number) and not stood.exists():
            stood.touch()
            sys.stdout.write("here\n")
            sys.stdout.flush()
            time.sleep(600)

    async def run() -> None:
        shop = Shop(make_url(url), Path(folder))
        shop.encoder = CountingEncoder(note)
        await shop.worker(told).work()
        await shop.database.close()

    asyncio.run(run())


if __name__ == "__main__":
    main()
