"""The words and phrases that a dataset's captions use, for autocompletion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import regex

MAX_WORDS, MAX_PHRASES = 5000, 2000
MAX_WORD_CHARS = 40  # what is longer is a sentence of a language without spaces, or no word
PHRASE_WORDS = range(2, 6)
PHRASE_CAPTIONS = 5000  # phrases are looked for in as many captions: they cost most of the time
LEAST_REPEATS = 2  # what was written once is no phrase yet
# Letters with their accents, digits, and what joins them: don't, well-lit, looking_at_viewer.
_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}]*(?:['’_-][\p{L}\p{M}\p{N}]+)*")


@dataclass(frozen=True)
class Wording:
    """`[(text, count)]`, the most frequent first; each as it is spelled most often."""

    words: list[tuple[str, int]]
    phrases: list[tuple[str, int]]


def count_wording(captions: Iterable[str]) -> Wording:
    """The most frequent words, and runs of 2 to 5 words that occur at least twice.

    captions: the newest first; phrases are those of the first PHRASE_CAPTIONS. Capitals and small
    letters are one word. A phrase that always goes on in the same way is left out: the longer one
    has it as its beginning.
    """
    spellings: Counter[str] = Counter()
    runs: Counter[tuple[str, ...]] = Counter()
    for number, caption in enumerate(captions):
        for run in _runs(caption):
            spellings.update(run)
            if number < PHRASE_CAPTIONS:
                runs.update(_parts(run))
    totals, usual = _by_word(spellings)
    phrases = {
        " ".join(usual[word] for word in run): count for run, count in _phrases(runs).items()
    }
    return Wording(
        [(usual[word], count) for word, count in _most_frequent(totals, MAX_WORDS)],
        _most_frequent(phrases, MAX_PHRASES),
    )


def _runs(caption: str) -> Iterator[list[str]]:
    """The words of a caption, a list for each stretch without punctuation between them."""
    run: list[str] = []
    end = 0
    for found in _WORD.finditer(caption):
        too_long = len(found[0]) > MAX_WORD_CHARS
        if run and (too_long or not caption[end : found.start()].isspace()):
            yield run
            run = []
        if not too_long:
            run.append(found[0])
        end = found.end()
    if run:
        yield run


def _parts(run: list[str]) -> Iterator[tuple[str, ...]]:
    """Each stretch of 2 to 5 words, in small letters."""
    small = [word.lower() for word in run]
    for size in PHRASE_WORDS:
        for at in range(len(small) - size + 1):
            yield tuple(small[at : at + size])


def _by_word(spellings: Counter[str]) -> tuple[dict[str, int], dict[str, str]]:
    """(how often each word occurs, how it is spelled most often), by the word in small letters."""
    totals: Counter[str] = Counter()
    usual: dict[str, str] = {}
    small_first = sorted(spellings.items(), key=lambda item: (-item[1], item[0].swapcase()))
    for word, count in small_first:
        totals[word.lower()] += count
        usual.setdefault(word.lower(), word)
    return totals, usual


def _phrases(runs: Counter[tuple[str, ...]]) -> dict[tuple[str, ...], int]:
    """The runs that are repeated and that do not always go on in the same way."""
    repeated = {run: count for run, count in runs.items() if count >= LEAST_REPEATS}
    go_on = {run[:-1] for run, count in repeated.items() if repeated.get(run[:-1]) == count}
    return {run: count for run, count in repeated.items() if run not in go_on}


def _most_frequent(counts: Mapping[str, int], limit: int) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]
