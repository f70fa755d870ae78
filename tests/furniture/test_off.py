"""Where furniture is off nothing is made of it: what is wrong with its settings is nobody's trouble."""

from __future__ import annotations

from pathlib import Path

import pytest

from garaza.app import create_app
from garaza.settings import FurnitureSettings, Settings


@pytest.mark.parametrize("enabled", [False, True])
def test_nothing_is_made(tmp_path: Path, caplog: pytest.LogCaptureFixture, enabled: bool) -> None:
    furniture = FurnitureSettings(enabled=enabled, model_dir=tmp_path / "nowhere")
    found = create_app(Settings(data_dir=tmp_path / "data", furniture=furniture)).openapi()["paths"]
    assert any(path.startswith("/api/furniture") for path in found) == enabled
    assert ("nowhere is no folder" in caplog.text) == enabled
