"""Where furniture is off nothing is made of it: what is wrong with its settings is nobody's trouble."""

from __future__ import annotations

from pathlib import Path

import pytest

from garaza.app import create_app
from garaza.furniture.embedding.files import ModelUnusableError
from garaza.settings import FurnitureSettings, Settings


def test_nothing_is_made(tmp_path: Path) -> None:
    def app(*, enabled: bool) -> list[str]:
        furniture = FurnitureSettings(enabled=enabled, model_dir=tmp_path / "nowhere")
        found = create_app(Settings(data_dir=tmp_path / "data", furniture=furniture)).openapi()["paths"]
        return [path for path in found if path.startswith("/api/furniture")]

    assert app(enabled=False) == []
    with pytest.raises(ModelUnusableError):
        app(enabled=True)
