"""A synonym map such as `manual_synonym_map.json`: what may stand in it, and how two are merged.

The map is JSON, {"word or words": ["synonym", ...]}. Plurals and possessives follow by themselves
(circle: disc also makes circles: discs). The longest entry that fits wins, and an entry with an
empty list keeps its words as they are ("diamond ring": []), which is how a map says where a synonym
would be wrong, and how a dataset's map switches off an entry of the shared one. Names and German
nouns are written with their capital letter, abbreviations in capitals.

Cycles (big: large, large: big) are welcome: words are exchanged once, and what was put in is not
looked up again, so that nothing turns in circles and no exchange leads back to the original.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import regex

from common.errors import InvalidInput

MAX_PER_CAPTION = 20  # variants of one caption
MAX_ENTRIES = 20_000
MAX_SYNONYMS = 50
MAX_WORD_CHARS = 100
MAX_MAP_BYTES = 4 * 2**20  # on its way to the service, as JSON
MAX_PROBLEMS = 1000  # listed; they are counted all
REMEDY = 'Write the map as {"word": ["synonym", "another one"]}.'

Entries = Mapping[str, tuple[str, ...]]

# Letters with their marks, digits, and what holds a word together: don't, well-lit, red_dress. In
# scripts that put no space between words each character counts as one word.
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_LETTERS = rf"\w[\w\u200c\u200d--{_UNSPACED}]*"
TOKEN = regex.compile(rf"(?V1){_UNSPACED}\p{{M}}*|{_LETTERS}(?:['’\-]{_LETTERS})*")
_JOINERS = {ord("\u200c"): None, ord("\u200d"): None}  # parts of words in Persian, Hindi ...


@dataclass(frozen=True)
class MapProblem:
    """What is wrong with an entry, as the end of a sentence; entry "" is the map as a whole."""

    entry: str
    problem: str


def check_map(data: bytes | str | Mapping[str, Any]) -> tuple[Entries, list[MapProblem]]:
    """(the entries that are fine, what is wrong with the others) of JSON or of what JSON gives.

    Entries come with single spaces, NFC, otherwise as written. Never raises.
    """
    problems: list[MapProblem] = []
    raw = _parse(data, problems) if isinstance(data, (bytes, str)) else data
    if len(raw) > MAX_ENTRIES:
        problems.append(
            MapProblem("", f"it has {len(raw):,} entries; the limit is {MAX_ENTRIES:,}")
        )
        return {}, problems
    entries: dict[str, tuple[str, ...]] = {}
    seen: dict[str, str] = {}
    for word, synonyms in raw.items():
        problem = _entry_problem(word, synonyms) or _repeated(word, seen)
        if problem:
            problems.append(MapProblem(str(word)[:MAX_WORD_CHARS], problem))
        else:
            entries[_clean(word)] = tuple(map(_clean, synonyms))
    return entries, problems


def parse_map(data: bytes | str | Mapping[str, Any], name: str = "the synonym map") -> Entries:
    """The entries of a map. Raises InvalidInput with everything that is wrong in its details:
    {"problems": [{"entry", "problem"}], "count"}, of the problems the first MAX_PROBLEMS."""
    entries, problems = check_map(data)
    if problems:
        raise InvalidInput(
            f"{name} is not valid: {_sentence(problems)}",
            remedy=REMEDY,
            details={
                "problems": [asdict(problem) for problem in problems[:MAX_PROBLEMS]],
                "count": len(problems),
            },
        )
    return entries


def merge_maps(shared: Entries, own: Entries) -> Entries:
    """Both maps in one; where both have a word, however it is written, own wins."""
    overridden = {fold(word) for word in own}
    kept = {word: found for word, found in shared.items() if fold(word) not in overridden}
    return {**kept, **own}


def fold(text: str) -> str:
    """What all spellings of a word have in common: small letters, one kind of apostrophe."""
    return text.casefold().replace("’", "'")


def write_map(entries: Entries) -> bytes:
    """The map as JSON, an entry a line, in the order given."""
    lines = (f"  {_json(word)}: {_json(list(found))}" for word, found in entries.items())
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode() if entries else b"{}\n"


def version_of(data: bytes) -> str:
    """16 hexadecimal digits that change with the content."""
    return hashlib.sha256(data).hexdigest()[:16]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _clean(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _sentence(problems: list[MapProblem]) -> str:
    first = problems[0]
    more = f" (and {len(problems) - 1:,} more)" if len(problems) > 1 else ""
    return (f'"{first.entry}" {first.problem}' if first.entry else first.problem) + more


def _parse(data: bytes | str, problems: list[MapProblem]) -> Mapping[str, Any]:
    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        raw: dict[str, Any] = {}
        for key, value in found:
            if key in raw:
                problems.append(MapProblem(key[:MAX_WORD_CHARS], "is listed twice"))
            raw[key] = value
        return raw

    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data.removeprefix("\ufeff")
        raw = json.loads(text, object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        problems[:] = [MapProblem("", f"it is not JSON: {error}")]
        return {}
    if isinstance(raw, dict):
        return raw
    problems[:] = [MapProblem("", f"it is a {type(raw).__name__}, not an object")]
    return {}


def _repeated(word: str, seen: dict[str, str]) -> str | None:
    """Whether an earlier entry is the same word; written otherwise, say."""
    earlier = seen.setdefault(fold(_clean(word)), word)
    return None if earlier == word else f'is listed twice, also as "{earlier}"'


def _entry_problem(word: object, synonyms: object) -> str | None:
    if not isinstance(word, str) or not isinstance(synonyms, (list, tuple)):
        return "needs a list of synonyms"
    if not all(isinstance(synonym, str) for synonym in synonyms):
        return "needs a list of texts"
    return _word_problem(_clean(word)) or _synonyms_problem(fold(_clean(word)), synonyms)


def _word_problem(word: str) -> str | None:
    if not word:
        return "is empty: a word is missing"
    if not _is_printable(word):
        return "has a control or invisible character"
    if len(word) > MAX_WORD_CHARS:
        return f"is {len(word)} characters long; the limit is {MAX_WORD_CHARS}"
    if TOKEN.sub("", word).strip():
        return "may hold letters, digits, hyphens and apostrophes only"
    return None


def _synonyms_problem(folded: str, synonyms: list[str] | tuple[str, ...]) -> str | None:
    if len(synonyms) > MAX_SYNONYMS:
        return f"has {len(synonyms)} synonyms; the limit is {MAX_SYNONYMS}"
    seen: set[str] = set()
    for synonym in map(_clean, synonyms):
        if not synonym:
            return "has an empty synonym"
        if not _is_printable(synonym):
            return f"has a synonym with a control or invisible character: {ascii(synonym)[:60]}"
        if len(synonym) > MAX_WORD_CHARS:
            return f"has a synonym of {len(synonym)} characters; the limit is {MAX_WORD_CHARS}"
        if fold(synonym) == folded:
            return "is its own synonym"
        if fold(synonym) in seen:
            return f'has the synonym "{synonym}" twice'
        seen.add(fold(synonym))
    return None


def _is_printable(text: str) -> bool:
    return text.translate(_JOINERS).isprintable()
