"""Finding the words of a synonym map in a caption: boundaries, plurals, possessives, capitals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from common.augment.english import (
    Case,
    in_case,
    indefinite_article,
    pluralise,
    possessive,
)
from common.augment.synonym_map import TOKEN, Entries, fold, version_of, write_map
from common.captions.languages import is_foreign

_ASCII_TOKEN = re.compile(r"\w+(?:['\-]\w+)*", re.ASCII)
_SENTENCE_END = re.compile(r"[.!?:\n]")
_QUOTE_OPENS = re.compile(r"(?:^|[\s(])['‘]\w")
_POSSESSIVE = "'s"
_TITLE_CHARS = 4  # shorter words often stay small in a title
_TITLE_WORDS = 3  # fewer capitals may be a name: Boats on the Dead Sea


class Form(NamedTuple):
    """One way in which an entry can stand in a caption. words: folded; articles: of the synonyms.

    is_english: it is left alone in captions of other languages, where it means something else.
    """

    words: tuple[str, ...]
    written: str
    synonyms: tuple[str, ...]
    articles: tuple[str, ...]
    is_plural: bool
    is_english: bool


class Slot(NamedTuple):
    """A stretch of a caption that can be exchanged; choices[0] is the stretch itself.

    All choices differ, also without their capitals. An article before it belongs to it.
    """

    start: int
    end: int
    choices: tuple[str, ...]


@dataclass(frozen=True)
class SynonymMap:
    """A checked map, ready to be looked up. entries: as written."""

    entries: Entries
    _forms: Mapping[str, Form] = field(repr=False, compare=False)  # by their words in one text
    # lengths of the forms that begin with these two words, falling
    _sizes: Mapping[str, tuple[int, ...]] = field(repr=False, compare=False)

    def find(self, words: Sequence[str], start: int) -> Form | None:
        """The longest entry at words[start], which are folded; its last word may be a possessive."""
        for size in self._sizes.get(_beginning(words, start), ()):
            phrase = " ".join(words[start : start + size])
            form = self._forms.get(phrase) or self._of_possessive(phrase)
            if form is not None and len(form.words) == size:
                return form
        word = words[start]
        return self._forms.get(word) or self._of_possessive(word)

    def _of_possessive(self, phrase: str) -> Form | None:
        return self._forms.get(phrase[:-2]) if phrase[-2:] == _POSSESSIVE else None

    @cached_property
    def version(self) -> str:
        """16 hexadecimal digits that change with the entries."""
        return version_of(write_map(self.entries))

    def knows(self, word: str) -> bool:
        """Whether the map has a word of its own for this one, an empty entry too."""
        return self.find([fold(word)], 0) is not None


def index_map(entries: Entries, english: Entries | None = None) -> SynonymMap:
    """A map of entries that `check_map` or `parse_map` gave.

    Entries that stand in english too, with the same synonyms, are used in English captions only.
    """
    found: dict[str, Form] = {}
    sizes: dict[str, set[int]] = {}
    for form in _all_forms(entries, english or {}):
        found.setdefault(" ".join(form.words), form)
        if len(form.words) > 1:
            sizes.setdefault(_beginning(form.words, 0), set()).add(len(form.words))
    falling = {first: tuple(sorted(known, reverse=True)) for first, known in sizes.items()}
    return SynonymMap(entries, found, falling)


def _beginning(words: Sequence[str], start: int) -> str:
    """The first two words in one text, without the possessive of the second; "" at the end."""
    if start + 1 == len(words):
        return ""
    second = words[start + 1]
    return f"{words[start]} {second[:-2] if second[-2:] == _POSSESSIVE else second}"


def find_slots(caption: str, synonyms: SynonymMap) -> list[Slot]:
    """The stretches that have synonyms, from left to right; none overlaps another.

    A word with a capital inside a sentence is a name ("Red Sea") and left alone, unless the map
    writes it so or the caption is a Title In Which All Words Have One.
    """
    text = _Text(caption)
    foreign = is_foreign(text.words)
    slots: list[Slot] = []
    at, taken = 0, 0
    while at < len(text.words):
        form = synonyms.find(text.words, at)
        last = at + len(form.words) - 1 if form else at
        if form and last > at and not text.is_joined(at, last):
            form, last = None, at  # a comma or a full stop stands between the words
        if (
            form
            and form.synonyms
            and not (foreign and form.is_english)
            and (case := text.case_of(at, last, form)) is not None
        ):
            slots.append(text.slot(at, last, form, case, taken))
            taken = slots[-1].end
        at = last + 1
    return slots


class _Text:
    """A caption and its words."""

    def __init__(self, caption: str) -> None:
        self.caption = caption
        tokens: Iterable[Any]
        if caption.isascii():
            tokens = _ASCII_TOKEN.finditer(caption.lower())
            found = [(token.group(), token.span()) for token in tokens]
        else:
            tokens = TOKEN.finditer(caption)
            found = [(fold(token.group()), token.span()) for token in tokens]
        self.words: list[str] = [word for word, _ in found]
        self.spans: list[tuple[int, int]] = [span for _, span in found]

    def is_joined(self, first: int, last: int) -> bool:
        """Whether only space stands between these words."""
        gaps = (self.gap(at) for at in range(first + 1, last + 1))
        return all(not gap or gap.isspace() for gap in gaps)

    def gap(self, at: int) -> str:
        """What stands before a word, back to the word before it."""
        return self.caption[self.spans[at - 1][1] if at else 0 : self.spans[at][0]]

    def case_of(self, first: int, last: int, form: Form) -> Case | None:
        """How a synonym has to be written in place of these words; None: they are a name."""
        start, end = self.spans[first][0], self.spans[last][1]
        letter = self.caption[start]
        if not letter.isupper():
            return Case.AS_IS
        stretch = self.caption[start:end]
        as_written = stretch == form.written
        if end - start > 1 and stretch.isupper() and (not as_written or self.caption.isupper()):
            return Case.UPPER
        starts = first == 0 or _SENTENCE_END.search(self.gap(first)) is not None
        if self._is_title:
            return Case.TITLE
        if starts:
            return Case.FIRST
        return Case.AS_IS if as_written else None

    def slot(self, first: int, last: int, form: Form, case: Case, taken: int) -> Slot:
        """The slot of these words. taken: where the slot before ends."""
        start, end = self.spans[first][0], self.spans[last][1]
        synonyms = form.synonyms
        if case is not Case.AS_IS:
            synonyms = tuple(in_case(synonym, case) for synonym in synonyms)
        if self.words[last] != form.words[-1]:
            apostrophe = self.caption[end - 2]
            synonyms = tuple(possessive(text, form.is_plural, apostrophe) for text in synonyms)
        elif form.is_plural and self._is_possessive(end):
            apostrophe = self.caption[end]
            synonyms = tuple(possessive(text, True, apostrophe) for text in synonyms)
            end += 1
        if first and self.words[first - 1] in ("a", "an") and self.spans[first - 1][0] >= taken:
            before = self.spans[first - 1][0]
            synonyms = self._with_articles(before, start, synonyms, form.articles, case)
            start = before
        return Slot(start, end, (self.caption[start:end], *synonyms))

    def _with_articles(
        self, start: int, end: int, synonyms: Sequence[str], articles: Sequence[str], case: Case
    ) -> tuple[str, ...]:
        """The synonyms behind their articles, in place of the article from start to end."""
        written = self.caption[start:end]
        article = written.rstrip()
        if article == written or written[len(article) :].strip(" "):
            return tuple(written + synonym for synonym in synonyms)
        space = written[len(article) :]
        if article[0].isupper():
            is_upper = case is Case.UPPER
            articles = [found.upper() if is_upper else found.capitalize() for found in articles]
        return tuple(
            found + space + synonym for found, synonym in zip(articles, synonyms, strict=True)
        )

    def _is_possessive(self, end: int) -> bool:
        """Whether the apostrophe of "the kids' toys" follows, and does not close a quotation."""
        after = self.caption[end : end + 2]
        if len(after) < 2 or after[0] not in "'’" or not after[1].isspace():
            return False
        return _QUOTE_OPENS.search(self.caption, 0, end) is None

    @cached_property
    def _is_title(self) -> bool:
        """Whether it is Written Like This, or Like This from a Book: the long words, three at least."""
        if len(self.spans) < 2 or not self._is_capital(0):
            return False
        if all(map(self._is_capital, range(len(self.spans)))):
            return True
        long = [at for at, (start, end) in enumerate(self.spans) if end - start >= _TITLE_CHARS]
        return len(long) >= _TITLE_WORDS and all(map(self._is_capital, long))

    def _is_capital(self, at: int) -> bool:
        """Whether a word begins with a capital, or with no letter at all."""
        letter = self.caption[self.spans[at][0]]
        return letter.isupper() or not letter.isalpha()


def _all_forms(entries: Entries, english: Entries) -> Iterator[Form]:
    """All forms of all entries; what goes before comes first.

    The entries as they are written, then the plurals made of them, then both with hyphens in place
    of spaces and the other way round.
    """
    exact, plurals = [], []
    for word, found in entries.items():
        is_english = english.get(word) == found
        many = tuple(map(pluralise, found))
        exact.append(_form(word, found, False, is_english))
        plurals.append(_form(pluralise(word), many, True, is_english))
    yield from exact
    yield from plurals
    for form in (*exact, *plurals):
        if len(form.words) > 1:
            yield form._replace(words=("-".join(form.words),))
        elif "-" in form.words[0]:
            yield form._replace(words=tuple(form.words[0].split("-")))


def _form(phrase: str, synonyms: tuple[str, ...], is_plural: bool, is_english: bool) -> Form:
    words = tuple(fold(word) for word in TOKEN.findall(phrase))
    others = tuple(text for text in synonyms if fold(text) != fold(phrase))
    articles = tuple(indefinite_article(text) for text in others)
    return Form(words, phrase, others, articles, is_plural, is_english)
