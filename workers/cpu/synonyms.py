"""Vary captions by exchanging words for synonyms from a map such as `manual_synonym_map.json`.

The map is JSON, {"word or words": ["synonym", ...]}. Plurals follow by themselves (circle: disc also
makes circles: discs). The longest entry that fits wins, and an entry with an empty list keeps its
words as they are ("diamond ring": []), which is how a map says where a synonym would be wrong.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from common.captions import MAX_CAPTION_CHARS
from common.errors import InvalidInput
from workers.cpu.english import indefinite_article, match_case, pluralise

MAX_PER_CAPTION = 100
MAX_ENTRIES = 20_000
MAX_SYNONYMS = 50
MAX_WORD_CHARS = 100
_MAX_PROBLEMS = 20

_Key = TypeVar("_Key")
_TOKEN = re.compile(r"\w+(?:['’\-]\w+)*")  # hyphens and apostrophes hold a word together
_REMEDY = 'Write the map as {"word": ["synonym", "another one"]}.'


@dataclass(frozen=True)
class SynonymMap:
    """A checked map. entries: in lower case, single spaces. Made by `load_synonym_map`."""

    entries: Mapping[str, tuple[str, ...]]
    # first word -> [(all words, synonyms)], the longest first; holds the plurals as well
    _by_first: Mapping[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = field(
        repr=False, compare=False, default_factory=dict
    )

    def find(self, words: Sequence[str], start: int) -> tuple[int, tuple[str, ...]] | None:
        """(number of words, synonyms) of the longest entry at words[start], all in lower case."""
        for entry, synonyms in self._by_first.get(words[start], ()):
            if tuple(words[start : start + len(entry)]) == entry:
                return len(entry), synonyms
        return None


@dataclass(frozen=True)
class Augmentation(Generic[_Key]):
    """Variants of captions, in the order of the rows.

    short: (key, variants found) of each caption that has fewer than were asked for. stopped:
    whether it was asked to stop before the last row.
    """

    variants: list[tuple[_Key, list[str]]]
    short: list[tuple[_Key, int]]
    stopped: bool = False


@dataclass(frozen=True)
class _Slot:
    """A stretch of the caption that can be exchanged; choices[0] is the stretch itself."""

    start: int
    end: int
    choices: tuple[str, ...]


def load_synonym_map(data: bytes | str | Mapping[str, Any]) -> SynonymMap:
    """Check a map given as JSON or as what JSON would give.

    Raises InvalidInput with all problems in details["problems"] (at most 20): not JSON, not an
    object of lists of texts, an empty word, a word that is its own synonym, a word given twice.
    """
    problems: list[str] = []
    raw = _parse(data, problems) if isinstance(data, (bytes, str)) else dict(data)
    if len(raw) > MAX_ENTRIES:
        raise InvalidInput(f"the map has {len(raw)} words; the limit is {MAX_ENTRIES}")
    entries: dict[str, tuple[str, ...]] = {}
    for word, synonyms in raw.items():
        _add_entry(word, synonyms, entries, problems)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise InvalidInput(
            f"the synonym map is not valid: {problems[0]}{more}",
            remedy=_REMEDY,
            details={"problems": problems[:_MAX_PROBLEMS]},
        )
    return SynonymMap(entries, _index(entries))


def augment_caption(
    caption: str, synonyms: SynonymMap, number: int, rng: random.Random
) -> list[str]:
    """At most number variants of a caption, all different, never the caption itself.

    Each exchanges about half of the words that have synonyms, at least one; case is kept and
    "a" becomes "an" where the new word asks for it. Fewer come back when there are no more.
    """
    slots = _slots(caption, synonyms)
    found: dict[str, None] = {}
    for choice in _choices([len(slot.choices) for slot in slots], number, rng):
        variant = _fill(caption, slots, choice)
        if variant != caption and len(variant) <= MAX_CAPTION_CHARS:
            found[variant] = None
        if len(found) == number:
            break
    return list(found)


def augment_captions(
    rows: Iterable[tuple[_Key, str]],
    synonyms: SynonymMap,
    per_caption: int = 3,
    seed: int = 0,
    report: Callable[[int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Augmentation[_Key]:
    """Vary each (key, caption); a caption's variants hang on the seed, its key and its text only.

    report gets the number of captions done, every 200; should_stop is asked as often, and what is
    done is returned. Raises InvalidInput unless 1 <= per_caption <= MAX_PER_CAPTION.
    """
    if not 1 <= per_caption <= MAX_PER_CAPTION:
        raise InvalidInput(
            f"per_caption is {per_caption}; it must lie between 1 and {MAX_PER_CAPTION}",
            remedy="Three variants a caption are a good start.",
        )
    result: Augmentation[_Key] = Augmentation([], [])
    for done, (key, caption) in enumerate(rows):
        if done % 200 == 0:
            if report:
                report(done)
            if should_stop and should_stop():
                return Augmentation(result.variants, result.short, stopped=True)
        rng = random.Random(f"{seed} {key} {caption}")
        variants = augment_caption(caption, synonyms, per_caption, rng)
        result.variants.append((key, variants))
        if len(variants) < per_caption:
            result.short.append((key, len(variants)))
    if report:
        report(len(result.variants))
    return result


def _parse(data: bytes | str, problems: list[str]) -> dict[str, Any]:
    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in found]
        problems.extend(f'"{key}" is listed twice' for key in set(keys) if keys.count(key) > 1)
        return dict(found)

    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        raw = json.loads(text, object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the synonym map is not JSON: {error}", remedy=_REMEDY) from error
    if not isinstance(raw, dict):
        kind = type(raw).__name__
        raise InvalidInput(f"the synonym map is a {kind}, not an object", remedy=_REMEDY)
    return raw


def _add_entry(
    word: object, synonyms: object, entries: dict[str, tuple[str, ...]], problems: list[str]
) -> None:
    """Check one entry; what is wrong with it goes to problems."""
    key = " ".join(str(word).split()).casefold()
    if not isinstance(synonyms, (list, tuple)) or not all(isinstance(s, str) for s in synonyms):
        problems.append(f'"{word}" needs a list of texts')
        return
    cleaned = tuple(dict.fromkeys(" ".join(synonym.split()) for synonym in synonyms))
    if not key:
        problems.append("a word is empty")
    elif _TOKEN.sub("", key).strip():
        problems.append(f'"{word}" may hold letters, digits, hyphens and apostrophes only')
    elif key in entries:
        problems.append(f'"{word}" is listed twice')
    elif "" in cleaned:
        problems.append(f'"{word}" has an empty synonym')
    elif any(synonym.casefold() == key for synonym in cleaned):
        problems.append(f'"{word}" is its own synonym')
    elif len(cleaned) > MAX_SYNONYMS:
        problems.append(f'"{word}" has {len(cleaned)} synonyms; the limit is {MAX_SYNONYMS}')
    elif any(len(text) > MAX_WORD_CHARS or not text.isprintable() for text in (key, *cleaned)):
        problems.append(
            f'"{word[:40] if isinstance(word, str) else word}" or a synonym of it is over '
            f"{MAX_WORD_CHARS} characters or has control characters"
        )
    else:
        entries[key] = cleaned


def _index(
    entries: Mapping[str, tuple[str, ...]],
) -> dict[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]]:
    forms = {pluralise(word): tuple(map(pluralise, found)) for word, found in entries.items()}
    forms.update(entries)  # what the map says itself goes before a plural made here
    by_first: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
    for phrase, found in forms.items():
        words = tuple(phrase.split(" "))
        by_first.setdefault(words[0], []).append((words, found))
    return {
        first: tuple(sorted(found, key=lambda entry: -len(entry[0])))
        for first, found in by_first.items()
    }


def _slots(caption: str, synonyms: SynonymMap) -> list[_Slot]:
    """The stretches with synonyms, from left to right; words of one entry have only space between."""
    tokens = list(_TOKEN.finditer(caption))
    words = [token.group().casefold() for token in tokens]
    slots, at = [], 0
    while at < len(words):
        found = synonyms.find(words, at)
        length = found[0] if found else 1
        start, end = tokens[at].start(), tokens[at + length - 1].end()
        stretch = caption[start:end]
        if found and not stretch.replace(" ", "").translate(_WORD_SIGNS).isalnum():
            found, length = None, 1  # a comma or a full stop stands between the words
        if found and found[1]:
            choices = dict.fromkeys(match_case(synonym, stretch) for synonym in found[1])
            choices.pop(stretch, None)
            slots.append(_Slot(start, end, (stretch, *choices)))
        at += length
    return slots


_WORD_SIGNS = str.maketrans("", "", "'’-_")


def _choices(sizes: list[int], number: int, rng: random.Random) -> Iterator[list[int]]:
    """Ways to fill slots of these sizes, some of them more than once, never all zeros.

    Few ways: all of them in random order. Many: drawn so that a slot changes every second time.
    """
    ways = math.prod(sizes)
    if ways <= max(64, 4 * number):
        for way in rng.sample(range(1, ways), ways - 1):
            yield _digits(way, sizes)
        return
    for _ in range(20 * number):
        choice = [rng.randrange(1, size) if rng.random() < 0.5 else 0 for size in sizes]
        if not any(choice):
            slot = rng.randrange(len(sizes))
            choice[slot] = rng.randrange(1, sizes[slot])
        yield choice


def _digits(way: int, sizes: list[int]) -> list[int]:
    """The way written in mixed radix, one digit a slot."""
    digits = []
    for size in sizes:
        way, digit = divmod(way, size)
        digits.append(digit)
    return digits


def _fill(caption: str, slots: list[_Slot], choice: list[int]) -> str:
    """The caption with each slot filled, and the articles before changed slots put right."""
    parts, at = [], 0
    for slot, chosen in zip(slots, choice, strict=True):
        before = caption[at : slot.start]
        if chosen:
            before = _fix_article(before, slot.choices[chosen])
        parts += [before, slot.choices[chosen]]
        at = slot.end
    return "".join(parts) + caption[at:]


def _fix_article(before: str, word: str) -> str:
    """Change a closing "a " or "an " to what the word asks for."""
    article = before.rstrip(" ").rpartition(" ")[2]
    if article.casefold() not in ("a", "an") or not before.endswith(" "):
        return before
    wanted = indefinite_article(word)
    if article[0].isupper():
        wanted = wanted.upper() if len(word) > 1 and word.isupper() else wanted.capitalize()
    spaces = len(before) - len(before.rstrip(" "))
    return before.rstrip(" ")[: -len(article)] + wanted + " " * spaces
