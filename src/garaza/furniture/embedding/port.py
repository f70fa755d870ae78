"""What makes vectors of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class EncoderUnavailableError(Exception):
    """It can't be used now. Its text is for operators."""


class EncoderBusyError(EncoderUnavailableError):
    """Too many ask at once: in a second it will be different."""


class Encoder(Protocol):
    """Vectors have unit length, so that their dot product is the cosine. Those of two models can't be compared."""

    model_id: str
    """Kept with every vector."""
    dimensions: int

    async def query(self, text: str) -> Vectors:
        """Of what somebody looks for: float32, [dimensions]. Off the loop, with others that ask at the same time.

        Raises:
            EncoderUnavailableError: or EncoderBusyError.
        """

    def documents(self, texts: Sequence[str]) -> Vectors:
        """Of many texts: float32, [N, dimensions]. Blocks.

        Raises:
            EncoderUnavailableError: it can't be used now.
        """
