"""What is peculiar to vectors in files: whose they are, and what crashes and disks do to them."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from garaza.furniture.filters import NO_FILTERS, Filters
from garaza.furniture.index import edge, shard
from garaza.furniture.index.edge import EdgeIndex
from garaza.furniture.index.port import IndexUnavailableError, Point
from tests.contract.test_vector_index import agrees, folder, ids_of, prepare, query, serve, some, spec_of

__all__ = ["folder"]

pytestmark = pytest.mark.anyio


@pytest.fixture
async def index(folder: Path) -> AsyncIterator[EdgeIndex]:
    index = EdgeIndex(folder / "vectors")
    yield index
    await index.close()


async def test_only_one_process_has_it(folder: Path, index: EdgeIndex) -> None:
    code = (
        "import sys; from pathlib import Path; from filelock import FileLock;"
        "lock = FileLock(Path(sys.argv[1], '.lock')); lock.acquire(); print('mine', flush=True); sys.stdin.read()"
    )
    (folder / "vectors").mkdir()
    command = [sys.executable, "-c", code, folder / "vectors"]
    with subprocess.Popen(  # noqa: ASYNC220 - nothing else runs in this loop
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "mine\n"
        with pytest.raises(IndexUnavailableError, match="another process owns the index"):
            await index.has(spec_of(1, []))
        with pytest.raises(IndexUnavailableError, match="another process owns the index"):
            await prepare(index, 1, some([1]))
        other.communicate("")
    # It is asked again each time: whoever waits for it needn't be started anew.
    await serve(index, 1, some([1]))
    later = EdgeIndex(folder / "vectors")
    with pytest.raises(IndexUnavailableError, match="another process"):
        await later.serve(1)
    await index.close()
    await later.serve(1)
    await later.close()


async def test_what_a_crash_left_is_removed(folder: Path, index: EdgeIndex) -> None:
    for name in ("3", "draft-x"):
        (folder / "vectors" / name / "shard").mkdir(parents=True)
        (folder / "vectors" / name / "shard/half").write_bytes(b"half")
    assert not await index.has(spec_of(3, [1]))
    assert [path.name for path in (folder / "vectors").iterdir()] == [".lock"]


@pytest.mark.parametrize("damage", ["cut", "gone", "nonsense", "more"])
async def test_damaged_files_are_made_anew(folder: Path, index: EdgeIndex, damage: str) -> None:
    points = some(range(1, 101))
    await prepare(index, 1, points)
    largest = max((folder / "vectors/1").rglob("matrix.dat"), key=lambda path: path.stat().st_size, default=None)
    for path in [largest] if largest else list((folder / "vectors/1").rglob("*.dat")):
        match damage:
            case "cut":
                with path.open("r+b") as file:
                    file.truncate(path.stat().st_size // 2)
            case "gone":
                path.unlink()
            case "nonsense":
                (folder / "vectors/1/ready.json").write_text("[]", encoding="utf-8")
            case "more":
                path.write_bytes(path.read_bytes() + b"more")
    assert not await index.has(spec_of(1, ids_of(points)))
    with pytest.raises(IndexUnavailableError):
        await index.serve(1)
    await serve(index, 1, points)
    await agrees(index, points)


async def test_what_cannot_be_opened_is_gone_the_next_time(folder: Path, index: EdgeIndex) -> None:
    """Files of the right sizes can be wrong as well."""
    points = some(range(1, 101))
    await prepare(index, 1, points)
    for path in (folder / "vectors/1").rglob("segment.json"):
        path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(IndexUnavailableError, match="the index failed"):
        await index.serve(1)
    assert not await index.has(spec_of(1, ids_of(points)))
    await serve(index, 1, points)
    await agrees(index, points)


async def test_only_one_version_is_kept(folder: Path, index: EdgeIndex) -> None:
    for version in (1, 2, 3):
        await prepare(index, version, some(range(1, 11)))
    await index.serve(3)
    assert sorted(path.name for path in (folder / "vectors").iterdir()) == [".lock", "3"]
    await agrees(index, some(range(1, 11)))


async def test_only_what_differs_is_handed_over(index: EdgeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    upserted: list[int] = []
    original = shard._payload

    def noted(payload: dict[str, object]) -> dict[str, object]:
        upserted.append(1)
        return original(payload)

    monkeypatch.setattr(shard, "_payload", noted)
    await serve(index, 1, some(range(1, 101)))
    assert len(upserted) == 100
    await serve(index, 2, some(range(6, 106)))
    assert len(upserted) == 105
    await agrees(index, some(range(6, 106)), limit=200)
    # Most of it is another one: links between what is left aren't worth keeping.
    await serve(index, 3, some(range(70, 170)))
    assert len(upserted) == 205


async def test_links_find_nearly_all_that_comparing_does(index: EdgeIndex) -> None:
    """Enough points that they are linked, and searches follow the links."""
    rng = np.random.default_rng(7)
    centres = rng.standard_normal((300, 64))
    vectors = (centres[rng.integers(0, 300, 20_000)] + 0.5 * rng.standard_normal((20_000, 64))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    points = [Point(place + 1, vector, {"brand": f"b{place % 50}"}) for place, vector in enumerate(vectors)]

    async def parts() -> AsyncIterator[Sequence[Point]]:
        yield points

    await index.prepare(spec_of(1, range(1, 20_001), dimensions=64), parts())
    await index.serve(1)
    hits = filtered_hits = 0
    for vector in vectors[::400]:
        exact = vectors @ vector
        found = (await index.search(vector, 10, NO_FILTERS)).ids - 1
        hits += int((exact[found] >= np.sort(exact)[-10] - 0.001).sum())
        of_brand = np.arange(7, 20_000, 50)
        found = (await index.search(vector, 10, Filters(brands=("b7",)))).ids - 1
        filtered_hits += int((exact[found] >= np.sort(exact[of_brand])[-10] - 0.001).sum())
    assert hits >= 0.97 * 500
    assert filtered_hits >= 0.95 * 500


@pytest.mark.parametrize("closed", [False, True])
async def test_a_process_that_makes_it_may_fail_or_be_killed(
    index: EdgeIndex, monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    monkeypatch.setattr(edge, "SMALL", 5)
    points = some(range(1, 101))
    await serve(index, 1, points)
    original = EdgeIndex._build

    async def spoilt(self: EdgeIndex, draft: shard.Draft) -> None:
        (draft.folder / "plan.json").write_text("{}", encoding="utf-8")
        await original(self, draft)

    monkeypatch.setattr(EdgeIndex, "_build", spoilt)
    with pytest.raises(IndexUnavailableError, match="ended with 1: TypeError"):
        await prepare(index, 2, points)
    monkeypatch.setattr(EdgeIndex, "_build", original)
    await agrees(index, points)
    preparing = asyncio.create_task(prepare(index, 2, points))
    while index._process is None or index._process.returncode is not None:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.005)
    process = index._process
    if closed:
        await index.close()
        with pytest.raises(IndexUnavailableError):
            await preparing
    else:
        preparing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await preparing
    assert process.returncode == -signal.SIGKILL


async def test_a_vector_of_another_length_is_told(index: EdgeIndex) -> None:
    await serve(index, 1, some(range(1, 11)))
    with pytest.raises(IndexUnavailableError):
        await index.search(query()[:5], 1, NO_FILTERS)
