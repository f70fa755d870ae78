"""Vectors at a Qdrant server: for many products, or several processes.

A collection for each version. Its alias is made when it is whole, so that what broke off isn't taken for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import warnings
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import numpy as np
from numpy.typing import NDArray
from qdrant_client import AsyncQdrantClient, models

from garaza.furniture.embedding.port import Vectors
from garaza.furniture.filters import Filters
from garaza.furniture.index.conditions import FLAGS, LISTS, NUMBERS, WORDS, Among, Is, Within, Without, conditions
from garaza.furniture.index.linking import BUILD_CANDIDATES, CANDIDATES, LINKS, OVERSAMPLING
from garaza.furniture.index.port import (
    IndexSpec,
    IndexUnavailableError,
    LocalIndex,
    Nearest,
    Point,
    vectors_missing,
)

SECONDS = 5
"""That whoever searches waits for an answer."""
WRITE_SECONDS = 60
"""That all else may take, be it at a busy disk."""
LINK_SECONDS = 3600
"""Until all are linked."""
POLL_SECONDS = 0.5
PART = 256
PAGE = 10_000
_MAX_ERROR_LETTERS = 200


class QdrantIndex:
    """A VectorIndex of a server.

    Args:
        prefix: of its collections, which several services at one server don't share.
        client: instead of one that is made for the address.
    """

    def __init__(
        self, url: str, api_key: str | None = None, prefix: str = "garaza", client: AsyncQdrantClient | None = None
    ) -> None:
        self.name = f"Qdrant at {re.sub(r'//[^/@]*@', '//', url)}"
        self._client = client or _client(url, api_key)
        self._prefix = prefix
        self._known: dict[int, str] = {}
        """Versions that are whole, and their collections."""
        self._served: str | None = None
        self._preparing = asyncio.Lock()
        self._closed = False

    async def has(self, spec: IndexSpec) -> bool:
        """See the port."""
        collection = self._collection(spec)
        with self._told():
            aliases = (await self._client.get_aliases()).aliases
            if not any(entry.alias_name == _alias(collection) for entry in aliases):
                return False
            if await self._ids(collection) != set(spec.ids):
                return False
        self._known[spec.version] = collection
        return True

    async def prepare(self, spec: IndexSpec, points: AsyncIterable[Sequence[Point]]) -> None:
        """See the port."""
        collection, missing = self._collection(spec), set(spec.ids)
        async with self._preparing, self._removed_unless_whole(collection):
            with self._told():
                await self._client.delete_collection(collection)
                await self._create(collection, spec.dimensions)
            async for part in points:
                new = [_struct(point) for point in part if point.id in missing]
                with self._told():
                    for start in range(0, len(new), PART):
                        await self._client.upsert(collection, new[start : start + PART], wait=True)
                missing.difference_update(point.id for point in part)
            if missing:
                raise vectors_missing(len(missing))
            with self._told():
                await self._linked(collection)
                alias = models.CreateAlias(collection_name=collection, alias_name=_alias(collection))
                await self._client.update_collection_aliases([models.CreateAliasOperation(create_alias=alias)])
        self._known[spec.version] = collection

    async def serve(self, version: int) -> None:
        """See the port. Other processes may still be serving the one before, which goes with the next one."""
        with self._told():
            served = self._known.get(version)
            if served is None or not await self._client.collection_exists(served):
                raise IndexUnavailableError(f"version {version} isn't prepared")
            self._served = served
            others = await self._versions()
            before = max((number for number in others.values() if number < version), default=None)
            for collection, number in others.items():
                if collection != served and number <= version and number != before:
                    await self._client.delete_collection(collection)

    async def search(self, vector: Vectors, limit: int, filters: Filters) -> Nearest:
        """See the port."""
        again = models.QuantizationSearchParams(rescore=True, oversampling=OVERSAMPLING)
        params = models.SearchParams(hnsw_ef=max(CANDIDATES, limit), quantization=again)
        return await self._nearest(vector, limit, _filter(filters), params)

    async def scores(self, vector: Vectors, ids: Sequence[int]) -> NDArray[np.float32]:
        """See the port."""
        given = sorted(set(ids))
        if not given:
            return np.empty(0, np.float32)
        only = models.Filter(must=[models.HasIdCondition(has_id=list(given))])
        found = await self._nearest(vector, len(given), only, models.SearchParams(exact=True))
        return found.scores_of(ids)

    def local(self) -> LocalIndex | None:
        """See the port."""
        return None

    async def close(self) -> None:
        """See the port."""
        if not self._closed:
            self._closed = True
            await self._client.close()

    async def _nearest(
        self, vector: Vectors, limit: int, only: models.Filter | None, params: models.SearchParams
    ) -> Nearest:
        with self._told():
            if self._served is None:
                raise IndexUnavailableError("no version is served yet")
            async with asyncio.timeout(SECONDS):
                found = await self._client.query_points(
                    self._served,
                    vector.tolist(),
                    limit=limit,
                    query_filter=only,
                    search_params=params,
                    with_payload=False,
                )
        return Nearest(
            np.array([point.id for point in found.points], np.int64),
            np.array([point.score for point in found.points], np.float32),
        )

    async def _create(self, collection: str, dimensions: int) -> None:
        await self._client.create_collection(
            collection,
            # As many bits as vectors have in the database. They have unit length, so that this is the cosine.
            vectors_config=models.VectorParams(
                size=dimensions, distance=models.Distance.DOT, datatype=models.Datatype.FLOAT16
            ),
            hnsw_config=models.HnswConfigDiff(m=LINKS, ef_construct=BUILD_CANDIDATES),
            quantization_config=models.ScalarQuantization(
                scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
            ),
        )
        kinds = models.PayloadSchemaType
        for field in (*WORDS, *LISTS):
            await self._client.create_payload_index(collection, field, kinds.KEYWORD)
        for field in NUMBERS:
            await self._client.create_payload_index(collection, field, kinds.FLOAT)
        for field in FLAGS:
            await self._client.create_payload_index(collection, field, kinds.BOOL)

    async def _linked(self, collection: str) -> None:
        """Wait until the server has linked what it was given, which it does by itself."""
        async with asyncio.timeout(LINK_SECONDS):
            while (await self._client.get_collection(collection)).status == models.CollectionStatus.YELLOW:  # noqa: ASYNC110 - a server's
                await asyncio.sleep(POLL_SECONDS)

    async def _ids(self, collection: str) -> set[int]:
        found: set[int] = set()
        start: models.ExtendedPointId | None = None
        while True:
            page, start = await self._client.scroll(
                collection, limit=PAGE, offset=start, with_payload=False, with_vectors=False
            )
            found.update(int(record.id) for record in page)
            if start is None:
                return found

    async def _versions(self) -> dict[str, int]:
        """Of all collections that are ours, whole or not."""
        pattern = re.compile(rf"{re.escape(self._prefix)}-(\d+)-[0-9a-f]{{12}}")
        names = [entry.name for entry in (await self._client.get_collections()).collections]
        return {name: int(match[1]) for name in names if (match := pattern.fullmatch(name))}

    def _collection(self, spec: IndexSpec) -> str:
        digest = hashlib.sha256(f"{spec.contents}/{spec.model_id}".encode()).hexdigest()
        return f"{self._prefix}-{spec.version}-{digest[:12]}"

    @asynccontextmanager
    async def _removed_unless_whole(self, collection: str) -> AsyncIterator[None]:
        try:
            yield
        except BaseException:
            # It would be removed by the next one who prepares it, or serves a later one; so trouble here is none.
            with contextlib.suppress(Exception):
                await self._client.delete_collection(collection)
            raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Whatever happens to the server is told in the port's words."""
        if self._closed:
            raise IndexUnavailableError("the index was closed")
        try:
            yield
        except IndexUnavailableError:
            raise
        except Exception as error:  # of the client, of what it is made of, of Python: they have nothing in common
            what = f"{type(error).__name__}: {error}"[:_MAX_ERROR_LETTERS]
            raise IndexUnavailableError(f"{self.name} can't be used: {what}") from error


