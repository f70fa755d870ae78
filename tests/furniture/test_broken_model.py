"""A model that can't be used costs the meaning, is told to whoever runs this, and stops nothing else."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import update

from garaza.furniture import runtime
from garaza.furniture.embedding.files import ModelUnusableError
from garaza.furniture.embedding.models import bundled
from garaza.furniture.embedding.onnx import OnnxEncoder
from garaza.furniture.importing.states import ImportState
from garaza.furniture.importing.worker import ImportInterruptedError
from garaza.furniture.models import Catalogue
from garaza.furniture.search.asked import Asked
from garaza.kit.database import sqlite_url
from tests.api.whole import Whole, whole_service
from tests.cli.command import refused, run
from tests.furniture.importing.conftest import database_url, shop
from tests.furniture.importing.shop import CountingEncoder, Shop, chairs
from tests.furniture.importing.test_models import shelf_of, until

__all__ = ["database_url", "shop"]

pytestmark = pytest.mark.anyio

SEARCH = "/api/furniture/search?query=black+sofa"


@pytest.fixture
def garbage(tmp_path: Path) -> Path:
    """A folder that somebody took for a model."""
    folder = tmp_path / "garbage"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"\x08\x07garbage")
    shutil.copy(bundled().tokenizer, folder)
    return folder


async def test_the_service_searches_by_words_until_it_is_mended_and_says_so(
    empty_file: Path,
    tmp_path: Path,
    garbage: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runtime, "_FIRST_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(runtime, "_LONGEST_LOOK_SECONDS", 0.01)
    shutil.copy(empty_file, tmp_path / "garaza.db")
    given = {"sample": True, "model_dir": garbage}
    async with whole_service(sqlite_url(tmp_path / "garaza.db"), tmp_path, tmp_path, furniture=given) as whole:
        guest = whole.guest()
        await _found(whole)
        found = (await guest.get(SEARCH)).json()
        assert (found["semantic"], found["count"]) == (False, 3)
        health = (await guest.get("/api/furniture/health")).json()
        assert (health["status"], health["semantic"]) == ("ok", False)
        ready = await guest.get("/ready")
        assert ready.status_code == 200
        assert ready.json()["notes"] == {
            "furniture": "Only words are looked at, and not their meaning. The log says why."
        }
        # However often it looks again, it is said once; and when it is mended, nobody has to start anything.
        (line,) = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
        assert f"{garbage / 'model.onnx'} is no model that onnxruntime can run" in line
        await asyncio.to_thread(shutil.copy, bundled().model, garbage / "model.onnx")
        async with asyncio.timeout(60):
            while not (await guest.get("/api/furniture/health")).json()["semantic"]:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)
        assert (await guest.get(SEARCH + "&page_size=9")).json()["semantic"]
        assert "furniture" not in (await guest.get("/ready")).json()["notes"]


async def _found(whole: Whole) -> None:
    async with asyncio.timeout(60):
        while (await whole.guest().get(SEARCH)).status_code != 200:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("changed", [{"model_sha256": "0" * 64}, {"dimensions": 8}])
async def test_a_model_that_turns_out_to_be_another_one(shop: Shop, changed: dict[str, object]) -> None:
    await shop.take(chairs(3))
    broken = OnnxEncoder(dataclasses.replace(bundled(), **changed), idle_seconds=600)  # type: ignore[arg-type]
    async with shop.database.write() as session:
        await session.execute(update(Catalogue).values(model_id=broken.model_id))
    async with shelf_of(shop, broken) as shelf:
        await until(lambda: shelf.version == 1)
        found = await shelf.search(Asked(text="chair"))
        assert (found.semantic, len(found.hits)) == (False, 3)
        assert not shelf.state.semantic
        assert shelf.state.error
    await broken.close()


async def test_an_import_waits_until_it_is_mended(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = _raising(lambda: ModelUnusableError("/models/new has no model.onnx"))
    monkeypatch.setattr(shop, "encoder", broken)
    import_id = await shop.begin(chairs(70))
    with pytest.raises(ImportInterruptedError, match=r"The model for texts can't be used: /models/new has no model\."):
        await shop.worker().work()
    waiting = await shop.get(import_id)
    assert (waiting.state, waiting.rows_read, waiting.ended_at) == (ImportState.EMBEDDING, 70, None)
    assert "has no model.onnx" in (waiting.error or "")
    shop.encoder = CountingEncoder()
    await shop.worker().work()
    done = await shop.get(import_id)
    assert (done.state, done.error, done.counts["rows"]) == (ImportState.INDEXING, None, 70)


def _raising(error: Callable[[], Exception]) -> CountingEncoder:
    def fail(_texts: object) -> None:
        raise error()

    return CountingEncoder(fail)


def test_commands_say_it(tmp_path: Path, garbage: Path) -> None:
    file = tmp_path / "chairs.jsonl"
    file.write_text(json.dumps({"asin": "C1", "title": "A chair"}) + "\n", encoding="utf-8")
    data = tmp_path / "data"
    said = refused("catalogue", "import", file, "--data-dir", data, GARAZA_FURNITURE__MODEL_DIR=str(garbage))
    assert f"isn't imported, as the model for texts can't be used: {garbage / 'model.onnx'} is no model" in said
    done = run("doctor", "--data-dir", data, GARAZA_SERVER__PORT="0", GARAZA_FURNITURE__MODEL_DIR=str(garbage))
    assert done.returncode == 1
    assert done.stdout.count("✗") == 1
    assert "Furniture would be found by words alone" in done.stdout
