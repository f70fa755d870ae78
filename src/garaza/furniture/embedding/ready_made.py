"""A model as onnxruntime has it once it is loaded, in files that are mapped into memory instead of being read.

Loading packs weights as the processor takes them: done each time, that is memory which lies in no file, and twice as
much for a moment. Done once and written, the system may take it back at any time. What it is packed for is this
version of onnxruntime and this kind of processor, so both are in the name.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import platform
import shutil
import time
from pathlib import Path

import numpy as np
import onnxruntime

from garaza.furniture.embedding.files import ModelFiles
from garaza.furniture.embedding.port import Vectors
from garaza.kit.receiving import sync

logger = logging.getLogger(__name__)

_MODEL, _WEIGHTS, _PROBE = "model.onnx", "weights.bin", "probe.npy"
_FREE_BYTES = 1 << 30
"""That the disk must have: less is left for what matters more."""
_UNUSED_SECONDS = 30 * 86400
"""After that nobody needs it: another version of a library, or a processor, is there."""
_CLOSE = 1e-3
_FORMAT = "2"
"""Of what is made of a model before it is written."""


class ReadyMade:
    """The place of one model's. Everything blocks; for any number of processes.

    Args:
        folder: for all models of this data directory.
    """

    def __init__(self, folder: Path, files: ModelFiles) -> None:
        self._folder = folder
        self._place = folder / f"{files.model_id}-{_here()}"

    @property
    def model(self) -> Path:
        return self._place / _MODEL

    @property
    def exists(self) -> bool:
        return self.model.is_file()

    def write(self, source: Path | bytes, options: onnxruntime.SessionOptions, probe: Vectors) -> bool:
        """Make it of the model `source`, a file or what would be in one, unless the disk is in the way.

        Args:
            options: as the model is used with; they aren't usable for anything else afterwards.
            probe: a vector that this model made.

        Returns:
            Whether it is there now.
        """
        aside = self._folder / f".{self._place.name}-{os.getpid()}"
        try:
            aside.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(aside).free < _FREE_BYTES:
                logger.info("The model for texts isn't kept ready-made: the disk is nearly full")
                return False
            _optimise(source, aside, options)
            np.save(aside / _PROBE, probe)
            for path in aside.iterdir():
                with path.open("rb") as file:
                    sync(file)
            # Another process may have been sooner, and made the same.
            if not self.exists:
                aside.rename(self._place)
            self._remove_unused()
        except Exception as error:  # noqa: BLE001 - onnxruntime's errors have nothing in common
            logger.warning("The model for texts can't be kept ready-made in %s: %s", self._folder, error)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return self.exists

    def agrees(self, vector: Vectors) -> bool:
        """Whether it makes of the probe's text what the model made that it is of: a disk may have lost some of it."""
        try:
            return bool(np.allclose(np.load(self._place / _PROBE, allow_pickle=False), vector, atol=_CLOSE))
        except (OSError, ValueError):
            return False

    def used(self) -> None:
        """Keep it for longer."""
        with contextlib.suppress(OSError):
            os.utime(self._place)

    def remove(self) -> None:
        """It is of no use."""
        shutil.rmtree(self._place, ignore_errors=True)

    def _remove_unused(self) -> None:
        for other in self._folder.iterdir():
            with contextlib.suppress(OSError):
                if other != self._place and time.time() - other.stat().st_mtime > _UNUSED_SECONDS:
                    shutil.rmtree(other, ignore_errors=True)


def _optimise(source: Path | bytes, folder: Path, options: onnxruntime.SessionOptions) -> None:
    options.optimized_model_filepath = str(folder / _MODEL)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    for name, value in (
        ("optimized_model_external_initializers_file_name", _WEIGHTS),
        ("optimized_model_external_initializers_min_size_in_bytes", "1024"),
        ("save_external_prepacked_constant_initializers", "1"),
    ):
        options.add_session_config_entry(f"session.{name}", value)
    given = source if isinstance(source, bytes) else str(source)
    onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])


def _here() -> str:
    """Of what the weights are packed for."""
    what = "\0".join((_FORMAT, onnxruntime.__version__, platform.machine(), processor_flags()))
    return hashlib.sha256(what.encode()).hexdigest()[:12]


def processor_flags() -> str:
    """What the processor can do, where the system tells; else what it is called."""
    with contextlib.suppress(OSError), Path("/proc/cpuinfo").open(encoding="ascii", errors="replace") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name.strip() in {"flags", "Features"}:
                return value.strip()
    return platform.processor()
