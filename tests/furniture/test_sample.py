"""The sample in the package is what its generator makes, and furniture as anybody might sell it."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections import Counter

import numpy as np
import pytest

from garaza.furniture.embedding.models import bundled
from garaza.furniture.embedding.onnx import OnnxEncoder
from garaza.furniture.products import MAX_TITLE_LETTERS, TIERS, Product
from garaza.furniture.sample import products, vectors
from tools.sample_catalogue.__main__ import PLACE
from tools.sample_catalogue.generate import COUNT, catalogue
from tools.sample_catalogue.kinds import KINDS
from tools.sample_catalogue.packing import rows

pytestmark = pytest.mark.anyio

SAMPLE = list(products())
MADE = list(catalogue())


def test_the_file_in_the_package_is_what_the_generator_makes() -> None:
    lines = gzip.decompress((PLACE / "catalogue.jsonl.gz").read_bytes()).splitlines()
    assert [json.loads(line) for line in lines] == list(rows(MADE))


def test_products_come_out_as_they_went_in() -> None:
    assert [product for product, _ in MADE] == SAMPLE


def test_more_of_it_begins_with_less_of_it() -> None:
    assert [product.asin for product, _ in catalogue(60)] == [product.asin for product in SAMPLE[:60]]


def test_there_is_enough_of_every_kind() -> None:
    count = Counter(facts.kind for _, facts in MADE)
    assert len(SAMPLE) == COUNT >= 1200
    assert set(count) == {kind.key for kind in KINDS}
    assert min(count.values()) >= 5


def test_no_two_have_the_same_number_and_hardly_any_the_same_text() -> None:
    assert len({product.asin for product in SAMPLE}) == len(SAMPLE)
    assert len({product.text_hash for product in SAMPLE}) > 0.97 * len(SAMPLE)


def test_they_are_as_an_import_would_leave_them() -> None:
    for product in SAMPLE:
        assert re.fullmatch(r"[A-Z0-9]{10}", product.asin)
        assert 0 < len(product.title) <= MAX_TITLE_LETTERS
        assert all(text == text.strip() and "  " not in text for text in texts(product))
        assert not any(mark in text for text in texts(product) for mark in ("{", "}", "~", "None"))
        assert product.sponsor_tier in {None, *TIERS}
        assert product.price_minor is None or 300 <= product.price_minor <= 1_000_000
        for length in (product.width_cm, product.depth_cm, product.height_cm):
            assert length is None or 0 < length <= 320


def test_some_say_little() -> None:
    assert 20 < sum(product.price_minor is None for product in SAMPLE) < 120
    assert 20 < sum(product.width_cm is None for product in SAMPLE) < 120
    assert 20 < sum(not product.about and not product.description for product in SAMPLE) < 120
    assert 20 < sum(product.sponsor_tier is not None for product in SAMPLE) < 120


def test_descriptions_are_not_of_one_mould() -> None:
    count = Counter(product.description for product in SAMPLE if len(product.description) > 150)
    assert len(count) > 350
    # Colours and sizes of one model share theirs.
    assert max(count.values()) <= 4


async def test_each_has_the_vector_that_the_model_makes_of_it() -> None:
    model_id, kept = vectors()
    encoder = OnnxEncoder(bundled(), idle_seconds=60)
    assert model_id == encoder.model_id
    assert {product.text_hash for product in SAMPLE} == set(kept)
    some = SAMPLE[::200]
    made = await asyncio.to_thread(encoder.documents, [product.text for product in some])
    await encoder.close()
    # Weights of 8 bits round a little differently in other company.
    cosines = [float(kept[product.text_hash].astype("f4") @ one) for product, one in zip(some, made, strict=True)]
    assert min(cosines) > 0.98
    assert all(abs(np.linalg.norm(vector.astype("f4")) - 1) < 0.001 for vector in kept.values())


def texts(product: Product) -> tuple[str, ...]:
    return (product.title, product.color or "x", product.material or "x", product.description, *product.about)
