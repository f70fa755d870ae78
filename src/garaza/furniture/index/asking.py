"""Questions to the engine, of plain numbers and texts: whoever asks it needs nothing but the engine.

What is asked and answered is `Said`: a head of JSON, and numbers as they are in memory.
"""

from __future__ import annotations

import json
import socket
import struct
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import qdrant_edge as qdrant

from garaza.furniture.index.linking import CANDIDATES, OVERSAMPLING
from garaza.kit.mapped_files import let_go_of

_SIZES = struct.Struct("=II")


@dataclass(frozen=True, slots=True)
class Said:
    """One way or the other."""

    head: dict[str, Any]
    parts: list[bytes] = field(default_factory=list)

    def send(self, connection: socket.socket) -> None:
        """All of it.

        Raises:
            OSError: nobody hears it.
        """
        head = json.dumps({**self.head, "parts": [len(part) for part in self.parts]}).encode()
        body = b"".join(self.parts)
        connection.sendall(_SIZES.pack(len(head), len(body)) + head + body)

    @classmethod
    def receive(cls, incoming: BinaryIO) -> Said:
        """The next one.

        Raises:
            EOFError: there is none, and there won't be.
            OSError: the same, or it takes too long.
        """
        head_size, size = _SIZES.unpack(_read(incoming, _SIZES.size))
        head = json.loads(_read(incoming, head_size))
        body = _read(incoming, size)
        parts, start = [], 0
        for length in head.pop("parts"):
            parts.append(body[start : start + length])
            start += length
        return cls(head, parts)


def _read(incoming: BinaryIO, size: int) -> bytes:
    content = incoming.read(size)
    if len(content) < size:
        raise EOFError
    return content


@dataclass(frozen=True, slots=True)
class Found:
    """The nearest first."""

    ids: array[int]
    scores: array[float]


def opened(place: str) -> qdrant.EdgeShard:
    """The engine's files, of a version that is ready. Blocks, with the interpreter's lock, for tenths of a second."""
    shard = qdrant.EdgeShard.load(place)
    # Of 43,000 vectors that is 75 MB, half of it room that the engine keeps for what is never added.
    let_go_of(Path(place))
    return shard


def nearest(shard: qdrant.EdgeShard, vector: array[float], limit: int, conditions: list[dict[str, Any]]) -> Found:
    """Those that all conditions (see `condition`) let through."""
    # Else many are wanted of more candidates than a few are, which takes longer and finds these no better.
    more = max(1.0, min(OVERSAMPLING, CANDIDATES / limit))
    again = qdrant.QuantizationSearchParams(rescore=True, oversampling=more)
    params = qdrant.SearchParams(hnsw_ef=max(CANDIDATES, limit), quantization=again)
    query = qdrant.Query.Nearest(vector.tolist())
    only = _filter(conditions)
    request = qdrant.SearchRequest(query, limit, filter=only, params=params, with_payload=False, with_vector=False)
    points = shard.search(request)
    return Found(array("q", [int(point.id) for point in points]), array("f", [point.score for point in points]))


def count(shard: qdrant.EdgeShard) -> int:
    """Of points."""
    return shard.count(qdrant.CountRequest(exact=True))


def _filter(conditions: list[dict[str, Any]]) -> qdrant.Filter | None:
    must: list[qdrant.ConditionType] = []
    must_not: list[qdrant.ConditionType] = []
    for condition in conditions:
        name = condition["field"]
        match condition["kind"]:
            case "among":
                must.append(qdrant.FieldCondition(name, match=qdrant.MatchAny(condition["values"])))
            case "without":
                must_not.append(qdrant.FieldCondition(name, match=qdrant.MatchAny(condition["values"])))
            case "within":
                span = qdrant.RangeFloat(gte=condition["least"], lte=condition["most"])
                must.append(qdrant.FieldCondition(name, range=span))
    return qdrant.Filter(must=must, must_not=must_not) if must or must_not else None
