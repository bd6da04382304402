"""What an English caption states, as far as words tell: numbers, colours, negations, places, roles.

Pure text, no model, no parser: a phrase is a stretch of words without a function word in it. Other
languages go through without an error, but nothing is found then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from workers.paraphrase.vocabulary import NEGATIONS, RELATING, SIDES, word_set
from workers.paraphrase.words import BREAK, Word, plain_form, read_words, stem

_CLAUSE_WORDS = frozenset({"and", "while", "whereas", "but", "as"})
_ARTICLES = frozenset({"a", "an", "one", "single", "each", "another"})
_DETERMINERS = frozenset({"a", "an", "the", "his", "her", "its", "their", "some"})
_INSIDE_PHRASE = _DETERMINERS | {"of"}
_BE = frozenset({"is", "are", "was", "were", "be", "been", "being", "get", "gets"})
# Prepositions whose two sides may not be exchanged: a cat on a roof is no roof on a cat.
_PIVOTS = frozenset(
    ["on", "in", "into", "to", "from", "at", "across", "through", "than", "against"]
)
# Families whose words are said of the thing that follows.
_DESCRIBING = word_set(
    "material form size wealth tallness length thickness age heat wetness dirt filling opening "
    "brightness damage texture curl tip depth cooking ripeness fire"
)


@dataclass(frozen=True)
class Relation:
    """How two phrases stand to each other. axis: "height", "side" ... or a preposition; sign: +1 for
    above, right, before; left, right: the stems on the two sides of the word."""

    axis: str
    sign: int
    left: frozenset[str]
    right: frozenset[str]


class Facts:
    """What one caption states. Each part is read when it is asked for, and once."""

    def __init__(self, text: str) -> None:
        self.words = read_words(text)

    @cached_property
    def things(self) -> list[Word]:
        """The words that name things, states and doings, in their order."""
        return [word for word in self.words if word.is_thing]

    @cached_property
    def thing_stems(self) -> frozenset[str]:
        """Their stems."""
        return frozenset(word.stem for word in self.things)

    @cached_property
    def stems(self) -> frozenset[str]:
        """The stems of all words."""
        return frozenset(word.stem for word in self.words)

    @cached_property
    def groups(self) -> frozenset[tuple[str, int]]:
        """The groups of words that occur, each (family, place of the group)."""
        return frozenset().union(*(word.groups for word in self.things))

    @cached_property
    def numbers(self) -> Counter[str]:
        """How often each number stands there; "one" says no more than "a"."""
        return Counter(word.number for word in self.words if word.number not in ("", "1"))

    @cached_property
    def colours(self) -> frozenset[str]:
        """The colours with their shade: "dark blue". "An orange" is a fruit."""
        return frozenset(
            word.colour
            for at, word in enumerate(self.words)
            if word.colour and not self._is_fruit(at)
        )

    def _is_fruit(self, at: int) -> bool:
        if self.words[at].text != "orange" or not at or self.words[at - 1].text != "an":
            return False
        return at + 1 == len(self.words) or not self.words[at + 1].is_thing

    def negations(self, other: Facts) -> int:
        """How often something is denied; other: the text that may hold the plain form of "unripe"."""
        return sum(
            word.text in NEGATIONS
            or word.stem in _negation_stems()
            or bool(plain_form(word.text, other.stems))
            for word in self.words
        )

    @cached_property
    def sides(self) -> frozenset[tuple[str, int]]:
        """The places that are named, as (axis, sign)."""
        return frozenset(SIDES[word.text] for word in self.words if word.text in SIDES)

    @cached_property
    def singular(self) -> frozenset[str]:
        """Stems of what stands there once: "a dog", "one dog"."""
        found = set()
        for start, run in self._runs():
            if start and self.words[start - 1].text in _ARTICLES:
                ends = zip(run, [*run[1:], None], strict=True)
                head = next(word for word, after in ends if after is None or after.looks_like_verb)
                if not head.is_plural:
                    found.add(head.stem)
        return frozenset(found)

    @cached_property
    def plural(self) -> frozenset[str]:
        """Stems of the words that look like plurals."""
        return frozenset(word.stem for word in self.things if word.is_plural)

    def _runs(self) -> list[tuple[int, list[Word]]]:
        """Stretches of words that name things or colours, each with its start."""
        runs: list[tuple[int, list[Word]]] = []
        for at, word in enumerate(self.words):
            if word.is_thing or word.colour:
                if runs and runs[-1][0] + len(runs[-1][1]) == at:
                    runs[-1][1].append(word)
                else:
                    runs.append((at, [word]))
        return runs

    @cached_property
    def said(self) -> dict[tuple[str, str], frozenset[str]]:
        """{(kind, what is said): stems of what it is said of}, as ("colour", "red"): {"circl"}."""
        found: dict[tuple[str, str], set[str]] = {}
        for at, word in enumerate(self.words):
            for mark in _marks(word):
                found.setdefault(mark, set()).update(self._heads(at))
        return {mark: frozenset(stems) for mark, stems in found.items()}

    def _heads(self, at: int) -> set[str]:
        """The stems that the word at `at` says something of: after it, or before an "is"."""
        ahead: set[str] = set()
        for word in self.words[at + 1 :]:
            if word.is_thing:
                ahead.add(word.stem)
            elif ahead or not _may_precede(word, self.words[at]):
                break
        if not ahead and at > 1 and self.words[at - 1].text in _BE and self.words[at - 2].is_thing:
            return {self.words[at - 2].stem}
        return ahead

    @cached_property
    def relations(self) -> list[Relation]:
        """How things stand to each other."""
        found = (self._relation(at, word) for at, word in enumerate(self.words))
        return [relation for relation in found if relation is not None]

    def _relation(self, at: int, word: Word) -> Relation | None:
        if word.text in _PIVOTS:
            axis, sign = word.text, 1
        elif word.text in RELATING:
            axis, sign = SIDES[word.text]
        else:
            return None
        left, right = self._before(at), self._phrase(at + 1)
        return Relation(axis, sign, left, right) if left and right else None

    def _phrase(self, start: int) -> frozenset[str]:
        """The telling stems of the first phrase from `start` on."""
        stems: set[str] = set()
        for word in self.words[start:]:
            if word.is_telling:
                stems.add(word.stem)
            elif not (word.is_thing or word.number or word.text in _INSIDE_PHRASE):
                break
        return frozenset(stems)

    def _before(self, at: int) -> frozenset[str]:
        """The telling stems before `at`, back to the start of the clause."""
        stems: set[str] = set()
        for word in reversed(self.words[:at]):
            if word.text == BREAK:
                break
            if word.is_telling:
                stems.add(word.stem)
        return frozenset(stems)

    @cached_property
    def verbs(self) -> frozenset[str]:
        """Stems of the words that look like verbs with a direct object."""
        return frozenset(
            word.stem for at, word in enumerate(self.words[:-1]) if at and self._is_verb(at, word)
        )

    def _is_verb(self, at: int, word: Word) -> bool:
        if not (word.is_thing and word.looks_like_verb):
            return False
        if word.text.endswith("ed"):  # "huts painted red" has no doer, "a dog chased the cat" has
            return self.words[at + 1].text in _DETERMINERS
        return self._has_object(at)

    def roles(self, verb: str) -> tuple[frozenset[str], frozenset[str]] | None:
        """(stems of who does it, stems of whom it is done to); None when that cannot be told."""
        for at, word in enumerate(self.words):
            if word.stem != verb or not 0 < at < len(self.words) - 1:
                continue
            agent = self._agent(at)
            if agent is not None:
                return agent - {verb}, self._before(at) - {verb}
            if self._has_object(at):
                return self._before(at) - {verb}, self._phrase(at + 1) - {verb}
        return None

    def _agent(self, at: int) -> frozenset[str] | None:
        """Who does it, in a passive: "is chased by a dog"."""
        is_passive = any(word.text in _BE for word in self.words[max(0, at - 3) : at])
        for place in range(at + 1, len(self.words)):
            if self.words[place].text == "by" and (is_passive or place == at + 1):
                return self._phrase(place + 1)
        return None

    def _has_object(self, at: int) -> bool:
        after = self.words[at + 1]
        return (
            after.is_thing or bool(after.number) or bool(after.colour) or after.text in _DETERMINERS
        )

    @cached_property
    def clauses(self) -> list[list[Word]]:
        """The words between commas and words such as "and" and "while"."""
        parts: list[list[Word]] = [[]]
        for word in self.words:
            if word.text == BREAK or word.text in _CLAUSE_WORDS:
                parts.append([])
            else:
                parts[-1].append(word)
        return [part for part in parts if part]


@lru_cache(maxsize=1)
def _negation_stems() -> frozenset[str]:
    return frozenset(stem(word) for word in NEGATIONS if len(word) > 4)


def _marks(word: Word) -> Iterable[tuple[str, str]]:
    """(kind, what is said) of the thing after the word: its number, its colour, "no", its states."""
    if word.number not in ("", "1"):
        yield "number", word.number
    elif word.colour:
        yield "colour", word.colour
    elif word.text in ("no", "not", "without"):
        yield "denial", word.text
    elif word.is_thing and not word.is_support:
        for family, place in word.groups:
            if family in _DESCRIBING:
                yield family, f"{family} {place}"


def _may_precede(word: Word, mark: Word) -> bool:
    """Whether a word may stand between what is said and the thing it is said of."""
    if word.colour or word.number or word.text in ("a", "an", "the", "any"):
        return True
    return word.text == "of" and bool(mark.number)  # a pair of shoes, two of the men
