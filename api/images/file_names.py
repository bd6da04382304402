"""File names made from what people type."""

from __future__ import annotations

import re

MAX_FILE_NAME_CHARS = 100


def safe_file_name(name: str) -> str:
    """The last part of a path, fit for a key of the store and for an archive."""
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(letter if letter.isprintable() else "_" for letter in last).strip().rstrip(". ")
    stem, dot, ext = kept.rpartition(".")
    if not dot:
        return kept[:MAX_FILE_NAME_CHARS] or "file"
    return f"{stem[: MAX_FILE_NAME_CHARS - len(ext[:10]) - 1].strip(' .') or 'file'}.{ext[:10]}"
