"""A model on the processor, by onnxruntime: loaded when it is asked, gone when nobody has asked for long."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from garaza.furniture.embedding.files import ModelFiles
from garaza.furniture.embedding.port import EncoderBusyError, EncoderUnavailableError, Vectors
from garaza.furniture.embedding.session import Session
from garaza.kit.memory import trim
from garaza.kit.traffic import Histogram

logger = logging.getLogger(__name__)

MAX_WAITING = 128
"""Queries. They are all through in half a second; whoever would wait longer hears at once that it is busy."""
MAX_BATCH = 8
"""Queries that go together when more than one waits."""
MAX_QUERY_LETTERS = 400
"""Of a query, more isn't read."""
DOCUMENT_BATCH = 16
"""Of documents, before a query may come first."""
RETRY_SECONDS = 30
"""After a model couldn't be loaded, before it is tried again."""
CLOSE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class _Asked:
    texts: Sequence[str]
    future: Future[Vectors]
    """[N, dimensions]"""


class OnnxEncoder:
    """An Encoder with a thread of its own, in which the model lives.

    Queries that come while one runs go together when it is done; they come before documents. Whoever stops waiting is
    left out. For any thread.

    Args:
        keep: see `Session`.
    """

    def __init__(self, model: ModelFiles, *, idle_seconds: float, threads: int = 1, keep: Path | None = None) -> None:
        self.model_id = model.model_id
        self.dimensions = model.dimensions
        self._files = model
        self._idle_seconds = idle_seconds
        self._threads = threads
        self._keep = keep
        self._session: Session | None = None
        self._failure: tuple[float, str] | None = None
        self._news = threading.Condition()
        self._queries: deque[_Asked] = deque()
        self._documents: deque[_Asked] = deque()
        self.batches = Histogram((1, 2, 4, MAX_BATCH))
        """Of queries: how many went together."""
        self.refused = 0
        """Queries, as too many waited."""
        self.loads = 0
        self._leaving: list[Future[None]] = []
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._session is not None

    @property
    def waiting(self) -> int:
        """Queries."""
        return len(self._queries)

    async def query(self, text: str) -> Vectors:
        """See the port."""
        prefixed = self._files.query_prefix + text[:MAX_QUERY_LETTERS]
        vectors = await asyncio.wrap_future(self._ask(self._queries, [prefixed], MAX_WAITING))
        vector: Vectors = vectors[0]
        return vector

    async def warm(self) -> None:
        """Load the model, so that the first one who asks needn't wait for that.

        Raises:
            EncoderUnavailableError: it can't be loaded.
        """
        await asyncio.wrap_future(self._ask(self._queries, []))

    def documents(self, texts: Sequence[str]) -> Vectors:
        """See the port."""
        found = np.empty((len(texts), self.dimensions), np.float32)
        by_length = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        for start in range(0, len(texts), DOCUMENT_BATCH):
            places = by_length[start : start + DOCUMENT_BATCH]
            asked = self._ask(self._documents, [self._files.document_prefix + texts[place] for place in places])
            found[places] = asked.result()
        return found

    async def unload(self) -> None:
        """Have the model leave memory. Whoever asks next, or waits already, has it loaded again."""
        left: Future[None] = Future()
        with self._news:
            if self._thread is None or self._closed:
                return
            self._leaving.append(left)
            self._news.notify()
        await asyncio.wrap_future(left)

    async def close(self) -> None:
        """End the thread and let go of the model; whoever still waits is told that it is unavailable."""
        with self._news:
            self._closed = True
            self._news.notify_all()
            thread = self._thread
        if thread is not None:
            await asyncio.to_thread(thread.join, CLOSE_SECONDS)

    def _ask(self, queue: deque[_Asked], texts: Sequence[str], most: int | None = None) -> Future[Vectors]:
        asked = _Asked(texts, Future())
        with self._news:
            if self._closed:
                raise EncoderUnavailableError("the model for texts was closed")
            if most is not None and len(queue) >= most:
                self.refused += 1
                raise EncoderBusyError("too many ask the model for texts at once")
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="encoder", daemon=True)
                self._thread.start()
            queue.append(asked)
            self._news.notify()
        return asked.future

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            if not batch:
                self._unload()
            elif wanted := [asked for asked in batch if asked.future.set_running_or_notify_cancel()]:
                self._answer(wanted)
        self._unload()
        error = EncoderUnavailableError("the model for texts was closed")
        for asked in (*self._queries, *self._documents):
            if asked.future.set_running_or_notify_cancel():
                asked.future.set_exception(error)

    def _next(self) -> list[_Asked] | None:
        """What goes together now, once there is something. Empty: the model is to leave memory. None: closed."""
        with self._news:
            while not (self._closed or self._leaving or self._queries or self._documents):
                if not self._news.wait(self._idle_seconds if self.loaded else None):
                    return []
            if self._closed:
                return None
            if self._leaving:
                return []
            if self._queries:
                self.batches.add(min(MAX_BATCH, len(self._queries)))
                return [self._queries.popleft() for _ in range(min(MAX_BATCH, len(self._queries)))]
            return [self._documents.popleft()]

    def _answer(self, batch: Sequence[_Asked]) -> None:
        try:
            vectors = self._loaded().encode([text for asked in batch for text in asked.texts])
        except EncoderUnavailableError as error:
            failure = error
        except Exception as error:
            logger.exception("The model for texts failed")
            failure = EncoderUnavailableError(f"the model for texts failed: {error}")
        else:
            start = 0
            for asked in batch:
                asked.future.set_result(vectors[start : start + len(asked.texts)])
                start += len(asked.texts)
            return
        for asked in batch:
            asked.future.set_exception(failure)

    def _loaded(self) -> Session:
        if self._session is not None:
            return self._session
        now = time.monotonic()
        if self._failure is not None and now < self._failure[0]:
            raise EncoderUnavailableError(self._failure[1])
        try:
            self._session = Session(self._files, self._threads, self._keep)
        except EncoderUnavailableError as error:
            logger.error("The model for texts can't be loaded: %s", error)  # noqa: TRY400 - it says what is wrong
            self._failure = now + RETRY_SECONDS, str(error)
            raise
        # Loading takes more than what is loaded, and the allocator would keep that.
        trim()
        self._failure = None
        self.loads += 1
        logger.info("The model for texts was loaded in %.1f s", time.monotonic() - now)
        return self._session

    def _unload(self) -> None:
        with self._news:
            leaving, self._leaving = self._leaving, []
        if self._session is not None:
            self._session = None
            trim()
            logger.info("The model for texts left memory")
        for left in leaving:
            if left.set_running_or_notify_cancel():
                left.set_result(None)
