"""An import whose process is killed, and gone on with by another one: nothing is lost, and nothing done twice."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import URL

from tests.furniture.importing.shop import Shop, chair, chairs
from tests.service.harness import ROOT

pytestmark = pytest.mark.anyio


def killed_there(command: list[str]) -> None:
    """Begin it, and kill it where it stands still."""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "here\n"
        child.kill()


@pytest.mark.parametrize(("state", "number"), [("reading", 100), ("embedding", 60)])
async def test_a_killed_import_is_gone_on_with_at_once(
    shop: Shop, database_url: URL, tmp_path: Path, state: str, number: int
) -> None:
    await shop.take(chairs(30))
    shop.encoder.read.clear()
    rows = [*(chair(one, title=f"Stool {one}") for one in range(180)), chair(7, title="Stool that comes twice")]
    import_id = await shop.begin(rows, replace=True)
    log = tmp_path / "texts"
    where = [database_url.render_as_string(hide_password=False), str(shop.data.root), str(log), state, str(number)]
    command = [sys.executable, "-m", "tests.furniture.importing.child", *where]
    await asyncio.to_thread(killed_there, command)
    before = await shop.get(import_id)
    assert before.state == state
    assert before.lease_owner is not None
    assert len(await shop.served()) == 30
    # Its lease hasn't expired, but its lock is free.
    assert await shop.worker().work() is None
    assert await shop.publish()
    served = await shop.served()
    assert {asin: product.title for asin, product in served.items()} == {
        f"C{one}": "Stool that comes twice" if one == 7 else f"Stool {one}" for one in range(180)
    }
    assert await shop.vectors() == 180
    read = [*(log.read_text().splitlines() if log.exists() else ()), *shop.encoder.read]
    assert len(read) == len(set(read)) == 180
    done = await shop.get(import_id)
    assert {name: done.counts[name] for name in ("rows", "taken", "duplicates", "changed", "added", "embedded")} == {
        "rows": 181,
        "taken": 180,
        "duplicates": 1,
        "changed": 30,
        "added": 150,
        "embedded": 180,
    }
