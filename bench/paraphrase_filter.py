"""How well the filter tells good paraphrases from bad ones: `python -m bench.paraphrase_filter`.

tests/data/paraphrases.jsonl holds pairs {part, caption, candidate, good, kind}, written for this project.
All pairs of a caption are in one part. Thresholds and word lists were set while looking at mistakes on
the part "tune" only; the part "test" (a third of the first captions, and captions written after
everything else) was only counted. Words known to the lists occur in both parts, since one hand wrote both.

A pair is good when the candidate is true of every image of which the caption is true, and says as
much. So: other words for the same, another order, the passive, digits for words are good; anything left
out or added is bad, and so is a wider or narrower word (animal, spaniel for dog). "Crimson" for "red"
is good, as manual_synonym_map.json exchanges them; light or dark for a plain colour is bad. "One" says no
more than "a". The same words with other capitals or punctuation are bad: they teach nothing.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workers.paraphrase.filter import check_all
from workers.paraphrase.sentence_encoder import Encoder, SentenceEncoder

PAIRS = Path(__file__).parents[1] / "tests" / "data" / "paraphrases.jsonl"
PARTS = ("tune", "test")
AT_ONCE = 3  # candidates of a caption in one answer of a language model


@dataclass(frozen=True)
class Pair:
    """A labelled paraphrase."""

    part: str
    caption: str
    candidate: str
    good: bool
    kind: str


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
    return [Pair(**json.loads(line)) for line in PAIRS.read_text("utf-8").splitlines()]


def measure(pairs: Sequence[Pair], encoder: Encoder | None) -> Measured:
    """Judge pairs; None: without comparing meanings."""
    kept = [check_all(pair.caption, [pair.candidate], encoder)[0].kept for pair in pairs]
    return Measured(pairs, kept)


def measure_speed(pairs: Sequence[Pair], encoder: Encoder | None) -> float:
    """Candidates judged in a second of one core, AT_ONCE of a caption at a time."""
    captions: dict[str, list[str]] = {}
    for pair in pairs:
        captions.setdefault(pair.caption, []).append(pair.candidate)
    began = time.process_time()
    for caption, candidates in captions.items():
        for start in range(0, len(candidates), AT_ONCE):
            check_all(caption, candidates[start : start + AT_ONCE], encoder)
    return len(pairs) / (time.process_time() - began)


def main() -> None:
    """Print the tables."""
    pairs = read_pairs()
    encoder = SentenceEncoder()
    encoder.encode(["loads the model"])
    with_encoder = _print_parts("with the sentence encoder", pairs, encoder)
    _print_parts("rules alone", pairs, None)
    _print_kinds(with_encoder)
    # an encoder of its own, which remembers no text
    fresh = SentenceEncoder()
    fresh.encode(["loads the model"])
    print(f"\nspeed: {measure_speed(pairs, fresh):,.0f} candidates a second of one core,")
    print(f"       {measure_speed(pairs, None):,.0f} with the rules alone")


def _print_parts(name: str, pairs: Sequence[Pair], encoder: Encoder | None) -> dict[str, Measured]:
    print(f"\n{name}\npart   pairs   good  precision  recall  bad kept  good lost")
    found = {}
    for part in PARTS:
        some = [pair for pair in pairs if pair.part == part]
        found[part] = told = measure(some, encoder)
        good = sum(pair.good for pair in some)
        print(
            f"{part:5} {len(some):6} {good:6} {told.precision:10.3f} {told.recall:7.3f} "
            f"{told.count(kept=True, good=False):9} {told.count(kept=False, good=True):10}"
        )
    return found


def _print_kinds(found: dict[str, Measured]) -> None:
    print(f"\njudged rightly, by kind\n{'kind':22} {'tune':>9} {'test':>9}")
    kinds = {part: told.by_kind() for part, told in found.items()}
    for key in sorted(kinds["tune"] | kinds["test"], key=lambda key: (not key[1], key[0])):
        kind, good = key
        cells = [_cell(kinds[part].get(key)) for part in PARTS]
        print(f"{'good' if good else 'bad':5}{kind:17} {cells[0]:>9} {cells[1]:>9}")


def _cell(counts: tuple[int, int] | None) -> str:
    return f"{counts[0]}/{counts[1]}" if counts else "-"


if __name__ == "__main__":
    main()
