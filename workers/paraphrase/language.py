"""Which writing and which language a caption is in, from its letters and its small words."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

ENGLISH = "en"

# Small words that tell one language from the others; those that two of them share are left out.
_SMALL_WORDS = {
    ENGLISH: "the of with and is are on at by from his her its their without to an this that while "
    "which has have it between under above behind next near over into for no not "
    "two three four five six seven eight nine ten",
    "de": "der das ein eine einen einem einer eines und auf mit ist sind im vom zum zur dem den des "
    "unter neben vor hinter über zwischen für nicht ohne kein keine wird werden liegt steht sitzt "
    "zwei drei vier fünf",
    "fr": "les une dans avec sur est sont au aux du et sous devant derrière sans pas qui à près "
    "deux trois quatre cinq",
    "es": "el los las una del con y en es son sobre bajo sin al por junto delante detrás "
    "tres cuatro cinco está están",
    "it": "il lo gli della del dello nel nella con su è sono sotto sopra senza di che accanto davanti "
    "due tre quattro cinque",
    "pt": "um uma os dos das no na com em é são sobre sem ao do da ao lado não "
    "dois duas três quatro",
    "nl": "het een van met op is zijn en naast achter voor zonder niet geen de twee drie vier vijf",
    "pl": "na w z i jest są pod nad obok przed bez nie dwa dwie trzy cztery",
    "tr": "bir ve ile üzerinde altında yanında iki üç dört olan",
}
_WORD = re.compile(r"[^\W\d_]+")


def _telling() -> dict[str, set[str]]:
    """{word: the languages it may be of}"""
    found: dict[str, set[str]] = {}
    for language, words in _SMALL_WORDS.items():
        for word in words.split():
            found.setdefault(word, set()).add(language)
    return found


_TELLING = _telling()


def script_of(text: str) -> str:
    """The writing that most letters are of, as Unicode names it: LATIN, CYRILLIC ...; "" for none.

    The three writings of Japanese, and Chinese, count as one.
    """
    counts = Counter(_script(character) for character in text if character.isalpha())
    return counts.most_common(1)[0][0] if counts else ""


def _script(character: str) -> str:
    name = unicodedata.name(character, "").split(" ")[0]
    return "CJK" if name in ("HIRAGANA", "KATAKANA", "FULLWIDTH") else name


def language_of(text: str) -> str:
    """The language that most of the small words are of; "" where none tells, or another script."""
    counts: Counter[str] = Counter()
    for word in _WORD.findall(text.lower()):
        for language in _TELLING.get(word, ()):
            counts[language] += 1
    if not counts:
        return ""
    (best, most), *others = counts.most_common()
    return best if not others or others[0][1] < most else ""


def may_be_english(text: str) -> bool:
    """Whether rules for English apply: Latin letters, and no small words of another language."""
    if script_of(text) not in ("LATIN", ""):
        return False
    return language_of(text) in (ENGLISH, "") and not _has_foreign_letters(text)


def _has_foreign_letters(text: str) -> bool:
    """Letters that English writes in no word of its own, in more than one word in three."""
    words = _WORD.findall(text.lower())
    foreign = sum(not word.isascii() for word in words)
    return foreign * 3 > len(words)


def same_language(one: str, other: str) -> bool:
    """False only where both texts tell what they are, and they differ."""
    if script_of(one) and script_of(other) and script_of(one) != script_of(other):
        return False
    first, second = language_of(one), language_of(other)
    return not first or not second or first == second
