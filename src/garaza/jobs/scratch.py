"""What attempts leave on the machine of a worker that is killed."""

from __future__ import annotations

import asyncio

from garaza.jobs.service import JobService
from garaza.kit.database import Database
from garaza.kit.ids import is_id
from garaza.kit.storage import DataDirectory, job_of


async def remove_scratch(database: Database, data: DataDirectory, jobs: JobService) -> None:
    """Remove what no attempt that is going on, or will be, has a use for.

    For workers with a data directory of their own: in one that they share with a service, its housekeeping does this.
    """
    await asyncio.to_thread(data.empty_trash)
    seen = await asyncio.to_thread(data.in_work)
    ids = {job_of(path) for path in seen}
    async with database.read() as session:
        known = await jobs.known(session, [job_id for job_id in ids if is_id(job_id)])
    await data.remove(*(path for path in seen if not known.has(path)))
