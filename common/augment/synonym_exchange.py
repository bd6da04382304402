"""Vary a caption by exchanging words for synonyms."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from functools import lru_cache

from common.augment.synonym_index import Slot, SynonymMap, find_slots
from common.captions.clip_tokens import CONTEXT_TOKENS, count_tokens
from common.captions.text import MAX_CAPTION_CHARS

_FEW_WAYS = 64  # up to so many, all ways to fill a caption's slots are equally likely
_TRIES = 20  # draws for each variant that is asked for


def augment_caption(
    caption: str, synonyms: SynonymMap, number: int, rng: random.Random
) -> list[str]:
    """At most number variants of a caption, all different, never the caption itself.

    Each exchanges about half of the words that have synonyms, at least one. A variant stays within
    the 77 tokens that CLIP reads if the caption does; of a longer caption only words that CLIP reads
    are exchanged, since it could not tell the other variants apart. Fewer come back when there are
    no more.
    """
    slots = find_slots(caption, synonyms)
    if not slots or number < 1:
        return []
    spare = _spare_tokens(caption, slots)
    if spare is not None and spare < 0:
        slots = [slot for slot in slots if count_tokens(caption[: slot.end]) <= CONTEXT_TOKENS]
        spare = None
    parts = _parts(caption, slots)
    found: dict[str, None] = {}
    for choice in _ways([slot.choices for slot in slots], number, rng, spare):
        parts[1::2] = choice
        variant = "".join(parts)
        if variant == caption or len(variant) > MAX_CAPTION_CHARS:
            continue
        if spare is None or count_tokens(variant) <= CONTEXT_TOKENS:
            found[variant] = None
            if len(found) == number:
                break
    return list(found)


def _spare_tokens(caption: str, slots: Sequence[Slot]) -> int | None:
    """How many tokens a variant may have more than the caption; None: as many as it likes.

    Below 0: CLIP does not read the whole caption.
    """
    most = sum(_growth(slot.choices) for slot in slots)
    if caption.isascii() and len(caption) + most <= CONTEXT_TOKENS - 2:
        return None  # a token is one character at least: spares many the counting
    spare = CONTEXT_TOKENS - count_tokens(caption)
    return None if 0 <= most <= spare else spare


def _growth(choices: tuple[str, ...]) -> int:
    """By how many tokens a caption grows at most."""
    return max(_growths(choices))


@lru_cache(maxsize=20_000)
def _growths(choices: tuple[str, ...]) -> tuple[int, ...]:
    """By how many tokens a caption grows with each of the choices; 0 with the first."""
    counts = [count_tokens(text) for text in choices]
    return tuple(count - counts[0] for count in counts)


def _parts(caption: str, slots: Sequence[Slot]) -> list[str]:
    """What stands between the slots, and at each odd place the text of a slot."""
    parts, at = [], 0
    for slot in slots:
        parts += [caption[at : slot.start], slot.choices[0]]
        at = slot.end
    return [*parts, caption[at:]]


def _ways(
    options: Sequence[tuple[str, ...]], number: int, rng: random.Random, spare: int | None
) -> Iterator[list[str]]:
    """Ways to fill slots with these options, never the first option of each.

    Few ways: each once, in random order. Many: drawn so that a slot changes every second time; some
    come more than once. spare: tokens that may be added, which the draws keep to.
    """
    ways = math.prod(map(len, options))
    if ways <= max(_FEW_WAYS, 4 * number):
        yield from (_digits(way, options) for way in _shuffled(ways, number, rng))
        return
    for _ in range(_TRIES * number):
        choice = _drawn(options, rng) if spare is None else _drawn_within(options, rng, spare)
        if choice is not None:
            yield choice


def _drawn(options: Sequence[tuple[str, ...]], rng: random.Random) -> list[str] | None:
    """One way; None when no slot has changed."""
    choice, is_changed = [], False
    for texts in options:
        others = len(texts) - 1
        drawn = int(rng.random() * 2 * others)
        if drawn < others:
            is_changed = True
            choice.append(texts[drawn + 1])
        else:
            choice.append(texts[0])
    return choice if is_changed else None


def _drawn_within(
    options: Sequence[tuple[str, ...]], rng: random.Random, spare: int
) -> list[str] | None:
    """One way that adds no more than the spare tokens, whichever slot comes first."""
    choice = [texts[0] for texts in options]
    is_changed = False
    for at in rng.sample(range(len(options)), len(options)):
        texts = options[at]
        drawn = int(rng.random() * 2 * (len(texts) - 1)) + 1
        if drawn < len(texts) and (growth := _growths(texts)[drawn]) <= spare:
            choice[at], is_changed = texts[drawn], True
            spare -= growth
    return choice if is_changed else None


def _shuffled(ways: int, number: int, rng: random.Random) -> Iterator[int]:
    """1 to ways - 1 in random order; most often no more than the first `number` are asked for."""
    first = rng.sample(range(1, ways), min(number, ways - 1))
    yield from first
    others = sorted(set(range(1, ways)).difference(first))
    yield from rng.sample(others, len(others))


def _digits(way: int, options: Sequence[tuple[str, ...]]) -> list[str]:
    """The way written in mixed radix, one digit a slot."""
    chosen = []
    for texts in options:
        way, digit = divmod(way, len(texts))
        chosen.append(texts[digit])
    return chosen
