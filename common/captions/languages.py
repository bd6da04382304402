"""Which writing and which language a caption is in, from its letters and its small words."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

ENGLISH = "en"

# Small words that tell languages apart. One may be of several; those that English has as a word for a
# thing are left out of the others: "a white van", "a red die".
_SMALL_WORDS = {
    ENGLISH: "the of with and is are on at by to from this that his her its their without an which "
    "while who has have it there some for no not under over above below between behind next near into "
    "two three four five six seven eight nine ten",
    "de": "der das ein eine einen einem einer eines und auf mit ist sind im vom zum zur dem den des "
    "unter neben vor hinter über zwischen für nicht ohne auch kein keine ihr sein seine wird werden "
    "liegt steht sitzt zwei drei vier fünf",
    "fr": "le la les un une dans avec sur est sont au aux du de et en sous devant derrière sans pas "
    "qui à près deux trois quatre cinq",
    "es": "el la los las un una unos unas del de con y en es sobre bajo sin al por junto delante "
    "detrás tres cuatro cinco está están",
    "it": "il lo la gli un una uno della del dello delle degli di nel nella sul sulla con su è sono "
    "sotto sopra senza che accanto davanti due tre quattro cinque",
    "pt": "um uma os dos das no na com em é são sobre sem ao da de lado não dois duas três quatro",
    "nl": "het een de met op is zijn en naast bij achter voor zonder niet geen twee drie vier vijf",
    "sv": "och på en ett är med som två tre",
    "da": "og på en et er med som tre",
    "pl": "na w z i jest są się nad obok przed bez nie dwa dwie trzy cztery",
    "tr": "bir ve ile bu üzerinde altında yanında iki üç dört olan",
    "id": "yang dengan dan di sebuah dua tiga",
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


def is_foreign(words: Iterable[str]) -> bool:
    """Whether most small words are of other languages than English. words: in small letters."""
    known = [_TELLING[word] for word in words if word in _TELLING]
    english = sum(ENGLISH in languages for languages in known)
    return len(known) - english > english


def may_be_english(text: str) -> bool:
    """Whether rules for English apply: Latin letters, and no small words of another language."""
    return script_of(text) in ("LATIN", "") and not is_foreign(_WORD.findall(text.lower()))


def same_language(one: str, other: str) -> bool:
    """False only where both texts tell what they are, and they differ."""
    if script_of(one) and script_of(other) and script_of(one) != script_of(other):
        return False
    first, second = language_of(one), language_of(other)
    return not first or not second or first == second
