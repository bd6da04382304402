"""Help with wording: the dataset's own words, and what a browser needs to count CLIP's tokens."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from flask import Response, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.answer import Problem
from api.capability import file_of, make_blueprint
from api.captions.schemas import Words
from api.datasets.facts import find_dataset
from api.datasets.schemas import DatasetPath
from api.images.routes import FOR_EVER
from api.services import Services, app_services
from common.captions.clip_tokens import MERGES, merges_file
from common.captions.wording import count_wording
from common.db.tables import Caption, Dataset, Image

words = make_blueprint("words", __name__, "captions")
MAX_CAPTIONS_READ = 10_000  # the newest ones: some tenths of a second of counting
LEAST_S = 5.0


@words.get("/datasets/<dataset_id>/words", responses={200: Words, 404: Problem})
def get_words(path: DatasetPath) -> Response:
    """Words and phrases of the dataset's captions, for autocompletion. At most some seconds old."""
    with app_services().readers() as session:
        dataset = find_dataset(session, path.dataset_id)
    body = words_of(app_services(), dataset)
    return _fresh(Response(body, mimetype="application/json"), "private, no-cache")


def words_of(services: Services, dataset: Dataset) -> bytes:
    """The JSON of `Words`; at most some seconds old."""
    state = (dataset.created_at, dataset.caption_seq)
    return services.response_cache.get(
        f"words:{dataset.id}", state, lambda: _words(services, dataset.id), LEAST_S
    )


@words.get("/tokenizer/merges.txt", responses={200: file_of("text/plain")})
def get_merges() -> Response:
    """The merges of CLIP's byte-pair encoding, a pair a line in order behind one line of heading."""
    body, etag = _merges()
    if request.accept_encodings.quality("gzip") > 0:
        response = Response(body, mimetype="text/plain")
        response.headers["Content-Encoding"] = "gzip"
    else:
        response = Response(gzip.decompress(body), mimetype="text/plain")
    response.vary.add("Accept-Encoding")
    versioned = request.args.get("v", "")
    kept = bool(versioned) and etag.startswith(versioned)
    return _fresh(response, FOR_EVER if kept else "private, no-cache")


def _fresh(response: Response, cached: str) -> Response:
    """With an ETag of its content; 304 when the browser has it."""
    response.add_etag()
    response.headers["Cache-Control"] = cached
    response.make_conditional(request)
    return response


def _words(services: Services, dataset_id: str) -> bytes:
    with services.readers() as session:
        found = count_wording(newest_captions(session, dataset_id))
    return Words(words=found.words, phrases=found.phrases).to_json()


def newest_captions(session: Session, dataset_id: str) -> Iterator[str]:
    """The newest captions of a dataset, the newest first."""
    newest = (
        select(Caption.text)
        .join(Image, Image.id == Caption.image_id)
        .where(Image.dataset_id == dataset_id, Caption.text.is_not(None))
        .order_by(Caption.saved_at.desc(), Caption.image_id.desc(), Caption.slot)
        .limit(MAX_CAPTIONS_READ)
    )
    for text in session.scalars(newest):
        yield str(text)


@lru_cache(maxsize=1)
def _merges() -> tuple[bytes, str]:
    """(the merges that CLIP uses, gzip; their hash). open_clip's file holds five times as many."""
    with gzip.open(merges_file(), "rt", encoding="utf-8") as lines:
        used = "".join(islice(lines, MERGES + 1)).encode()
    return gzip.compress(used, mtime=0), hashlib.sha256(used).hexdigest()
