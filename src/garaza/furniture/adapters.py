"""From settings to the model and the index that searches use, the same for the service and for commands."""

from __future__ import annotations

from pathlib import Path

from garaza.furniture.embedding.files import ModelUnusableError
from garaza.furniture.embedding.models import bundled, from_folder
from garaza.furniture.embedding.onnx import OnnxEncoder
from garaza.furniture.index.edge import EdgeIndex
from garaza.furniture.index.fallback import PgVectorOrOther
from garaza.furniture.index.pgvector import PgVectorIndex
from garaza.furniture.index.port import VectorIndex
from garaza.kit.database import Database
from garaza.kit.storage import DataDirectory
from garaza.settings import FurnitureSettings


def make_encoder(settings: FurnitureSettings, data: DataDirectory | None = None) -> OnnxEncoder:
    """Blocks, where the model isn't the one that comes along.

    Args:
        data: where the model may be kept ready-made.

    Raises:
        ModelUnusableError: what is wrong, for operators.
    """
    try:
        files = bundled() if settings.model_dir is None else from_folder(settings.model_dir)
    except OSError as error:
        raise ModelUnusableError(f"{settings.model_dir} can't be read: {error.strerror}") from error
    return OnnxEncoder(files, idle_seconds=settings.model_idle_seconds, keep=_models_folder(settings, data))


def make_encoder_before(settings: FurnitureSettings, data: DataDirectory) -> OnnxEncoder | None:
    """The one that comes along, where another is named: the catalogue may still be as that one read it.

    It takes no memory before somebody asks.
    """
    if settings.model_dir is None:
        return None
    try:
        keep = _models_folder(settings, data)
        return OnnxEncoder(bundled(), idle_seconds=settings.model_idle_seconds, keep=keep)
    except ModelUnusableError:
        return None


def make_index(
    settings: FurnitureSettings, data: DataDirectory, database: Database, *, apart: bool = False
) -> VectorIndex:
    """Nothing is opened yet. `apart`: see EdgeIndex."""
    if settings.qdrant_url is not None:
        # Of an extra, and slow to import.
        from garaza.furniture.index.qdrant import QdrantIndex  # noqa: PLC0415

        key = settings.qdrant_api_key
        return QdrantIndex(settings.qdrant_url, None if key is None else key.get_secret_value())
    files = EdgeIndex(vectors_folder(data), apart=apart)
    return PgVectorOrOther(PgVectorIndex(database), files) if database.dialect == "postgresql" else files


def vectors_folder(data: DataDirectory) -> Path:
    """Of the index that takes no server."""
    return data.root / "furniture" / "vectors"


def versions_folder(data: DataDirectory) -> Path:
    """Of what words are searched in, beside which the vectors and files of imports may be."""
    return data.root / "furniture"


def _models_folder(settings: FurnitureSettings, data: DataDirectory | None) -> Path | None:
    return data.root / "furniture" / "models" if data is not None and settings.keep_model else None
