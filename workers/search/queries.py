"""Search: a query's embedding, the newest index of the dataset, the best images.

One process with one thread takes the queue `search`. It keeps models, indexes and query embeddings
warm; which index is the newest is read from the database each time, so a rebuilt one counts at once.
"""

from __future__ import annotations

import base64
import binascii
import logging
import os
import shutil
import threading
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from celery import signals
from sqlalchemy import select

from common.db.tables import Dataset, Image, SearchIndex
from common.errors import ClipBrowserError, Internal, InvalidInput, NoIndex, NotFound
from common.messaging.broker import SEARCH, SEARCH_QUERY
from workers.models.source import model_folder
from workers.runtime.app import app
from workers.runtime.services import Services, process_services
from workers.search import faiss_index
from workers.search.faiss_index import LoadedIndex

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

log = logging.getLogger(__name__)
WARM_INDEXES = 8
MAX_HITS = 1000
IDS_PER_QUERY = 5000  # SQLite takes at most 32,766 parameters
Hits = list[tuple[int, float]]


@app.task(name=SEARCH_QUERY)
def query(request: dict[str, Any]) -> None:
    """Answer one search under its reply name; an error is an answer too."""
    services = process_services()
    services.replies.give(str(request["reply"]), _searcher_of(os.getpid()).answer(request))


@signals.worker_ready.connect
def warm_up(sender: Any, **_: object) -> None:
    """Load the model that is most likely asked for, meanwhile: the first search need not wait for it.

    Only where this process itself answers.
    """
    in_here = sender.pool.__module__.rpartition(".")[2] in ("solo", "thread")
    if SEARCH in sender.app.amqp.queues.consume_from and in_here:
        searcher = _searcher_of(os.getpid())
        threading.Thread(target=searcher.warm_up, name="warm-up", daemon=True).start()


@lru_cache(maxsize=1)
def _searcher_of(_pid: int) -> Searcher:
    return Searcher(process_services())


class Searcher:
    """Answers searches; one per process."""

    def __init__(self, services: Services) -> None:
        from workers.search.models import Recent, SearchModels

        self._services = services
        self.models = SearchModels()
        self._indexes: Recent[str, LoadedIndex] = Recent(WARM_INDEXES)

    def warm_up(self) -> None:
        """Load the newest index of all datasets, and its model."""
        newest = select(SearchIndex).order_by(SearchIndex.created_at.desc(), SearchIndex.id.desc())
        try:
            with self._services.readers() as session:
                row = session.scalars(newest.limit(1)).first()
            if row is not None:
                self.models.model(model_folder(self._services, row.model_id))
                self._index(row.prefix)
        except Exception as problem:  # whoever searches is told of it then
            log.warning("no model was loaded at the start: %s", problem)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """`{hits: [{image_id, score}], model, index, took_ms}`, or `{error: {code, message, remedy}}`.

        request: dataset_id, model_id (None: the newest index), one of q, like (an image's id) and
        image_b64, k (1..1000); only_indexed: `like` must be in the index, so that no model is loaded.
        """
        began = time.perf_counter()
        try:
            answer = self._search(request)
        except ClipBrowserError as problem:
            return {"error": problem.to_dict()}
        except Exception as problem:
            log.exception("a search failed")
            return {"error": Internal(f"The search failed: {problem}").to_dict()}
        return {**answer, "took_ms": round((time.perf_counter() - began) * 1000, 1)}

    def _search(self, request: dict[str, Any]) -> dict[str, Any]:
        row, index = self._newest(str(request["dataset_id"]), request.get("model_id"))
        wanted = self._embedding(request, row, index)
        without = request.get("like")
        k = max(1, min(MAX_HITS, int(request.get("k") or 10)))
        hits = self._existing(index, wanted, k, None if without is None else int(without))
        return {
            "hits": [{"image_id": image_id, "score": round(score, 6)} for image_id, score in hits],
            "model": row.model_id,
            "index": {
                "model_id": row.model_id,
                "images": row.images,
                "dim": row.dim,
                "job_id": row.job_id,
                "created_at": row.created_at.isoformat(),
            },
        }

    def _embedding(self, request: dict[str, Any], row: SearchIndex, index: LoadedIndex) -> Floats:
        """What to look for (D,): a text, an image of the dataset, or an image that came along."""
        like, image = request.get("like"), request.get("image_b64")
        if like is not None and int(like) in index:
            return index.embedding_of(int(like))
        if like is not None and request.get("only_indexed"):
            raise NotFound(
                f"Image {like} is not in the index yet.", remedy="Build the index again."
            )
        source = model_folder(self._services, row.model_id)
        max_pixels = self._services.settings.max_image_megapixels * 1_000_000
        if like is not None:
            data = self._stored_image(row.dataset_id, int(like))
            return self.models.image(source, data, max_pixels)
        if image is not None:
            return self.models.image(source, _decoded(image), max_pixels)
        return self.models.text(source, str(request.get("q") or ""))

    def _stored_image(self, dataset_id: str, image_id: int) -> bytes:
        with self._services.readers() as session:
            image = session.get(Image, image_id)
            if image is None or image.dataset_id != dataset_id:
                raise NotFound(f"There is no image {image_id} in this dataset.")
            key = image.key
        return self._services.store.get_bytes(key)

    def _existing(self, index: LoadedIndex, wanted: Floats, k: int, without: int | None) -> Hits:
        """The k best images that are still in the dataset, `without` left out."""
        look = k + 1
        while True:
            found = index.search(wanted, look)
            kept = self._still_there([hit for hit in found if hit[0] != without])
            if len(kept) >= k or look >= len(index):
                return kept[:k]
            look *= 4

    def _still_there(self, hits: Hits) -> Hits:
        ids = [image_id for image_id, _ in hits]
        there: set[int] = set()
        with self._services.readers() as session:
            for start in range(0, len(ids), IDS_PER_QUERY):
                some = ids[start : start + IDS_PER_QUERY]
                there.update(session.scalars(select(Image.id).where(Image.id.in_(some))))
        return [hit for hit in hits if hit[0] in there]

    def _newest(self, dataset_id: str, model_id: str | None) -> tuple[SearchIndex, LoadedIndex]:
        """The index as the database names it now; looks again if it was replaced meanwhile."""
        row = find_index(self._services, dataset_id, model_id)
        try:
            return row, self._index(row.prefix)
        except NotFound:
            again = find_index(self._services, dataset_id, model_id)
            if again.prefix == row.prefix:
                raise
            return again, self._index(again.prefix)

    def _index(self, prefix: str) -> LoadedIndex:
        return self._indexes.get(prefix, lambda: load_index(self._services, prefix))


