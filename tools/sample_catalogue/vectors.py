"""Vectors of the sample's texts, by the model that comes along."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from garaza.furniture.embedding.models import bundled
from garaza.furniture.embedding.onnx import OnnxEncoder
from tools.sample_catalogue.generate import catalogue


def write_vectors(path: Path) -> None:
    """Takes a minute. What differs in price only has the same text, and one vector."""
    texts = {product.text_hash: product.text for product, _ in catalogue()}
    encoder = OnnxEncoder(bundled(), idle_seconds=60, threads=2)
    vectors = encoder.documents(list(texts.values()))
    asyncio.run(encoder.close())
    hashes = np.frombuffer(b"".join(texts), np.uint8).reshape(len(texts), -1)
    with path.open("wb") as file:
        np.savez(file, model_id=np.array(encoder.model_id), hashes=hashes, vectors=vectors.astype("<f2"))
