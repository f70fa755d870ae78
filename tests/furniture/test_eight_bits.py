"""Weights that stay 8 bits wide are the same ones, and make the same vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from garaza.furniture.embedding import eight_bits, session
from garaza.furniture.embedding.eight_bits import is_quick, narrowed
from garaza.furniture.embedding.models import bundled
from garaza.furniture.embedding.port import Vectors
from garaza.furniture.embedding.session import Session

TEXTS = ("a sofa", "walnut desk under 120 cm wide", " ".join(["an oak bookcase with doors"] * 40))


@pytest.fixture(scope="module")
def wide() -> Vectors:
    """As onnxruntime makes them of the package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "is_quick", lambda flags: False)
        return Session(bundled(), threads=1).encode(TEXTS)


def test_vectors_are_those_of_the_wide_weights(wide: Vectors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "is_quick", lambda flags: True)
    narrow = Session(bundled(), threads=1).encode(TEXTS)
    assert (narrow * wide).sum(1).min() > 0.9995
    # Else the switch above does nothing.
    assert not np.array_equal(narrow, wide)


def test_no_weight_is_lost() -> None:
    """With exact arithmetic the new graph says what the old one said."""
    model = narrowed(bundled().model)
    assert model is not None
    exact = eight_bits._Model.FromString(model)
    (multiplied, table) = (
        [node for node in exact.graph.node if node.op_type == kind] for kind in ("MatMulNBits", "Gather")
    )
    # Six of each of six layers. Two tables of 8 bits with their scales; that of kinds of tokens has two rows, of 32.
    assert len(multiplied) == 36
    assert len(table) == 5
    for node in multiplied:
        for attribute in node.attribute:
            if attribute.name == "accuracy_level":
                attribute.i = 1
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    one, other = (
        onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
        for given in (exact.SerializeToString(), str(bundled().model))
    )
    ids = np.array([[101, 1037, 10682, 102]], np.int64)
    known = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    given = {node.name: known[node.name] for node in one.get_inputs()}
    np.testing.assert_allclose(one.run(None, given)[0], other.run(None, given)[0], atol=1e-4)


def test_a_file_without_such_weights_is_left_alone(tmp_path: Path) -> None:
    model = narrowed(bundled().model)
    assert model is not None
    done = tmp_path / "model.onnx"
    done.write_bytes(model)
    assert narrowed(done) is None
    done.write_bytes(b"rubbish" * 100)
    assert narrowed(done) is None
    done.write_bytes(b"")
    assert narrowed(done) is None


@pytest.fixture
def parsed() -> Any:
    return eight_bits._Model.FromString(bundled().model.read_bytes())


def written(folder: Path, model: Any) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_what_a_file_needn_t_say_is_as_if_it_was_said(parsed: Any, tmp_path: Path) -> None:
    for node in parsed.graph.node:
        if node.op_type == "Gather":
            assert [attribute.name for attribute in node.attribute] == ["axis"]
            del node.attribute[:]
    parsed.opset_import.add(domain="com.microsoft", version=1)
    model = narrowed(written(tmp_path, parsed))
    assert model is not None
    onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def test_a_graph_within_a_graph_may_need_everything(parsed: Any, tmp_path: Path) -> None:
    parsed.graph.node.add(op_type="If", input=["whether"], output=["either"])
    assert narrowed(written(tmp_path, parsed)) is None


@pytest.mark.parametrize("kind", ["MatMul", "Gather", "Mul", "Cast"])
def test_what_makes_no_sense_is_for_whoever_loads_it(parsed: Any, tmp_path: Path, kind: str) -> None:
    for node in parsed.graph.node:
        if node.op_type == kind:
            del node.input[:]
    assert narrowed(written(tmp_path, parsed)) is None


def test_weights_that_are_too_few_are_for_whoever_loads_them(parsed: Any, tmp_path: Path) -> None:
    for tensor in parsed.graph.initializer:
        tensor.raw_data = tensor.raw_data[:-1]
    assert narrowed(written(tmp_path, parsed)) is None


def test_a_processor_that_isnt_known_to_gain_keeps_the_wide_ones() -> None:
    assert not is_quick("fpu sse4_2 avx")
    assert not is_quick("asimd asimddp")
