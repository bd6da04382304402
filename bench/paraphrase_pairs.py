"""The labelled paraphrases, and how well something tells good ones from bad ones.

tests/data/paraphrases.jsonl holds pairs {part, caption, candidate, good, kind}, written for this project.
All pairs of a caption are in one part. Thresholds and word lists were set while looking at mistakes on
the part "tune" only; the part "test" (a third of the first captions, and captions written after
everything else, which are counted as "late" too) was only counted. Words known to the lists occur in
both parts, since one hand wrote both.

A pair is good when the candidate is true of every image of which the caption is true, and says as
much. So: other words for the same, another order, the passive, digits for words are good; anything left
out or added is bad, and so is a wider or narrower word (animal, spaniel for dog). "Crimson" for "red"
is good, as manual_synonym_map.json exchanges them; light or dark for a plain colour is bad. "One" says no
more than "a". The same words with other capitals or punctuation are bad: they teach nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

PAIRS = Path(__file__).parents[1] / "tests" / "data" / "paraphrases.jsonl"
PARTS = ("tune", "test", "late")
_LATE = 210  # the last ones of the part test


@dataclass(frozen=True)
class Pair:
    """A labelled paraphrase."""

    part: str
    caption: str
    candidate: str
    good: bool
    kind: str
    late: bool = False

    def is_in(self, part: str) -> bool:
        """Whether it belongs to one of PARTS."""
        return self.late if part == "late" else self.part == part


@dataclass(frozen=True)
class Measured:
    """What the filter made of some pairs."""

    pairs: Sequence[Pair]
    kept: Sequence[bool]

    def count(self, *, kept: bool, good: bool) -> int:
        """Pairs that were kept or not, and are good or not."""
        return sum(
            pair.good == good and was == kept
            for pair, was in zip(self.pairs, self.kept, strict=True)
        )

    def of(self, part: str) -> Measured:
        """What it made of the pairs of one of PARTS."""
        both = zip(self.pairs, self.kept, strict=True)
        some = [(pair, kept) for pair, kept in both if pair.is_in(part)]
        return Measured([pair for pair, _ in some], [kept for _, kept in some])

    @property
    def precision(self) -> float:
        """Share of the kept ones that are good."""
        good = self.count(kept=True, good=True)
        return good / max(1, good + self.count(kept=True, good=False))

    @property
    def recall(self) -> float:
        """Share of the good ones that are kept."""
        good = self.count(kept=True, good=True)
        return good / max(1, good + self.count(kept=False, good=True))

    def by_kind(self) -> dict[tuple[str, bool], tuple[int, int]]:
        """{(kind, whether it is good): (pairs judged rightly, pairs)}."""
        all_of, right = Counter[tuple[str, bool]](), Counter[tuple[str, bool]]()
        for pair, was in zip(self.pairs, self.kept, strict=True):
            all_of[pair.kind, pair.good] += 1
            right[pair.kind, pair.good] += was == pair.good
        return {key: (right[key], count) for key, count in sorted(all_of.items())}


def read_pairs() -> list[Pair]:
    """All labelled pairs, in the order of the file."""
    pairs = [Pair(**json.loads(line)) for line in PAIRS.read_text("utf-8").splitlines()]
    late = {id(pair) for pair in [pair for pair in pairs if pair.part == "test"][-_LATE:]}
    return [replace(pair, late=id(pair) in late) for pair in pairs]


def print_parts(name: str, told: Measured) -> None:
    """A table with a line for each part."""
    print(f"\n{name}\npart   pairs   good  precision  recall  bad kept  good lost")
    for part in PARTS:
        some = told.of(part)
        good = sum(pair.good for pair in some.pairs)
        print(
            f"{part:5} {len(some.pairs):6} {good:6} {some.precision:10.3f} {some.recall:7.3f} "
            f"{some.count(kept=True, good=False):9} {some.count(kept=False, good=True):10}"
        )
