"""Synonym maps: the one that all datasets share, and each dataset's own.

Members change their datasets' maps; the shared one reaches into everybody's training data, so only
administrators change it: a dataset's own map can overrule each of its entries anyway.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from itertools import islice

from api.answer import Problem
from api.augment.schemas import (
    MapProblemOut,
    NewSynonyms,
    PreviewOut,
    SynonymCheck,
    SynonymCheckOut,
    SynonymsOut,
)
from api.capability import make_blueprint
from api.captions.words import newest_captions, words_of
from api.datasets.facts import find_dataset, require_dataset
from api.datasets.schemas import DatasetPath
from api.json_body import takes_json_up_to
from api.people.identity import require_seen
from api.services import Services, app_services
from common.augment.english import FUNCTION_WORDS
from common.augment.synonym_exchange import augment_caption
from common.augment.synonym_files import (
    SHARED_KEY,
    StoredMap,
    index_with_default,
    own_key,
    read_map,
    save_map,
)
from common.augment.synonym_index import SynonymMap
from common.augment.synonym_map import (
    MAX_MAP_BYTES,
    MAX_PROBLEMS,
    Entries,
    MapProblem,
    check_map,
    fold,
    merge_maps,
    parse_map,
)
from common.db.engine import hold
from common.errors import Conflict

synonyms = make_blueprint("synonyms", __name__, "augment")
MAX_CAPTIONS_READ = 3000  # of which the previews are drawn
MAX_CANDIDATES = 200


@synonyms.get("/synonyms", responses={200: SynonymsOut})
def get_shared() -> SynonymsOut:
    """The map that all datasets share; until somebody saves one, the project's own."""
    return _answer(read_map(app_services().store, SHARED_KEY))


@synonyms.put("/synonyms", responses={200: SynonymsOut, 400: Problem, 403: Problem, 409: Problem})
@takes_json_up_to(MAX_MAP_BYTES)
def put_shared(body: NewSynonyms) -> SynonymsOut:
    """Replace the shared map; administrators only. 409 with the current one when `base` is older."""
    return _replace(SHARED_KEY, body)


@synonyms.get("/datasets/<dataset_id>/synonyms", responses={200: SynonymsOut, 404: Problem})
def get_own(path: DatasetPath) -> SynonymsOut:
    """A dataset's own map; its entries go before the shared ones, an empty list switches one off."""
    require_dataset(app_services(), path.dataset_id)
    return _answer(read_map(app_services().store, own_key(path.dataset_id)))


@synonyms.put(
    "/datasets/<dataset_id>/synonyms",
    responses={200: SynonymsOut, 400: Problem, 404: Problem, 409: Problem},
)
@takes_json_up_to(MAX_MAP_BYTES)
def put_own(path: DatasetPath, body: NewSynonyms) -> SynonymsOut:
    """Replace a dataset's own map. 409 with the current one when `base` is older."""
    return _replace(own_key(path.dataset_id), body, path.dataset_id)


@synonyms.post("/synonyms/check", responses={200: SynonymCheckOut, 400: Problem, 404: Problem})
@takes_json_up_to(MAX_MAP_BYTES)
def check(body: SynonymCheck) -> SynonymCheckOut:
    """What is wrong with a map, what it makes of captions, and which words it lacks; saves nothing."""
    services = app_services()
    if body.dataset_id is not None:
        require_seen(body.dataset_id)
    entries, problems = check_map(body.map)
    merged = index_with_default(_merged(services, entries, body))
    return SynonymCheckOut(
        problems=_shown(problems),
        problem_count=len(problems),
        previews=[_preview(caption, merged, body) for caption in _captions(services, body)],
        candidates=_candidates(services, merged, body.dataset_id),
    )


def _replace(key: str, body: NewSynonyms, dataset_id: str | None = None) -> SynonymsOut:
    """Save a map if nobody else has since `base`. Raises InvalidInput, Conflict, NotFound."""
    services = app_services()
    entries = parse_map(body.map)
    with services.sessions() as session:
        hold(session, f"synonyms:{key}")
        if dataset_id is not None:
            find_dataset(session, dataset_id)
        current = read_map(services.store, key)
        if current.version != body.base:
            raise Conflict(
                "Somebody else has saved this synonym map since you opened it.",
                remedy="Look at what they changed, and save yours on top of it.",
                details={"current": _answer(current).model_dump()},
            )
        save_map(services.store, key, entries)
        return _answer(read_map(services.store, key))


def _answer(found: StoredMap) -> SynonymsOut:
    entries = {word: list(others) for word, others in found.entries.items()}
    return SynonymsOut.of(found, map=entries, problems=_shown(found.problems))


def _shown(problems: Sequence[MapProblem]) -> list[MapProblemOut]:
    return [MapProblemOut.of(problem) for problem in problems[:MAX_PROBLEMS]]


def _merged(services: Services, entries: Entries, body: SynonymCheck) -> Entries:
    """The map to check in its place, the dataset's other one or the shared one in theirs."""
    if body.which == "dataset":
        return merge_maps(read_map(services.store, SHARED_KEY).entries, entries)
    if body.dataset_id is None:
        return entries
    return merge_maps(entries, read_map(services.store, own_key(body.dataset_id)).entries)


def _preview(caption: str, synonyms: SynonymMap, body: SynonymCheck) -> PreviewOut:
    rng = random.Random(f"{body.seed} {caption}")
    found = augment_caption(caption, synonyms, body.per_caption, rng)
    return PreviewOut(caption=caption, variants=found)


def _captions(services: Services, body: SynonymCheck) -> list[str]:
    """The captions asked for, or some of the dataset's own. Raises NotFound."""
    if body.captions is not None or body.dataset_id is None:
        return list(body.captions or [])
    word = fold(body.word)
    with services.readers() as session:
        find_dataset(session, body.dataset_id)
        newest = islice(newest_captions(session, body.dataset_id), MAX_CAPTIONS_READ)
        found = sorted({text for text in newest if word in fold(text)})
    return random.Random(body.seed).sample(found, min(body.limit, len(found)))


def _candidates(
    services: Services, synonyms: SynonymMap, dataset_id: str | None
) -> list[tuple[str, int]]:
    """Frequent words of the dataset that have no entry, but for such as carry the sentence only."""
    if dataset_id is None:
        return []
    with services.readers() as session:
        dataset = find_dataset(session, dataset_id)
    counted = json.loads(words_of(services, dataset))["words"]
    wanted = (
        (word, count)
        for word, count in counted
        if len(word) > 1
        and not word.isnumeric()
        and word.lower() not in FUNCTION_WORDS
        and not synonyms.knows(word)
    )
    return list(islice(wanted, MAX_CANDIDATES))