def find_index(services: Services, dataset_id: str, model_id: str | None) -> SearchIndex:
    """The index of a dataset by a model, or its newest one. Raises NotFound, NoIndex."""
    with services.readers() as session:
        dataset = session.get(Dataset, dataset_id)
        if dataset is None:
            raise NotFound(f"There is no dataset '{dataset_id}'.")
        rows = select(SearchIndex).where(SearchIndex.dataset_id == dataset_id)
        if model_id:
            rows = rows.where(SearchIndex.model_id == model_id)
        row = session.scalars(
            rows.order_by(SearchIndex.created_at.desc(), SearchIndex.id.desc())
        ).first()
        if row is None and model_id:
            raise NoIndex(f"Dataset '{dataset.name}' has no index of model '{model_id}'.")
        if row is None:
            raise NoIndex(
                f"Dataset '{dataset.name}' has no index.",
                remedy="Train a model or choose one, then build the index with it.",
            )
        return row


def load_index(services: Services, prefix: str) -> LoadedIndex:
    """The index under a prefix of the store. Raises NotFound."""
    return faiss_index.load(fetch_index(services, prefix))


def fetch_index(services: Services, prefix: str) -> Path:
    """The folder of an index on this machine; fetched if the store is elsewhere. Raises NotFound."""
    here = services.store.local_path(prefix.rstrip("/"))
    if here is not None:
        return here
    folder = services.settings.work_dir / prefix
    if not all((folder / name).is_file() for name in faiss_index.FILES):
        services.store.get_folder(prefix, folder)
        _drop_older(folder)
    return folder


def _drop_older(folder: Path) -> None:
    """Remove fetched copies of the indexes that this one replaces; open ones stay readable."""
    for other in folder.parent.iterdir():
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)


def _decoded(image_b64: str) -> bytes:
    try:
        return base64.b64decode(image_b64, validate=True)
    except (binascii.Error, ValueError) as problem:
        raise InvalidInput(f"image_b64 is not base64: {problem}") from problem
