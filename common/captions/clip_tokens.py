"""How many tokens CLIP reads of a caption, without loading torch.

The byte-pair encoding of CLIP's text tower (Radford et al. 2021; Sennrich et al. 2016), on the
merges that open_clip brings along. Tested against open_clip's own tokenizer, which cannot be
imported without torch.
"""

from __future__ import annotations

import gzip
import html
from functools import lru_cache
from heapq import heapify, heappop, heappush
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import ftfy
import regex

from common.errors import Internal

CONTEXT_TOKENS = 77  # what a CLIP text tower reads, start and end token included
MERGES = 49152 - 256 - 2  # as open_clip reads them: the file holds more
_WORDS = regex.compile(
    r"<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
    regex.IGNORECASE,
)
_WORD_END = "</w>"
REMEMBERED_CHARS = 40


def count_tokens(text: str) -> int:
    """Tokens of a caption, start and end included; more than CONTEXT_TOKENS are cut off by CLIP."""
    cleaned = text if _is_plain(text) else html.unescape(html.unescape(ftfy.fix_text(text)))
    return 2 + sum(map(_pieces, _WORDS.findall(" ".join(cleaned.split()).lower())))


def _is_plain(text: str) -> bool:
    """Whether there is nothing to clean: most captions, at a quarter of the time."""
    return text.isascii() and text.isprintable() and "&" not in text


def merges_file() -> Path:
    """open_clip's list of merges (gzip). Raises Internal when open_clip is not installed."""
    spec = find_spec("open_clip")
    if spec is None or not spec.submodule_search_locations:
        raise Internal("open_clip is not installed.", remedy="Run make up, which installs it.")
    return Path(spec.submodule_search_locations[0]) / "bpe_simple_vocab_16e6.txt.gz"


@lru_cache(maxsize=1)
def _ranks() -> dict[tuple[str, str], int]:
    """The merges in the order in which they are made."""
    lines = gzip.decompress(merges_file().read_bytes()).decode("utf-8").split("\n")
    pairs = (line.split() for line in lines[1 : MERGES + 1])
    return {(left, right): rank for rank, (left, right) in enumerate(pairs)}


@lru_cache(maxsize=1)
def _letters() -> dict[int, str]:
    """A visible letter for each byte, as the list of merges writes it."""
    visible = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    ]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {byte: chr(byte) for byte in visible} | {
        byte: chr(256 + at) for at, byte in enumerate(hidden)
    }


def _pieces(word: str) -> int:
    """Tokens of one word; long ones are rare, and would fill the memory of the others."""
    return _remembered(word) if len(word) <= REMEMBERED_CHARS else _count(word)


@lru_cache(maxsize=50_000)
def _remembered(word: str) -> int:
    return _count(word)


def _count(word: str) -> int:
    """Merge neighbours, the earliest merge of the list first, until none is left.

    A heap of (rank, place) makes this n log n, where open_clip's own loop is quadratic. Both end
    alike, since a merge never stands before the merges that made its two halves.
    """
    if word in ("<start_of_text>", "<end_of_text>"):
        return 1
    ranks, letters = _ranks(), _letters()
    parts = [letters[byte] for byte in word.encode("utf-8", "replace")]
    parts[-1] += _WORD_END
    size = count = len(parts)
    left, right = list(range(-1, size - 1)), list(range(1, size + 1))
    heap = [(ranks[pair], at) for at, pair in enumerate(pairwise(parts)) if pair in ranks]
    heapify(heap)
    while heap:
        rank, at = heappop(heap)
        other = right[at]
        if other == size or ranks.get((parts[at], parts[other])) != rank:
            continue  # one of the two has been merged meanwhile
        parts[at], parts[other] = parts[at] + parts[other], ""
        count -= 1
        right[at] = right[other]
        if right[at] < size:
            left[right[at]] = at
        for first, second in ((left[at], at), (at, right[at])):
            if first >= 0 and second < size and (parts[first], parts[second]) in ranks:
                heappush(heap, (ranks[parts[first], parts[second]], first))
    return count
