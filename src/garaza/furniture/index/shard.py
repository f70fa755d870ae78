"""The folder that has the vectors of one version, by Qdrant's engine.

ids.npy and vectors.npy, see `stored_vectors`
ready.json   written last, with the sizes of all files: what a crash left isn't taken for whole, and what was cut
             off later isn't mapped into memory, where reading beyond its end would end the process
shard/       the engine's; nothing writes to it any more once it is ready
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import qdrant_edge as qdrant

from garaza.furniture.embedding.port import Vectors
from garaza.furniture.filters import Payload
from garaza.furniture.index.conditions import FLAGS, LISTS, NUMBERS, WORDS
from garaza.furniture.index.linking import BUILD_CANDIDATES, LINKS
from garaza.furniture.index.port import Point, vectors_missing
from garaza.furniture.index.stored_vectors import Ids, StoredVectors, ids_of, room_for_vectors, store_ids

FORMAT = 3
"""Of the folder, and of what is indexed how: with another one it is made anew."""
CHANGED_SHARE = 0.25
"""Where more than this of a version is new or gone, it is made anew rather than from a copy of the one before."""

SCAN_KB = 10_000
"""Up to so much is compared one by one: where a filter leaves little, links lead nowhere."""
INDEX_KB = 1_000

PART = 1000
_PLAN, _VECTORS, _PAYLOADS = "plan.json", "vectors.f4", "payloads.jsonl"


@dataclass(frozen=True, slots=True)
class Ready:
    """What ready.json says."""

    format: int
    model_id: str
    dimensions: int
    contents: str
    """See VectorIndex."""
    files: dict[str, int]
    """Bytes by path, of all below the folder."""


def ready_of(folder: Path) -> Ready | None:
    """None where the folder isn't whole."""
    try:
        content = json.loads((folder / "ready.json").read_bytes())
        ready = Ready(**content)
        whole = ready.format == FORMAT and ready.files == _sizes(folder)
    except (OSError, ValueError, TypeError):
        return None
    return ready if whole else None


class Draft:
    """What a version will be made of, as files: what it shares with the one before, and what is new."""

    def __init__(
        self, folder: Path, model_id: str, dimensions: int, ids: Ids, contents: str, before: Path | None
    ) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.count = len(ids)
        kept = _kept(before, model_id, dimensions, ids)
        if not len(kept):
            before = None
        self._kept = set(kept.tolist())
        self._missing = set(np.setdiff1d(ids, kept).tolist())
        self._before = None if before is None else StoredVectors(before)
        store_ids(folder, ids)
        plan = Plan(model_id, dimensions, contents, None if before is None else str(before))
        (folder / _PLAN).write_text(json.dumps(asdict(plan)), encoding="utf-8")
        self._vectors = (folder / _VECTORS).open("wb")
        self._payloads = (folder / _PAYLOADS).open("w", encoding="utf-8")

    def add(self, points: Sequence[Point]) -> None:
        """Those of them that aren't there yet, as they are."""
        strange = self._strange([point for point in points if point.id in self._kept])
        for point in points:
            if point.id in self._missing or point.id in strange:
                self._missing.discard(point.id)
                self._vectors.write(point.vector.astype("<f4").tobytes())
                self._payloads.write(json.dumps([point.id, _payload(point.payload)]) + "\n")

    def _strange(self, points: Sequence[Point]) -> set[int]:
        """Of which the version before has another vector by this id: it was of another database."""
        if self._before is None or not points:
            return set()
        there = self._before.of(np.array([point.id for point in points], np.int64))
        given = np.array([point.vector for point in points], np.float16)
        return {point.id for point, other in zip(points, (there != given).any(axis=1).tolist(), strict=True) if other}

    def close(self) -> None:
        """All were added.

        Raises:
            IndexUnavailableError: some weren't.
        """
        self._vectors.close()
        self._payloads.close()
        if self._missing:
            raise vectors_missing(len(self._missing))

    def abandon(self) -> None:
        """Remove what there is of it."""
        self._vectors.close()
        self._payloads.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Plan:
    """Of a draft."""

    model_id: str
    dimensions: int
    contents: str
    before: str | None
    """The folder to copy."""


