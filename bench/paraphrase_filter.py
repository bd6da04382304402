"""How well the filter tells good paraphrases from bad ones: `python -m bench.paraphrase_filter`.

--ablate: what each rule and each list of words is worth, by leaving it out.
--judge encoder|learned|llm|nli: what judges in its place, see `bench.paraphrase_judges`.
The pairs, and what is called good: `bench.paraphrase_pairs`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from bench.paraphrase_judges import JUDGES, measure_judge
from bench.paraphrase_pairs import PARTS, Measured, Pair, print_parts, read_pairs
from workers.paraphrase import words
from workers.paraphrase.filter import Verdict, check_all, rule_of
from workers.paraphrase.sentence_encoder import DIMENSIONS, Encoder, SentenceEncoder

AT_ONCE = 3  # candidates of a caption in one answer of a language model

# Lists of words, each with what stands in its place when it is left out.
_LISTS: dict[str, tuple[str, Any]] = {
    "word families": ("workers.paraphrase.words.families", dict),
    "which of them exclude": ("workers.paraphrase.difference._excluding", lambda *_: ()),
    "which of them say the same": (
        "workers.paraphrase.difference.synonyms_of",
        lambda _: frozenset(),
    ),
    "the synonym map": ("workers.paraphrase.difference._exchanges", dict),
    "words that say little": ("workers.paraphrase.words.SUPPORT", frozenset()),
    "irregular forms": ("workers.paraphrase.words._BASE", {}),
    "phrases that are a word": ("workers.paraphrase.words._PHRASES", []),
}


def measure(pairs: Sequence[Pair], encoder: Encoder | None) -> Measured:
    """Judge pairs; None: without comparing meanings."""
    return Measured(pairs, [verdict.kept for verdict in _judge(pairs, encoder)])


def _judge(pairs: Sequence[Pair], encoder: Encoder | None) -> list[Verdict]:
    return [check_all(pair.caption, [pair.candidate], encoder)[0] for pair in pairs]


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


class _Memory:
    """An encoder that remembers all texts: ablations judge the same ones again and again."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: dict[str, NDArray[np.float32]] = {}

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """As the encoder does."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known.update(zip(new, self._encoder.encode(new), strict=True))
        return np.array([self._known[text] for text in texts]).reshape(-1, DIMENSIONS)


def print_ablation(pairs: Sequence[Pair], encoder: Encoder) -> None:
    """What the filter is worth without one rule, or without one list of words."""
    memory = _Memory(encoder)
    verdicts = _judge(pairs, memory)
    whole = Measured(pairs, [verdict.kept for verdict in verdicts])
    print(
        "without                         precision and recall: "
        + ", ".join(PARTS)
        + "; pairs changed"
    )
    _print_without("nothing", whole, whole)
    for rule in sorted({rule_of(reason) for verdict in verdicts for reason in verdict.reasons}):
        kept = [all(rule_of(reason) == rule for reason in verdict.reasons) for verdict in verdicts]
        _print_without(f"rule: {rule}", Measured(pairs, kept), whole)
    for name, (target, nothing) in _LISTS.items():
        with _fresh_words(), patch(target, nothing):
            _print_without(f"list: {name}", measure(pairs, memory), whole)


@contextmanager
def _fresh_words() -> Iterator[None]:
    """What was read from the lists is forgotten, before and after."""
    caches = (words.stem, words.groups_of_stems, words._support_stems)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def _print_without(name: str, told: Measured, whole: Measured) -> None:
    cells = "".join(f"  {some.precision:.3f} {some.recall:.3f}" for some in map(told.of, PARTS))
    changed = [
        sum(a != b for a, b in zip(told.of(part).kept, whole.of(part).kept, strict=True))
        for part in PARTS
    ]
    print(f"{name:36}{cells}  {changed}")


def main() -> None:
    """Print the tables."""
    arguments = _parser().parse_args()
    pairs = read_pairs()
    if arguments.judge:
        told, speed = measure_judge(arguments.judge, pairs, arguments.model)
        print_parts(f"rules of form, then {arguments.judge}", told)
        print(f"\nspeed: {speed:,.0f} candidates a second of one core")
    elif arguments.ablate:
        print_ablation(pairs, SentenceEncoder())
    else:
        _print_filter(pairs)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ablate", action="store_true")
    parser.add_argument("--judge", choices=JUDGES)
    parser.add_argument("--model", type=Path, help="a folder, for the judges llm and nli")
    return parser


def _print_filter(pairs: Sequence[Pair]) -> None:
    encoder = SentenceEncoder()
    encoder.encode(["loads the model"])
    told = measure(pairs, encoder)
    print_parts("with the sentence encoder", told)
    print_parts("rules alone", measure(pairs, None))
    _print_kinds(told)
    # an encoder of its own, which remembers no text
    fresh = SentenceEncoder()
    fresh.encode(["loads the model"])
    print(f"\nspeed: {measure_speed(pairs, fresh):,.0f} candidates a second of one core,")
    print(f"       {measure_speed(pairs, None):,.0f} with the rules alone")


def _print_kinds(told: Measured) -> None:
    print("\njudged rightly, by kind\n" + f"{'kind':22}" + "".join(f"{part:>10}" for part in PARTS))
    kinds = {part: told.of(part).by_kind() for part in PARTS}
    for key in sorted(told.by_kind(), key=lambda key: (not key[1], key[0])):
        kind, good = key
        cells = "".join(f"{_cell(kinds[part].get(key)):>10}" for part in PARTS)
        print(f"{'good' if good else 'bad':5}{kind:17}{cells}")


def _cell(counts: tuple[int, int] | None) -> str:
    return f"{counts[0]}/{counts[1]}" if counts else "-"


if __name__ == "__main__":
    main()
