"""Where the synonym maps lie: one that all datasets share, and one for each dataset."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from common.augment.synonym_index import SynonymMap, index_map
from common.augment.synonym_map import (
    Entries,
    MapProblem,
    check_map,
    merge_maps,
    parse_map,
    version_of,
    write_map,
)
from common.errors import NotFound
from common.store import ArtifactStore

_NAME = "manual_synonym_map.json"
_IN_A_WHEEL = Path(__file__).with_name(_NAME)  # see setup.py
DEFAULT_MAP = _IN_A_WHEEL if _IN_A_WHEEL.is_file() else Path(__file__).parents[2] / _NAME
SHARED_KEY = "synonyms/shared.json"


def own_key(dataset_id: str) -> str:
    """Where a dataset's own map lies."""
    return f"datasets/{dataset_id}/synonyms.json"


@dataclass(frozen=True)
class StoredMap:
    """A map as it lies in the store. version: of its bytes; saved_at None: nobody has saved one.

    problems: of a file that somebody has edited by hand and broken; their entries are left out.
    """

    entries: Entries
    version: str
    saved_at: datetime | None
    problems: tuple[MapProblem, ...] = ()


def read_map(store: ArtifactStore, key: str) -> StoredMap:
    """The map under a key; where none is saved, the project's for SHARED_KEY, else an empty one."""
    try:
        saved_at = store.stat(key).modified_at
        data = store.get_bytes(key)
    except NotFound:
        saved_at, data = None, _default(key)
    entries, problems = check_map(data)
    return StoredMap(entries, version_of(data), saved_at, tuple(problems))


def save_map(store: ArtifactStore, key: str, entries: Entries) -> None:
    """Store a map that `parse_map` gave."""
    store.put_bytes(key, write_map(entries), "application/json")


def merged_map(store: ArtifactStore, dataset_id: str) -> SynonymMap:
    """The map that varies a dataset's captions: the shared one, the dataset's own entries winning.

    Raises InvalidInput when one of the two is broken, naming it.
    """
    shared = parse_map(_read(store, SHARED_KEY), "the shared synonym map")
    own = parse_map(_read(store, own_key(dataset_id)), "the synonym map of this dataset")
    return index_with_default(merge_maps(shared, own))


def index_with_default(entries: Entries) -> SynonymMap:
    """A map ready to be used; what stands in it as in the project's map is for English captions."""
    return index_map(entries, _default_entries())


def _read(store: ArtifactStore, key: str) -> bytes:
    try:
        return store.get_bytes(key)
    except NotFound:
        return _default(key)


def _default(key: str) -> bytes:
    return default_map() if key == SHARED_KEY else write_map({})


@lru_cache(maxsize=1)
def _default_entries() -> Entries:
    return parse_map(default_map())


@lru_cache(maxsize=1)
def default_map() -> bytes:
    """The project's map, as the shared one begins."""
    return DEFAULT_MAP.read_bytes()
