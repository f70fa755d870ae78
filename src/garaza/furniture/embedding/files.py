"""The files of a model, and what is to be known to use them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from garaza.furniture.embedding.port import EncoderUnavailableError

Pooling = Literal["mean", "cls"]
"""How the vectors of tokens become one of their text: their mean, or the first one's."""


class ModelUnusableError(EncoderUnavailableError):
    """These files are no model for texts. Its text says what is wrong, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """See the module."""

    model: Path
    """ONNX. More files beside it, where it refers to them."""
    tokenizer: Path
    """Of the `tokenizers` library, JSON."""
    model_sha256: str
    tokenizer_sha256: str
    name: str
    dimensions: int
    max_tokens: int
    """What comes after them is cut off."""
    pooling: Pooling
    query_prefix: str = ""
    document_prefix: str = ""

    @property
    def model_id(self) -> str:
        """Of all that changes a vector: two with the same make the same vectors."""
        what = (
            self.model_sha256,
            self.tokenizer_sha256,
            str(self.max_tokens),
            self.pooling,
            self.query_prefix,
            self.document_prefix,
        )
        digest = hashlib.sha256("\0".join(what).encode()).hexdigest()
        return f"{self.name}-{digest[:16]}"

    def check(self) -> None:
        """Whether the files are still the ones that were meant. Blocks: it reads them.

        Raises:
            ModelUnusableError: they aren't.
        """
        for path, expected in ((self.model, self.model_sha256), (self.tokenizer, self.tokenizer_sha256)):
            if digest_of(path) != expected:
                advice = "install it again, or restart if you changed it on purpose"
                raise ModelUnusableError(f"{path} isn't the file it is meant to be (its SHA-256 differs): {advice}")


def digest_of(path: Path) -> str:
    """SHA-256 of a model's file, and of those that hold its weights where they are too big for it."""
    digest = hashlib.sha256()
    try:
        for part in (path, *sorted(path.parent.glob(f"{path.name}?data"))):
            with part.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
    except OSError as error:
        raise ModelUnusableError(f"{path} can't be read: {error.strerror}") from error
    return digest.hexdigest()
