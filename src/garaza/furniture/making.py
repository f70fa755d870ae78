"""The catalogue, put together from the parts of the service."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from garaza.caching import Caching
from garaza.furniture import sample
from garaza.furniture.adapters import make_encoder, make_encoder_before, make_index, versions_folder
from garaza.furniture.embedding.files import ModelUnusableError
from garaza.furniture.embedding.kept import KeptQueries
from garaza.furniture.embedding.onnx import OnnxEncoder
from garaza.furniture.embedding.port import Encoder
from garaza.furniture.importing.making import Importing
from garaza.furniture.importing.service import Sample
from garaza.furniture.index.port import VectorIndex
from garaza.furniture.pictures import Pictures, client
from garaza.furniture.places import country_of
from garaza.furniture.preparing import Preparing
from garaza.furniture.repository import CATALOGUE_CHANNEL, Reembedding
from garaza.furniture.runtime import Encoders, Shelf, ShelfState
from garaza.furniture.search.terms import stem
from garaza.furniture.service import FurnitureService
from garaza.furniture.words import color_families, material_families
from garaza.kit.cache.cache import Cache
from garaza.kit.changes import changes_of
from garaza.kit.clock import Clock
from garaza.kit.database import Database
from garaza.kit.safe_http import SafeHttp
from garaza.kit.storage import DataDirectory
from garaza.settings import FurnitureSettings, Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Furniture:
    """What the service has of it."""

    service: FurnitureService
    shelf: Shelf
    encoders: Sequence[OnnxEncoder]
    index: VectorIndex
    pictures: Pictures | None
    """None: what is elsewhere isn't fetched."""
    http: SafeHttp

    def note(self) -> str | None:
        """What is worse than it could be, for anybody; None: nothing. The log has more about it."""
        state = self.shelf.state
        match state:
            case ShelfState(state="preparing", error=str()):
                return "There is no catalogue to search: it can't be made ready. The log says why."
            case ShelfState(state="ready", semantic=False, error=str()):
                return "Only words are looked at, and not their meaning. The log says why."
            case ShelfState(error=str()):
                return "The newest version of the catalogue can't be made ready. The log says why."
        return None

    async def forget(self) -> None:
        """Let go of what memory has of it and can be had again: the model, and what was found out once."""
        for encoder in self.encoders:
            await encoder.unload()
        if self.pictures is not None:
            self.pictures.forget()
        sample.forget()
        for found_out in (stem, color_families, material_families, country_of):
            found_out.cache_clear()

    async def stop(self) -> None:
        """End all that goes on."""
        await self.shelf.stop()
        if self.pictures is not None:
            await self.pictures.aclose()
        await self.http.aclose()
        await self.index.close()
        for encoder in self.encoders:
            await encoder.close()


def make_furniture(
    settings: Settings,
    database: Database,
    data: DataDirectory,
    importing: Importing,
    caching: Caching | None,
    clock: Clock,
) -> Furniture:
    """Nothing is begun or opened yet."""
    given = settings.furniture
    cache = None if caching is None or not given.search_seconds else caching.cache
    models = _Models(given, data, cache)
    encoders = models.look()
    index = make_index(given, data, database, apart=True)

    async def load_sample() -> bool:
        return await importing.service.load_sample(_sample)

    async def follow_model(model_id: str, insist: bool) -> Reembedding | None:
        found = await importing.service.follow_model(model_id, insist=insist)
        if found is not None:
            importing.runner.soon()
        return found

    async def find_encoders() -> Encoders | None:
        return await asyncio.to_thread(models.look)

    shelf = Shelf(
        database,
        Preparing(database, versions_folder(data), index),
        None if encoders is None else encoders.own,
        index,
        changes_of(database, CATALOGUE_CHANNEL, settings.live.poll_seconds),
        clock,
        load_sample if given.sample else None,
        None if encoders is None else encoders.before,
        follow_model,
        find_encoders,
    )
    service = FurnitureService(given, database, shelf, None if caching is None else caching.cache)
    http = client()
    folder = versions_folder(data) / "pictures"
    pictures = Pictures(folder, http, given.picture_cache_bytes, clock) if given.fetch_pictures else None
    return Furniture(service, shelf, models.found, index, pictures, http)


class _Models:
    """Those that the settings name, as soon as they can be used."""

    def __init__(self, settings: FurnitureSettings, data: DataDirectory, cache: Cache | None) -> None:
        self._settings = settings
        self._data = data
        self._cache = cache
        self._said: str | None = None
        self.found: list[OnnxEncoder] = []

    def look(self) -> Encoders | None:
        """None: they can't, and why is in the log, once. Finding words, and all else that the service does, needs none.
        Blocks.
        """
        try:
            encoder = make_encoder(self._settings, self._data)
        except ModelUnusableError as error:
            if str(error) != self._said:
                self._said = str(error)
                logger.error("Furniture is found by words alone until the model can be used: %s", error)  # noqa: TRY400 - it says what is wrong
            return None
        if self._said is not None:
            logger.info("The model for texts can be used now")
        before = make_encoder_before(self._settings, self._data)
        self.found.extend(one for one in (encoder, before) if one is not None)
        return Encoders(self._remembering(encoder), None if before is None else self._remembering(before))

    def _remembering(self, one: OnnxEncoder) -> Encoder:
        return one if self._cache is None else KeptQueries(one, self._cache, self._settings.search_seconds)


def _sample() -> Sample:
    model_id, vectors = sample.vectors()
    return list(sample.products()), model_id, vectors  # type: ignore[return-value]
