"""English captions as words: stems, numbers, phrases that count as one word. Pure text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from common.augment.english import FUNCTION_WORDS
from workers.paraphrase.vocabulary import (
    COLOURS,
    NEGATIONS,
    NOT_LESS,
    NUMBERS,
    ORDINALS,
    PAIRED,
    SCALES,
    SHADES,
    SIDES,
    SUPPORT,
    word_set,
)
from workers.paraphrase.word_families import families, opposites

BREAK = ","  # what ends a clause, as a word

# Phrases that count as one word, exchanged in this order.
_PHRASES = [
    (re.compile(pattern), word)
    for pattern, word in (
        (r"\bcan't\b|\bcannot\b", "can not"),
        (r"\bwon't\b", "will not"),
        (r"n't\b", " not"),
        (r"\b(it|there|that|he|she)'s\b", r"\1 is"),
        (r"'s\b|(?<=s)'(?=\s|$)", ""),
        (r"\bno\.?\s*(?=\d)", "number "),
        (r"\bno one\b|\bno-one\b", "nobody"),
        (r"\bhalf a dozen\b|\bhalf dozen\b", "half-dozen"),
        (r"\bleft to right\b", "left-to-right"),
        (r"\bright to left\b", "right-to-left"),
        (r"\b(?:to|on|at) the left(?: side|[ -]hand side)? of\b|\bleft of\b", "left-of"),
        (r"\b(?:to|on|at) the right(?: side|[ -]hand side)? of\b|\bright of\b", "right-of"),
        (r"\bin front(?: of)?\b|\bahead of\b", "in-front"),
        (r"\b(?:at|in|on) the (?:back|rear) of\b|\bin back of\b", "behind"),
        (r"\bon top of\b|\batop\b|\bupon\b|\bonto\b", "on"),
        (r"\bclose to\b|\bnext to\b|\badjacent to\b|\balongside\b|\bby the side of\b", "beside"),
        (r"\bnear\b", "beside"),
        (r"\bx[- ]rays?\b", "xray"),
        (r"\bt[- ]shirt", "tshirt"),
        (r"(?<=\d),(?=\d{3}\b)", ""),
        (r"(?<=\d)(?=[a-z]+\b)(?!st\b|nd\b|rd\b|th\b)", " "),
        (r"%", " percent "),
    )
]
_HYPHENATED = {"half-dozen", "left-to-right", "right-to-left", "left-of", "right-of", "in-front"}
_TOKEN = re.compile(r"\d+(?:\.\d+)?(?:st|nd|rd|th)?|[^\W\d_]+(?:-[^\W\d_]+)*|[,;:.!?()]")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)$")

# Forms that no ending tells, and their plain one.
_BASE = {
    "men": "man", "women": "woman", "children": "child", "people": "person", "persons": "person",
    "feet": "foot", "teeth": "tooth", "mice": "mouse", "geese": "goose", "leaves": "leaf",
    "knives": "knife", "wives": "wife", "shelves": "shelf", "wolves": "wolf", "loaves": "loaf",
    "scarves": "scarf", "calves": "calf", "halves": "half", "oxen": "ox", "cacti": "cactus",
    "dice": "die", "held": "hold", "sat": "sit", "seated": "sit", "stood": "stand", "laid": "lay",
    "lying": "lie", "lies": "lie", "ran": "run", "rode": "ride", "ridden": "ride", "threw": "throw",
    "thrown": "throw", "wore": "wear", "worn": "wear", "drew": "draw", "drawn": "draw",
    "ate": "eat", "eaten": "eat", "fed": "feed", "led": "lead", "made": "make", "built": "build",
    "bought": "buy", "sold": "sell", "caught": "catch", "flew": "fly", "flown": "fly",
    "swam": "swim", "slept": "sleep", "wrote": "write", "written": "write", "shown": "show",
    "seen": "see", "saw": "see", "taken": "take", "took": "take", "given": "give", "hung": "hang",
    "found": "find", "blown": "blow", "blew": "blow", "grown": "grow", "grew": "grow",
    "bent": "bend", "fallen": "fall", "fell": "fall", "drove": "drive", "driven": "drive",
    "burnt": "burn", "swept": "sweep", "hidden": "hide", "kept": "keep", "spun": "spin",
    "stuck": "stick", "woven": "weave", "wound": "wind", "wooden": "wood",
}  # fmt: skip
_PLURALS = word_set(
    "men women children people feet teeth mice geese leaves knives wives shelves wolves loaves "
    "scarves calves oxen cacti dice"
)
_SHORT_IES = re.compile(r"^.?.ies$")
_SUFFIXES = ("ing", "ed", "ly", "able")


@dataclass(frozen=True)
class Word:
    """A word of a caption.

    stem: what its forms have in common. number: its value, if it is one ("3." for "third").
    colour: its plain name, with the shade before it: "dark blue" for "dark blue" and "navy".
    """

    text: str
    stem: str
    number: str = ""
    colour: str = ""

    @property
    def is_plural(self) -> bool:
        """Whether it looks like a plural (forms of verbs do too)."""
        has_s = self.text.endswith("s") and not self.text.endswith(("ss", "us", "is"))
        return self.text in _PLURALS or (has_s and self.stem != self.text)

    @property
    def looks_like_verb(self) -> bool:
        """Whether it has an ending of a verb (plurals have it too), or is an irregular form."""
        return self.text in _BASE or self.text.endswith(("ing", "ed", "s"))

    @property
    def is_thing(self) -> bool:
        """Whether it names a thing, a state or a doing: no number, colour, negation or place."""
        return not (
            self.number
            or self.colour
            or self.text in FUNCTION_WORDS
            or self.text in NEGATIONS
            or self.text in SIDES
            or self.text == BREAK
        )

    @property
    def is_support(self) -> bool:
        """Whether a paraphrase may add or drop it."""
        return self.stem in _support_stems()

    @property
    def is_telling(self) -> bool:
        """Whether it tells one thing from another: a thing that is no support word, or a colour."""
        return bool(self.colour) or (self.is_thing and not self.is_support)

    @property
    def groups(self) -> frozenset[tuple[str, int]]:
        """The groups of words it belongs to, each (family, place of the group)."""
        return groups_of_stems().get(self.stem, frozenset())


def read_words(text: str) -> list[Word]:
    """The words of a text in small letters; what ends a clause is the word BREAK."""
    folded = text.lower().replace("’", "'")
    for pattern, word in _PHRASES:
        folded = pattern.sub(word, folded)
    parts = (
        part
        for token in _TOKEN.findall(folded)
        for part in ([token] if token in _HYPHENATED else token.split("-"))
    )
    return _turn_negated(_join_numbers(_join_colours([_word(part) for part in parts])))


def _word(token: str) -> Word:
    if not token[0].isalnum():
        return Word(BREAK, BREAK)
    if token[0].isdecimal():
        ordinal = _ORDINAL.match(token)
        return Word(token, token, f"{ordinal[1].lstrip('0')}." if ordinal else f"{float(token):g}")
    if token in ORDINALS:
        return Word(token, token, f"{ORDINALS[token]}.")
    if token in NUMBERS:
        return Word(token, token, str(NUMBERS[token]))
    return Word(token, stem(token), colour=COLOURS.get(token, ""))


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """What "dog" and "dogs", "ride", "rides" and "riding" have in common."""
    word = _BASE.get(word, word)
    if word.endswith("ies") and not _SHORT_IES.match(word):
        word = word[:-3] + "y"
    elif word.endswith(("ses", "xes", "zes", "ches", "shes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        word = word[:-1]
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= max(3, len(suffix)):
            word = word[: -len(suffix)]
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeo":
        word = word[:-1]
    return word.rstrip("e") or word


def plain_form(word: str, stems: frozenset[str]) -> str:
    """The stem of "lidless", or of "unripe" if "ripe" is among the stems; "" of other words."""
    if word.endswith("less") and len(word) > 6 and word not in NOT_LESS:
        return stem(word[:-4])
    for prefix in ("un", "in", "im", "ir", "dis", "non"):
        if word.startswith(prefix) and len(word) > len(prefix) + 2:
            plain = stem(word[len(prefix) :])
            if plain in stems:
                return plain
    return ""


@lru_cache(maxsize=1)
def groups_of_stems() -> dict[str, frozenset[tuple[str, int]]]:
    """{stem: the groups it belongs to, each (family, place of the group)}."""
    found: dict[str, set[tuple[str, int]]] = {}
    for family, groups in families().items():
        for place, group in enumerate(groups):
            for word in group:
                found.setdefault(stem(word), set()).add((family, place))
    return {word: frozenset(places) for word, places in found.items()}


@lru_cache(maxsize=1)
def _support_stems() -> frozenset[str]:
    return frozenset(stem(word) for word in SUPPORT)


@lru_cache(maxsize=1)
def _paired_stems() -> frozenset[str]:
    return frozenset(stem(word) for word in PAIRED)


@lru_cache(maxsize=1)
def _opposite_stems() -> dict[str, str]:
    return {stem(word): stem(other) for word, other in opposites().items()}


def _join_colours(words: Sequence[Word]) -> list[Word]:
    """ "dark blue" is one word, and so is "navy blue"."""
    joined: list[Word] = []
    for word in words:
        last = joined[-1] if joined else None
        if last and last.text == "navy" and word.text == "blue":
            continue
        if last and last.text in SHADES and word.colour:
            joined[-1] = replace(word, colour=SHADES[last.text] + word.colour)
        else:
            joined.append(word)
    return joined


def _join_numbers(words: Sequence[Word]) -> list[Word]:
    """ "twenty four" is one number; "pair" says nothing before shoes, a bridal "couple" no number."""
    joined: list[Word] = []
    for at, word in enumerate(words):
        before = _value(joined[-1]) if joined else -1
        if word.text in SCALES and before > 0:
            joined[-1] = replace(joined[-1], number=str(before * SCALES[word.text]))
        elif before >= 20 and before % 10 == 0 and 0 < _value(word) < 10 and not _digits(word):
            joined[-1] = replace(joined[-1], number=str(before + _value(word)))
        elif word.text == "dozen" and before > 1:
            joined[-1] = replace(joined[-1], number=str(before * 12))
        elif word.text == "pair" and not _counts(words[at + 1 :]):
            continue
        elif word.text == "couple" and not _counts(words[at + 1 :]):
            joined.append(Word(word.text, word.text))
        else:
            joined.append(word)
    return joined


def _value(word: Word) -> int:
    return int(word.number) if word.number.isdigit() else -1


def _digits(word: Word) -> bool:
    return word.text[0].isdecimal()


def _counts(following: Sequence[Word]) -> bool:
    is_of = bool(following) and following[0].text == "of"
    return is_of and not any(word.stem in _paired_stems() for word in following[1:6])


def _turn_negated(words: Sequence[Word]) -> list[Word]:
    """ "not open" becomes "closed"."""
    turned: list[Word] = []
    for word in words:
        other = _opposite_stems().get(word.stem)
        if other and turned and turned[-1].text == "not":
            turned[-1] = Word(other, other)
        else:
            turned.append(word)
    return turned
