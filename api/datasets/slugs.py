"""Ids made from what people type."""

from __future__ import annotations

import re
import unicodedata

MAX_SLUG_CHARS = 60


def slug_of(name: str) -> str:
    """A dataset's id from its name: 'Über Hüte!' -> 'uber-hute'; 'dataset' when nothing is left."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:MAX_SLUG_CHARS].strip("-")
    return slug or "dataset"
