"""The catalogue, put together from the parts of the service."""

from __future__ import annotations

from dataclasses import dataclass

from garaza.caching import Caching
from garaza.furniture import sample
from garaza.furniture.embedding.models import bundled, from_folder
from garaza.furniture.embedding.onnx import OnnxEncoder
from garaza.furniture.importing.service import ImportService, Sample
from garaza.furniture.index.edge import EdgeIndex
from garaza.furniture.index.pgvector import PgVectorIndex
from garaza.furniture.index.port import VectorIndex
from garaza.furniture.pictures import Pictures, client
from garaza.furniture.preparing import Preparing
from garaza.furniture.runtime import CATALOGUE_CHANNEL, Shelf
from garaza.furniture.service import FurnitureService
from garaza.kit.changes import changes_of
from garaza.kit.clock import Clock
from garaza.kit.database import Database
from garaza.kit.safe_http import SafeHttp
from garaza.kit.storage import DataDirectory
from garaza.settings import Settings


@dataclass(frozen=True, slots=True)
class Furniture:
    """What the service has of it."""

    service: FurnitureService
    shelf: Shelf
    encoder: OnnxEncoder
    index: VectorIndex
    pictures: Pictures | None
    """None: what is elsewhere isn't fetched."""
    http: SafeHttp

    async def stop(self) -> None:
        """End all that goes on."""
        await self.shelf.stop()
        if self.pictures is not None:
            await self.pictures.aclose()
        await self.http.aclose()
        await self.index.close()
        await self.encoder.close()


def make_furniture(
    settings: Settings,
    database: Database,
    data: DataDirectory,
    importing: ImportService,
    caching: Caching | None,
    clock: Clock,
) -> Furniture:
    """Nothing is begun or opened yet.

    Raises:
        ModelFilesError: the folder that the settings name holds no model.
    """
    given = settings.furniture
    folder = data.root / "furniture"
    model = bundled() if given.model_dir is None else from_folder(given.model_dir)
    encoder = OnnxEncoder(model, idle_seconds=given.model_idle_seconds)
    in_file = database.dialect == "sqlite"
    index: VectorIndex = EdgeIndex(folder / "index") if in_file else PgVectorIndex(database)

    async def load_sample() -> bool:
        return await importing.load_sample(_sample)

    shelf = Shelf(
        database,
        Preparing(database, folder, index),
        encoder,
        index,
        changes_of(database, CATALOGUE_CHANNEL, settings.live.poll_seconds),
        clock,
        load_sample if given.sample else None,
    )
    service = FurnitureService(given, database, shelf, None if caching is None else caching.cache)
    http = client()
    folder = versions_folder(data) / "pictures"
    pictures = Pictures(folder, http, given.picture_cache_bytes, clock) if given.fetch_pictures else None
    return Furniture(service, shelf, encoder, index, pictures, http)


def _sample() -> Sample:
    model_id, vectors = sample.vectors()
    return list(sample.products()), model_id, vectors  # type: ignore[return-value]
