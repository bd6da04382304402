"""Names of files, datasets and captions that mean more than they show."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import suppress

from api.datasets.slugs import slug_of
from api.images.file_names import safe_file_name
from common.archives import safe_name
from common.captions.text import normalise_caption
from common.errors import InvalidInput

PARTS = (
    "..", ".", "", "/", "\\", "a", "C:", "con", "NUL.png", "a" * 300, " ", "\t", "\n", "\r\n", "\0",
    "\x1b[31m", "\u202e", "\u200b", "\ufeff", "\u2028", "e\u0301", "\ud800", "\U0001f415", "%2e%2e",
    "$(id)", "`id`", "<script>", "'", '"', ";--", "=cmd|", "~", "-rf", "é", "ß", "İ", "ﷺ", "\x7f", "*",
    "?", "file:///etc/passwd", "https://a.b", "local-dir:/etc", "a.png", ".htaccess", "__MACOSX",
)  # fmt: skip
ESCAPES = re.compile(r"(^|/)\.\.(/|$)|^/|[\x00-\x1f\x7f]|^[A-Za-z]:/")


def odd_name(rng: random.Random) -> str:
    """One to eight of the parts, joined by one of several signs."""
    return rng.choice(("", "/", "\\", " ")).join(rng.choices(PARTS, k=rng.randint(1, 8)))


def make(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """(what it is, the name in UTF-8 with surrogates), without an end."""
    while True:
        yield "an odd name", odd_name(rng).encode("utf-8", "surrogatepass")


def take(data: bytes) -> None:
    """As a path in an upload, a file's name, a dataset's, and a caption. Raises InvalidInput."""
    name = data.decode("utf-8", "surrogatepass")
    shown = safe_file_name(name)
    assert "/" not in shown
    assert len(shown) <= 101
    assert shown not in (".", "..")
    assert re.fullmatch(r"[a-z0-9-]*", slug_of(name)), slug_of(name)
    with suppress(InvalidInput):
        assert not re.search(r"[\x00-\x1f\ud800-\udfff]", normalise_caption(name))
    assert not ESCAPES.search(safe_name(name))