def build(folder: Path) -> None:
    """Make a version of a draft. The engine holds the interpreter's lock all the while, which may be minutes."""
    plan = Plan(**json.loads((folder / _PLAN).read_bytes()))
    place = folder / "shard"
    if plan.before is None:
        place.mkdir()
        shard = qdrant.EdgeShard.create(str(place), _config(plan.dimensions))
        for field, kind in _indexed():
            shard.update(qdrant.UpdateOperation.create_field_index(field, kind))
    else:
        before = Path(plan.before)
        shutil.copytree(before / "shard", place)
        shard = qdrant.EdgeShard.load(str(place))
        if gone := np.setdiff1d(ids_of(before), ids_of(folder)).tolist():
            shard.update(qdrant.UpdateOperation.delete_points(gone))
    vectors = _mapped(folder / _VECTORS, plan.dimensions)
    ids = ids_of(folder)
    kept = room_for_vectors(folder, plan.dimensions, None if plan.before is None else Path(plan.before))
    with (folder / _PAYLOADS).open(encoding="utf-8") as lines:
        payloads = map(json.loads, lines)
        points = zip(payloads, vectors, strict=True)
        while part := list(itertools.islice(points, PART)):
            keys = [key for (key, _), _ in part]
            kept[np.searchsorted(ids, keys)] = [vector for _, vector in part]
            given = [qdrant.Point(key, vector.tolist(), payload) for (key, payload), vector in part]
            shard.update(qdrant.UpdateOperation.upsert_points(given))
    kept.flush()
    shard.optimize()
    shard.flush()
    shard.close()
    # The first one who opens it takes in journals, and writes its configuration once more; nobody does later.
    qdrant.EdgeShard.load(str(place)).close()
    for name in (_PLAN, _VECTORS, _PAYLOADS):
        (folder / name).unlink()
    ready = Ready(FORMAT, plan.model_id, plan.dimensions, plan.contents, _sizes(folder))
    with (folder / "ready.json.new").open("w", encoding="utf-8") as file:
        json.dump(asdict(ready), file)
        file.flush()
        os.fsync(file.fileno())
    (folder / "ready.json.new").replace(folder / "ready.json")


def _mapped(file: Path, dimensions: int) -> Vectors:
    """Of a million products they are more than need be in memory at once."""
    if not file.stat().st_size:
        return np.empty((0, dimensions), np.float32)
    return np.memmap(file, "<f4", "r").reshape(-1, dimensions)


def _kept(before: Path | None, model_id: str, dimensions: int, ids: Ids) -> Ids:
    """What of the version before needn't be made again."""
    none: Ids = np.empty(0, np.int64)
    ready = None if before is None else ready_of(before)
    if before is None or ready is None or (ready.model_id, ready.dimensions) != (model_id, dimensions):
        return none
    old = ids_of(before)
    kept: Ids = np.intersect1d(old, ids)
    changed = len(old) + len(ids) - 2 * len(kept)
    return kept if changed <= CHANGED_SHARE * len(ids) else none


def _config(dimensions: int) -> qdrant.EdgeConfig:
    return qdrant.EdgeConfig(
        # As many bits as vectors have in the database. They have unit length, so that this is the cosine.
        vectors=qdrant.EdgeVectorParams(
            size=dimensions, distance=qdrant.Distance.Dot, datatype=qdrant.VectorStorageDatatype.Float16
        ),
        # Links are made, and followed, by 8 bits of them; of what these find, some are compared by all 16.
        # All is mapped that can be without slower searches: what lies in no file the system can't take back.
        quantization_config=qdrant.ScalarQuantizationConfig(
            qdrant.ScalarType.Int8, quantile=0.99, memory=qdrant.Memory.Cached
        ),
        hnsw_config=qdrant.HnswIndexConfig(
            m=LINKS,
            ef_construct=BUILD_CANDIDATES,
            full_scan_threshold=SCAN_KB,
            # All others may go on meanwhile.
            max_indexing_threads=1,
        ),
        optimizers=qdrant.EdgeOptimizersConfig(
            default_segment_number=1, max_segment_size=1 << 30, indexing_threshold=INDEX_KB
        ),
        # Searches go on side by side by themselves.
        max_search_threads=1,
        # What isn't finished is thrown away anyhow.
        wal_enabled=False,
    )


def _indexed() -> list[tuple[str, qdrant.PayloadSchemaParams]]:
    words = qdrant.KeywordIndexParams(memory=qdrant.Memory.Cold)
    numbers = qdrant.FloatIndexParams(memory=qdrant.Memory.Cold)
    return [*((field, words) for field in (*WORDS, *LISTS, *FLAGS)), *((field, numbers) for field in NUMBERS)]


def _payload(payload: Payload) -> dict[str, object]:
    """Flags are words: the engine's index of those of a small segment is empty once it was opened again."""
    return {field: word(value) if isinstance(value, bool) else value for field, value in payload.items()}


def word(flag: bool) -> str:
    """That stands for it."""
    return "yes" if flag else "no"


def _sizes(folder: Path) -> dict[str, int]:
    paths = (path for path in folder.rglob("*") if path.name not in ("ready.json", "ready.json.new") and path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}
