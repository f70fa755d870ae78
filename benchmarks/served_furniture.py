"""Finding furniture as the service does it: a catalogue that was made ready, and one search. Imports nothing else, as
what it takes in memory is compared.

python -m benchmarks.served_furniture PLACE
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.resident import resident

if TYPE_CHECKING:
    from garaza.furniture.embedding.onnx import OnnxEncoder
    from garaza.furniture.index.edge import EdgeIndex
    from garaza.kit.database import Database
    from garaza.kit.storage import DataDirectory

Told = dict[str, dict[str, int]]

_TEXT = "black leather sofa under 220 cm wide"
_FOUND = 20


def main() -> None:
    """Prints, for each step, what this process takes after it."""
    print(json.dumps(asyncio.run(_serve(Path(sys.argv[1])))))


def parts(place: Path) -> tuple[DataDirectory, Database, OnnxEncoder, EdgeIndex]:
    """Without what the service has for all else: that is there in either way."""
    from garaza.furniture.adapters import vectors_folder  # noqa: PLC0415 - each step is looked at
    from garaza.furniture.embedding.models import bundled  # noqa: PLC0415
    from garaza.furniture.embedding.onnx import OnnxEncoder  # noqa: PLC0415
    from garaza.furniture.index.edge import EdgeIndex  # noqa: PLC0415
    from garaza.kit.database import Database, PoolOptions, sqlite_url  # noqa: PLC0415
    from garaza.kit.storage import DataDirectory  # noqa: PLC0415

    data = DataDirectory(place / "data")
    pool = PoolOptions(
        size=2,
        overflow=0,
        timeout=30,
        recycle=-1,
        pre_ping=False,
        connect_timeout=10,
        statement_timeout=600,
        busy_timeout=30,
    )
    encoder = OnnxEncoder(bundled(), idle_seconds=600, keep=data.root / "furniture" / "models")
    return data, Database(sqlite_url(data.database), pool), encoder, EdgeIndex(vectors_folder(data), apart=True)


async def _serve(place: Path) -> Told:
    """As the service does."""
    told = {"python": resident()}

    from garaza.furniture.adapters import versions_folder  # noqa: PLC0415 - each step is looked at
    from garaza.furniture.preparing import Preparing  # noqa: PLC0415
    from garaza.furniture.repository import CATALOGUE_CHANNEL, CatalogueRepository  # noqa: PLC0415
    from garaza.furniture.runtime import Shelf  # noqa: PLC0415
    from garaza.furniture.search.asked import Asked  # noqa: PLC0415
    from garaza.kit.changes import changes_of  # noqa: PLC0415

    data, database, encoder, index = parts(place)
    told["imported"] = resident()
    preparing, changes = Preparing(database, versions_folder(data), index), changes_of(database, CATALOGUE_CHANNEL, 1)
    shelf = Shelf(database, preparing, encoder, index, changes, time.time)
    shelf.start()
    while not shelf.state.semantic:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.05)
    told["catalogue and model"] = resident(index.processes)
    found = await shelf.search(Asked(text=_TEXT, limit=_FOUND))
    async with database.read() as session:
        shown = await CatalogueRepository(session).by_ids(found.version, [hit.id for hit in found.hits])
    assert found.semantic
    assert len(shown) == _FOUND
    told["searched"] = resident(index.processes)
    await encoder.unload()
    told["idle"] = resident(index.processes)
    await shelf.stop()
    await index.close()
    await encoder.close()
    await database.close()
    return told


if __name__ == "__main__":
    main()
