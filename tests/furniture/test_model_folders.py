"""A folder with another model is used as its files say, or refused with what to do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from garaza.furniture.embedding.files import ModelUnusableError
from garaza.furniture.embedding.models import bundled, from_folder
from garaza.furniture.embedding.session import Session


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my model"
    folder.mkdir()
    (folder / "model.onnx").symlink_to(bundled().model)
    (folder / "tokenizer.json").symlink_to(bundled().tokenizer)
    return folder


def write(folder: Path, name: str, content: object) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def test_files_alone_are_enough(folder: Path) -> None:
    files = from_folder(folder)
    assert (files.dimensions, files.max_tokens, files.pooling, files.query_prefix) == (384, 256, "mean", "")
    assert files.model_id.startswith("my_model-")
    assert files.model_id == from_folder(folder).model_id
    # What it makes is the same as the model that comes along, but for its name.
    assert files.model_id.rpartition("-")[2] == bundled().model_id.rpartition("-")[2]


def test_what_lies_beside_them_is_heeded(folder: Path) -> None:
    (folder / "onnx").mkdir()
    (folder / "model.onnx").rename(folder / "onnx/model.onnx")
    write(folder, "1_Pooling/config.json", {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False})
    write(folder, "sentence_bert_config.json", {"max_seq_length": 100_000})
    prompts = {"query": "query: ", "passage": "passage: "}
    write(folder, "config_sentence_transformers.json", {"prompts": prompts, "default_prompt_name": None})
    files = from_folder(folder)
    assert (files.pooling, files.max_tokens) == ("cls", 512)
    assert (files.query_prefix, files.document_prefix) == ("query: ", "passage: ")
    assert files.model_id.rpartition("-")[2] != bundled().model_id.rpartition("-")[2]
    (first,), (mean,) = Session(files, 1).encode(["sofa"]), Session(bundled(), 1).encode(["sofa"])
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-5)
    assert abs(first - mean).max() > 0.01


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("model.onnx", None, "has no model.onnx"),
        ("tokenizer.json", None, "has no tokenizer.json"),
        ("model.onnx", "no model", "no model that onnxruntime can run"),
        ("tokenizer.json", "{}", "is no tokenizer"),
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}, "asks for max_tokens"),
        ("1_Pooling/config.json", "{", "can't be read as JSON"),
        ("sentence_bert_config.json", {"max_seq_length": "many"}, "no number of tokens"),
        ("config_sentence_transformers.json", {"prompts": {"query": 7}}, "no short text"),
        ("config_sentence_transformers.json", " " * (1 << 17), "too big"),
    ],
)
def test_what_is_no_model_is_refused(folder: Path, name: str, content: object, told: str) -> None:
    (folder / name).unlink(missing_ok=True)
    if content is not None:
        write(folder, name, content)
    with pytest.raises(ModelUnusableError, match=told):
        from_folder(folder)


def test_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusableError, match="is no folder"):
        from_folder(tmp_path / "nothing")


def test_weights_beside_the_model_are_part_of_it(folder: Path) -> None:
    before = from_folder(folder).model_id
    write(folder, "model.onnx_data", "weights")
    assert from_folder(folder).model_id != before
