"""What imports and those who read the catalogue ask, in every way that asks something else of the database."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import numpy as np
from sqlalchemy import update

from garaza.furniture.importing.claims import Claim, Claims, Waiting
from garaza.furniture.importing.files import ImportFiles
from garaza.furniture.importing.repository import ImportRepository, publish
from garaza.furniture.importing.service import KEEP_SECONDS, MODEL_GRACE_SECONDS, ImportService
from garaza.furniture.importing.states import Options
from garaza.furniture.importing.worker import ImportWorker
from garaza.furniture.models import Catalogue
from garaza.furniture.products import Product
from garaza.furniture.repository import MANY, CatalogueRepository, Found
from garaza.furniture.routes import MAX_ASINS
from garaza.furniture.runtime import Edition, Shelf, _Served
from garaza.furniture.search.snapshot import Snapshot
from tests.database.seed import MODEL, asin, job_id
from tests.database.service import Person, Service
from tests.furniture.importing.shop import CountingEncoder, Lines, chair

VERSION = 2
"""That the seed has as served."""


async def tour(service: Service, people: list[Person], admin: Person) -> None:
    await _calls(service, admin)
    service.recorder.who = "nobody"
    found = await _catalogue(service)
    await _shop(service, people, found)
    service.recorder.who = "nobody"
    await _imports(service)


async def _calls(service: Service, admin: Person) -> None:
    route = "/api/admin/catalogue/imports"
    rows = "asin,title\nB1,Chair\n"
    for _ in range(2):
        # The second time it goes on already.
        sent = await service.call(f"POST {route}", admin, content=rows, params={"name": "chairs.csv", "replace": True})
    path = {"import_id": sent.json()["id"]}
    await service.call(f"POST {route}", admin, files={"file": ("more.csv", rows + "B2,Table\n")})
    await service.call(f"GET {route}/{{import_id}}", admin, path=path)
    await service.call(f"DELETE {route}/{{import_id}}", admin, path=path)
    noted = {"import_id": job_id(1)}
    notes = f"GET {route}/{{import_id}}/notes"
    for page in ({"page": 1}, {"page": 2}, {}):
        found = await service.call(notes, admin, path=noted, params=page)
    for name in ("next", "prev"):
        cursor = re.search(rf'cursor=([\w-]+)>; rel="{name}"', found.headers["link"])
        assert cursor is not None, name
        found = await service.call(notes, admin, path=noted, params={"cursor": cursor[1]})
    await service.call(notes, admin, path=noted, headers={"Accept": "application/x-ndjson"})


async def _catalogue(service: Service) -> Found:
    asins = [asin(number) for number in range(1, 501)]
    async with service.database.read() as session:
        catalogue = CatalogueRepository(session)
        assert (await catalogue.versions()).served == VERSION
        found = await catalogue.products(VERSION, 0, MANY)
        assert len(found) == MANY
        assert len(await catalogue.products(VERSION, found[-1][0], MANY)) == MANY
        assert len(await catalogue.by_ids(VERSION, [row_id for row_id, _ in found[:500]])) == 500
        assert len(await catalogue.by_asins(VERSION, asins)) > 400
        assert await catalogue.vectors(MODEL, [product.text_hash for _, product in found])
        assert (await catalogue.stats(VERSION)).unique_categories > 200
    return found


async def _shop(service: Service, people: list[Person], found: Found) -> None:
    """Everything that is asked by those who look for furniture, of some products that are served."""
    folder = service.data.root / "snapshot"
    snapshot = await asyncio.to_thread(Snapshot.build, found, folder, VERSION)
    shelf: Shelf = service.app.state.furniture.shelf
    # Without its own task, whose queries are nobody's call; and words are enough.
    encoder = CountingEncoder()
    encoder.model_id = MODEL
    shelf._served = _Served(Edition(VERSION, 1.0), snapshot, None, encoder)
    one = found[0][1]
    products = [asin(number) for number in range(2, MAX_ASINS + 2)]
    prefix = "/api/furniture"
    for who in (None, *people):
        await service.call(f"POST {prefix}/search", who, json={"query": "oak chair", "top_k": 100, "facets": True})
        await service.call(f"GET {prefix}/search", who, params={"query": "chair", "page_size": 100, "page": 2})
        for size in (1, 100):
            for name in ("Brand 0", "Brand 11", "nothing"):
                given = {"limit": size, "page": 2 if size == 1 else 1}
                await service.call(f"GET {prefix}/brand/{{brand:path}}", who, path={"brand": name}, params=given)
            for name in ("Furniture", "Kind 11", "Kind", "nothing"):
                given = {"limit": size, "page": 2 if size == 1 else 1}
                route = f"GET {prefix}/category/{{category:path}}"
                await service.call(route, who, path={"category": name}, params=given)
        await service.call(f"GET {prefix}/suggest", who, params={"q": "cha"})
        for some in (products[:1], products):
            answer = await service.call(f"GET {prefix}/products", who, params={"asins": ",".join(some)})
            assert answer.json()["count"] > 0.8 * len(some)
        for route in ("stats", "filters", "health"):
            await service.call(f"GET {prefix}/{route}", who)
        path = {"asin": one.asin}
        await service.call(f"GET {prefix}/product/{{asin}}", who, path=path)
        assert (await service.call(f"GET {prefix}/similar/{{asin}}", who, path=path, params={"limit": 100})).json()
        for method in ("GET", "HEAD"):
            await service.call(f"{method} {prefix}/pictures/{{asin}}.svg", who, path=path)
            # It has none.
            other = {**path, "place": 0}
            await service.call(f"{method} {prefix}/pictures/{{asin}}/{{place}}", who, path=other, status=404)


async def _imports(service: Service) -> None:
    files, imports = ImportFiles(service.data), ImportRepository()
    files.create()
    work = ImportService(service.database, files, Lines(), service.clock)
    assert await work.waits() is None
    async with service.database.write() as session:
        for waiting in await work.open(session):
            await work.cancel(session, waiting.id)
    rows = [chair(number, title="Chair") for number in range(1500)]
    rows += [{**chair(number), "asin": asin(number)} for number in range(1, 600)]
    # Notes, and rows that come twice: those that another row made anew, and those that are as they were after all.
    rows += [chair(1, title="Stool", mended=["price"]), {**chair(3), "asin": asin(3)}, chair(2, refused="title")]

    async def begin(rows: list[dict[str, Any]], **options: Any) -> str:
        path = service.data.new_incoming()
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        begun = await work.begin(path, "chairs.jsonl", Options(**options))
        service.clock.now += 1
        return begun.id

    claims = Claims(service.database, imports, files.place(), service.clock)
    worker = ImportWorker(service.database, files, claims, Lines(), CountingEncoder, service.clock)
    await begin(rows, replace=True)
    await begin(rows[:700])
    failing = await begin([chair(1, refused="title")])
    assert await work.waits() is None
    uploaded = await begin(rows[:300], uploaded=True)
    assert await work.waits()
    await worker.work()
    async with service.database.write() as session:
        assert (await work.get(session, failing)).state == "failed"
        assert await publish(session, (await CatalogueRepository(session).versions()).ready, service.clock())
        assert not await publish(session, 1, service.clock())
        assert (await work.get(session, uploaded)).state == "published"
    await work.give_up(failing, "It was killed.")
    # What was written of one that nobody wants.
    cancelled = await begin([chair(number, title="Bench") for number in range(1200)], replace=True)
    claim = await claims.claim()
    assert isinstance(claim, Claim)
    assert isinstance(await Claims(service.database, imports, "0" * 22, service.clock).claim(), Waiting)
    await claims.release(claim)
    claim = await claims.claim()
    assert isinstance(claim, Claim)
    await worker._read(claim)
    async with service.database.write() as session:
        await claims.renew(session, claim)
        await work.cancel(session, cancelled)
    await worker.work()
    assert not await work.load_sample(lambda: ((), MODEL, {}))
    service.clock.now += MODEL_GRACE_SECONDS + 1
    async with service.database.write() as session:
        assert await work.purge_products(session)
        assert await work.purge_models(session)
    service.clock.now += KEEP_SECONDS
    async with service.database.write() as session:
        # Its notes, and then the import itself.
        assert await work.purge_imports(session) > 1
        assert await work.purge_imports(session) == 1
    # As before the first of them.
    async with service.database.write() as session:
        await session.execute(update(Catalogue).values(ready_version=0).execution_options(synchronize_session=False))
    products = [Product(asin=f"SAMPLE{number}", title="Chair") for number in range(2)]
    assert await work.load_sample(lambda: (products, MODEL, {products[0].text_hash: np.ones(8, np.float32)}))
    service.clock.now -= KEEP_SECONDS + MODEL_GRACE_SECONDS + 1
    assert await work.sweep() == 0