def _client(url: str, api_key: str | None) -> AsyncQdrantClient:
    with warnings.catch_warnings():
        # Within one machine, or a network of containers, a key goes without TLS.
        warnings.filterwarnings("ignore", "Api key is used with an insecure connection")
        # Whether the two fit each other would be asked at once, and waited for.
        return AsyncQdrantClient(url=url, api_key=api_key, timeout=WRITE_SECONDS, check_compatibility=False)


def _alias(collection: str) -> str:
    return f"{collection}-ready"


def _struct(point: Point) -> models.PointStruct:
    return models.PointStruct(id=point.id, vector=point.vector.tolist(), payload=dict(point.payload))


def _filter(filters: Filters) -> models.Filter | None:
    must: list[models.Condition] = []
    must_not: list[models.Condition] = []
    for condition in conditions(filters):
        match condition:
            case Among(field, values):
                must.append(models.FieldCondition(key=field, match=models.MatchAny(any=list(values))))
            case Without(field, values):
                must_not.append(models.FieldCondition(key=field, match=models.MatchAny(any=list(values))))
            case Within(field, span):
                must.append(models.FieldCondition(key=field, range=models.Range(gte=span.least, lte=span.most)))
            case Is(field, value):
                must.append(models.FieldCondition(key=field, match=models.MatchValue(value=value)))
    return models.Filter(must=must, must_not=must_not) if must or must_not else None
