"""Synonym maps for tests, written as people write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.augment.synonym_index import SynonymMap, index_map
from common.augment.synonym_map import parse_map


def load_synonym_map(data: bytes | str | Mapping[str, Any]) -> SynonymMap:
    """A map from JSON or from what JSON gives. Raises InvalidInput, see `parse_map`."""
    return index_map(parse_map(data))
