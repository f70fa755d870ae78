"""A model in memory: texts in, vectors out, one call at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from garaza.furniture.embedding.eight_bits import is_quick, narrowed
from garaza.furniture.embedding.files import ModelFiles, ModelUnusableError
from garaza.furniture.embedding.port import Vectors
from garaza.furniture.embedding.ready_made import ReadyMade, processor_flags

logger = logging.getLogger(__name__)

BATCH_TOKENS = 512
"""Of one run, with those that only pad: more of them leave the caches of a core, and take longer each."""
LETTERS_A_TOKEN = 32
"""Text beyond so many for each token that is read isn't even looked at."""
MAX_DIMENSIONS = 4096
_KNOWN_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
_POOLED = "sentence_embedding"
_ERRORS_ONLY = 3


class Session:
    """See the module. Blocks; not for two threads at once.

    Args:
        keep: a folder for models that are ready-made (see there), in which this one will be, too. None: it isn't kept.

    Raises:
        ModelUnusableError: the files are no model of the kind that is known here.
    """

    def __init__(self, files: ModelFiles, threads: int, keep: Path | None = None) -> None:
        files.check()
        self._files = files
        self._threads = threads
        self._tokenizer = _tokenizer(files)
        self._model: _Opened | None = None
        ready = None if keep is None else ReadyMade(keep, files)
        if ready is None or not self._take(ready):
            source = (narrowed(files.model) if is_quick(processor_flags()) else None) or files.model
            self._model = _opened(source, _options(threads))
            probe = self._probe()
            self.dimensions = self._checked(probe)
            if ready is not None and ready.write(source, _options(threads), probe):
                self._take(ready)

    def _take(self, ready: ReadyMade) -> bool:
        """Use what is ready-made, if it is there and good; else all is as it was, but for what isn't good."""
        if not ready.exists:
            return False
        options = _options(self._threads)
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        before = self._model
        try:
            self._model = _opened(ready.model, options)
            probe = self._probe()
            if ready.agrees(probe):
                self.dimensions = self._checked(probe)
                ready.used()
                return True
            logger.warning("The ready-made model for texts is damaged, and is made anew: %s", ready.model)
        except ModelUnusableError as error:
            logger.warning("The ready-made model for texts can't be used, and is made anew: %s", error)
        self._model = before
        ready.remove()
        return False

    def encode(self, texts: Sequence[str]) -> Vectors:
        """float32, [N, dimensions], of unit length. Those of a length go together, so that little is padded."""
        encodings = [self._tokens(text) for text in texts]
        found = np.empty((len(texts), self.dimensions), np.float32)
        for places in _batches([len(encoding.ids) for encoding in encodings]):
            found[places] = self._run([encodings[place] for place in places])
        return found

    def _tokens(self, text: str) -> Encoding:
        # One after the other: what takes many at once starts threads of its own. Lone surrogates can't be encoded.
        bounded = text[: self._files.max_tokens * LETTERS_A_TOKEN].encode("utf-8", "replace").decode()
        return self._tokenizer.encode(bounded)

    def _run(self, encodings: Sequence[Encoding]) -> Vectors:
        shape = len(encodings), max(len(encoding.ids) for encoding in encodings)
        ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        assert self._model is not None
        (out,) = self._model.session.run([self._model.output], {name: given[name] for name in self._model.inputs})
        return _unit(_pooled(np.asarray(out, np.float32), mask, self._files))

    def _probe(self) -> Vectors:
        try:
            return self._run([self._tokens("chair")])
        except Exception as error:  # onnxruntime's errors have nothing in common
            raise ModelUnusableError(f"{self._files.model} and its tokenizer don't work together: {error}") from error

    def _checked(self, vector: Vectors) -> int:
        """How long its vectors are, if this is one that can be used."""
        if vector.ndim != 2 or not 1 < vector.shape[1] <= MAX_DIMENSIONS or not np.isfinite(vector).all():
            raise ModelUnusableError(f"{self._files.model} makes nothing that is a vector of a text")
        if self._files.dimensions not in (0, vector.shape[1]):
            raise ModelUnusableError(f"{self._files.model} makes vectors of another length than it is meant to")
        return int(vector.shape[1])


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places of texts of about a length, so many that what is run at once has BATCH_TOKENS."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _pooled(out: NDArray[np.float32], mask: NDArray[np.int64], files: ModelFiles) -> Vectors:
    if out.ndim == 2:
        return out
    if files.pooling == "cls":
        return out[:, 0]
    weights = mask[..., None].astype(np.float32)
    pooled: Vectors = (out * weights).sum(1) / weights.sum(1)
    return pooled


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Vectors = vectors / np.maximum(lengths, 1e-12)
    return unit


def _tokenizer(files: ModelFiles) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_file(str(files.tokenizer))
    except Exception as error:  # the library raises Exception itself
        raise ModelUnusableError(f"{files.tokenizer} is no tokenizer: {error}") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(files.max_tokens)
    return tokenizer


@dataclass(frozen=True, slots=True)
class _Opened:
    """A model, and what it takes and gives."""

    session: onnxruntime.InferenceSession
    inputs: frozenset[str]
    output: str


def _opened(source: Path | bytes, options: onnxruntime.SessionOptions) -> _Opened:
    """A file, or what would be in one."""
    given, model = (source, "the model") if isinstance(source, bytes) else (str(source), str(source))
    try:
        session = onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have nothing in common
        raise ModelUnusableError(f"{model} is no model that onnxruntime can run: {error}") from error
    inputs = frozenset(node.name for node in session.get_inputs())
    if not {"input_ids", "attention_mask"} <= inputs <= _KNOWN_INPUTS:
        raise ModelUnusableError(
            f"{model} wants {', '.join(sorted(inputs))}: a model for texts takes "
            "input_ids and attention_mask, and token_type_ids at most"
        )
    names = [node.name for node in session.get_outputs()]
    return _Opened(session, inputs, _POOLED if _POOLED in names else names[0])


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _ERRORS_ONLY
    # It keeps the room of the longest texts for ever, and what is gained is nothing.
    options.enable_cpu_mem_arena = False
    # Threads that wait by turning in circles take the cores that others could use.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
