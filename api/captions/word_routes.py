"""Help with wording: the dataset's own words, and what a browser needs to count CLIP's tokens."""

from __future__ import annotations

import gzip
import hashlib
from functools import lru_cache
from itertools import islice

from flask import Response, request

from api.answer import Problem
from api.capability import FOR_EVER, file_of, make_blueprint
from api.captions.schemas import Words
from api.captions.words import words_of
from api.datasets.facts import find_dataset
from api.datasets.schemas import DatasetPath
from api.services import app_services
from common.captions.clip_tokens import MERGES, merges_file

words = make_blueprint("words", __name__, "captions")


@words.get("/datasets/<dataset_id>/words", responses={200: Words, 404: Problem})
def get_words(path: DatasetPath) -> Response:
    """Words and phrases of the dataset's captions, for autocompletion. At most some seconds old."""
    with app_services().readers() as session:
        dataset = find_dataset(session, path.dataset_id)
    body = words_of(app_services(), dataset)
    return _fresh(Response(body, mimetype="application/json"), "private, no-cache")


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


@lru_cache(maxsize=1)
def _merges() -> tuple[bytes, str]:
    """(the merges that CLIP uses, gzip; their hash). open_clip's file holds five times as many."""
    with gzip.open(merges_file(), "rt", encoding="utf-8") as lines:
        used = "".join(islice(lines, MERGES + 1)).encode()
    return gzip.compress(used, mtime=0), hashlib.sha256(used).hexdigest()
