"""Texts become vectors: as they come, by one thread, and gone from memory when nobody asks.

Before: onnxruntime and its tokenizer as they are by default, in the same process, one text for each question behind a
lock, documents in the order they come, 32 at a time, loaded for ever. After: the encoder of the service. Both have the
same model.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import onnxruntime
import psutil
from tokenizers import Tokenizer

from benchmarks.relevance.judged import load
from benchmarks.report import Promise, Report, Row, percentile
from garaza.furniture import sample
from garaza.furniture.embedding.models import bundled
from garaza.furniture.embedding.onnx import OnnxEncoder
from garaza.furniture.embedding.port import Vectors

_AT_ONCE = 8
_PLAIN_BATCH = 32
_IDLE_SECONDS = 2.0
"""Longer than any pause while it is measured."""
_LEFT = 0.25
_NEAR = 0.999

Way = Literal["plain", "ours"]


class _Encoder(Protocol):
    async def query(self, text: str) -> Vectors:
        """One vector."""

    def documents(self, texts: Sequence[str]) -> Vectors:
        """Blocks."""

    async def close(self) -> None:
        """Let go of it."""


class _Plain:
    def __init__(self) -> None:
        files = bundled()
        self._tokenizer = Tokenizer.from_file(str(files.tokenizer))
        self._tokenizer.enable_truncation(files.max_tokens)
        self._tokenizer.enable_padding()
        self._session = onnxruntime.InferenceSession(str(files.model), providers=["CPUExecutionProvider"])
        self._lock = threading.Lock()

    async def query(self, text: str) -> Vectors:
        found: Vectors = (await asyncio.to_thread(self._encode, [text]))[0]
        return found

    def documents(self, texts: Sequence[str]) -> Vectors:
        parts = range(0, len(texts), _PLAIN_BATCH)
        return np.concatenate([self._encode(texts[start : start + _PLAIN_BATCH]) for start in parts])

    async def close(self) -> None:
        pass

    def _encode(self, texts: Sequence[str]) -> Vectors:
        with self._lock:
            encodings = self._tokenizer.encode_batch(list(texts))
            mask = np.array([encoding.attention_mask for encoding in encodings])
            ids = np.array([encoding.ids for encoding in encodings])
            known = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            names = [node.name for node in self._session.get_inputs()]
            (out, *_) = self._session.run(None, {name: known[name] for name in names})
        pooled = (np.asarray(out) * mask[..., None]).sum(1)
        unit: Vectors = (pooled / np.linalg.norm(pooled, axis=1, keepdims=True)).astype(np.float32)
        return unit


@dataclass(frozen=True, slots=True)
class _Took:
    alone: list[float]
    """Seconds of each question."""
    together: list[float]
    """The same, when others ask at the same time."""
    together_seconds: float
    documents_seconds: float
    documents_cpu: float
    vectors: Vectors
    """Of documents."""


def run(*, quick: bool, place: Path) -> Report:  # noqa: ARG001 - nothing is written
    """See the module."""
    questions = [question.text for question in load()][: 48 if quick else None]
    texts = [product.text for product in sample.products()][:: 24 if quick else 6]
    # Each in a process of its own: what one has taken from the system, the other would find.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as other:
        plain, ours = (other.submit(_measured, way, questions, texts).result() for way in ("plain", "ours"))
        plain_memory, memory = (other.submit(_memory, way, texts).result() for way in ("plain", "ours"))
    near = float((plain.vectors * ours.vectors).sum(1).min())
    held, left = memory
    rate, plain_rate = (len(questions) / took.together_seconds for took in (ours, plain))
    return Report(
        measured=f"{len(questions)} questions alone and {_AT_ONCE} at once, {len(texts)} products of the sample",
        rows=[
            Row("a question alone, p50", _ms(plain.alone, 50), _ms(ours.alone, 50), "ms"),
            Row("a question alone, p99", _ms(plain.alone, 99), _ms(ours.alone, 99), "ms"),
            Row(f"a question, {_AT_ONCE} at once, p50", _ms(plain.together, 50), _ms(ours.together, 50), "ms"),
            Row(f"a question, {_AT_ONCE} at once, p99", _ms(plain.together, 99), _ms(ours.together, 99), "ms"),
            Row(f"questions, {_AT_ONCE} at once", plain_rate, rate, "/s", "more"),
            Row("products", len(texts) / plain.documents_seconds, len(texts) / ours.documents_seconds, "/s", "more"),
            Row(
                "products for each second of a processor",
                len(texts) / plain.documents_cpu,
                len(texts) / ours.documents_cpu,
                "/s",
                "more",
            ),
            Row("memory while it is loaded", plain_memory[0] / 1e6, held / 1e6, "MB"),
            Row("memory when nobody has asked for long", plain_memory[1] / 1e6, max(left, 1) / 1e6, "MB"),
        ],
        promises=[
            Promise(f"{_AT_ONCE} at once are answered faster than one after the other", rate > 1 / _mean(ours.alone)),
            Promise(f"at most {_LEFT} of what it held is left when it is idle", left <= _LEFT * held),
            Promise(f"vectors are the plain way's (a cosine of {_NEAR} or more)", near >= _NEAR),
        ],
        notes=[
            "The plain way may use all cores, and the encoder one thread. Memory is what its process has more of than "
            f"before it loaded the model. The least cosine between both ways' vectors of a product was {near:.4f}."
        ],
    )


def _measured(way: Way, questions: Sequence[str], texts: Sequence[str]) -> _Took:
    return asyncio.run(_timed(_made(way), questions, texts))


async def _timed(encoder: _Encoder, questions: Sequence[str], texts: Sequence[str]) -> _Took:
    await encoder.query("sofa")
    alone: list[float] = []
    await _ask(encoder.query, questions, alone)
    together: list[float] = []
    began = time.perf_counter()
    await asyncio.gather(*(_ask(encoder.query, questions[first::_AT_ONCE], together) for first in range(_AT_ONCE)))
    together_seconds = time.perf_counter() - began
    began, cpu = time.perf_counter(), time.process_time()
    vectors = await asyncio.to_thread(encoder.documents, texts)
    took = time.perf_counter() - began, time.process_time() - cpu
    await encoder.close()
    return _Took(alone, together, together_seconds, *took, vectors)


async def _ask(query: Callable[[str], Awaitable[Vectors]], questions: Sequence[str], times: list[float]) -> None:
    for text in questions:
        began = time.perf_counter()
        await query(text)
        times.append(time.perf_counter() - began)


def _memory(way: Way, texts: Sequence[str]) -> tuple[int, int]:
    """More than before, in use and after it."""
    return asyncio.run(_remembered(way, texts))


async def _remembered(way: Way, texts: Sequence[str]) -> tuple[int, int]:
    process = psutil.Process()
    before = process.memory_info().rss
    encoder = _made(way)
    await encoder.query("sofa")
    await asyncio.to_thread(encoder.documents, texts)
    held = process.memory_info().rss - before
    await asyncio.sleep(2 * _IDLE_SECONDS)
    left = process.memory_info().rss - before
    await encoder.close()
    return held, left


def _made(way: Way) -> _Encoder:
    return _Plain() if way == "plain" else OnnxEncoder(bundled(), idle_seconds=_IDLE_SECONDS)


def _ms(seconds: Sequence[float], percent: float) -> float:
    return 1000 * percentile(seconds, percent)


def _mean(seconds: Sequence[float]) -> float:
    return statistics.fmean(seconds)
