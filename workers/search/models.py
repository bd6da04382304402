"""Models that stay warm for queries, and the embeddings of queries and images they give.

torch is imported with the first model, not before: a search worker with nothing to search stays small.
Queries run on the CPU, one at a time, so that search never waits for a GPU that trains.
"""

from __future__ import annotations

import io
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from cachetools import LRUCache
from PIL import Image

from common.errors import InvalidInput
from workers.models.pixels import OPENED, check_pixels, decoding, flatten, turn_upright
from workers.models.source import ModelSource
from workers.runtime.fleet.activity import loading

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from workers.models.clip_model import LoadedClip

    Floats = npt.NDArray[np.float32]

log = logging.getLogger(__name__)
WARM_MODELS = 2
KEPT_QUERIES = 2048
MAX_THREADS = 4  # a query is one short sequence: more threads do not make it faster
MAX_QUERY_CHARS = 2000
SEARCHED = (*OPENED, "AVIF")  # as copied from a page; ingest takes what browsers of old show, too
Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """The `size` values used last, made on demand. Two threads that ask for one key make it once."""

    def __init__(self, size: int) -> None:
        self._kept: LRUCache[Key, Value] = LRUCache(size)
        self._lock = (
            threading.RLock()
        )  # held while one is made, which cachetools' decorators do not

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """The value of key, from `make` when it is not here."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
            return self._kept[key]

    def __contains__(self, key: Key) -> bool:
        return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)


class SearchModels:
    """Warm models by their source, and a cache of query embeddings. Safe from several threads."""

    def __init__(self, warm: int = WARM_MODELS) -> None:
        self._models: Recent[ModelSource, LoadedClip] = Recent(warm)
        self._queries: Recent[tuple[ModelSource, str], Floats] = Recent(KEPT_QUERIES)

    def text(self, source: ModelSource, query: str) -> Floats:
        """The embedding (D,) of a query, unit norm. Raises InvalidInput on an empty or endless one."""
        words = " ".join(query.split())
        if not words:
            raise InvalidInput("The query is empty.", remedy="Type what the image shows.")
        if len(words) > MAX_QUERY_CHARS:
            raise InvalidInput(
                f"The query is {len(words)} characters; the limit is {MAX_QUERY_CHARS}."
            )
        return self._queries.get((source, words), lambda: _embed_text(self.model(source), words))

    def image(self, source: ModelSource, data: bytes, max_pixels: int) -> Floats:
        """The embedding (D,) of an image file, unit norm. Raises InvalidInput if it is none."""
        return _embed_image(self.model(source), read_image(data, max_pixels))

    def model(self, source: ModelSource) -> LoadedClip:
        """The model, loaded now if it is not warm."""
        return self._models.get(source, lambda: _load(source))


def _load(source: ModelSource) -> LoadedClip:
    with loading(source.model_id):
        import torch

        from workers.models.clip_model import load_clip

        torch.set_num_threads(max(1, min(MAX_THREADS, os.cpu_count() or 1)))
        return load_clip(source.reference, weights_dir=Path(source.weights_dir), log=log.info)


def _embed_text(loaded: LoadedClip, text: str) -> Floats:
    from workers.models.clip_model import encode_texts

    row: Floats = encode_texts(loaded, [text])[0].numpy()
    return row


def _embed_image(loaded: LoadedClip, image: Image.Image) -> Floats:
    import torch

    with torch.inference_mode():
        batch = loaded.preprocess(image).unsqueeze(0)  # (1, 3, S, S)
        row: Floats = loaded.model.encode_image(batch, normalize=True)[0].float().numpy()
    return row


def read_image(data: bytes, max_pixels: int) -> Image.Image:
    """A query's image as ingest and index see it: upright, RGB, on white. Raises InvalidInput with the reason."""
    try:
        with decoding(), Image.open(io.BytesIO(data), formats=SEARCHED) as opened:
            check_pixels(opened, max_pixels)
            return flatten(turn_upright(opened))
    except InvalidInput as problem:
        raise InvalidInput(
            f"The picture to search with cannot be used: {problem.message}.",
            remedy="Use a JPEG, PNG or WebP file that is smaller, or a part of it.",
        ) from problem
