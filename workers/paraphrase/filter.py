"""Which paraphrases of a caption may stand beside it, and in plain words why others may not.

    verdict = check("two dogs in the snow", "a dog in the snow", SentenceEncoder())
    verdict.kept, verdict.reasons, verdict.score  # False, ("other numbers: none, not 2", ...), 0.84

A paraphrase must be a caption (not empty, no chatter, within CLIP's 77 tokens, not cut off, of about
the caption's length and in its language), say something new in words, state the same numbers,
colours, negations, places and roles, and be near in meaning. Words exchanged within English synonyms
that are known here pass; of others the encoder judges the words that differ.

Other languages: the word lists are English, so there only form, language, digits and the meaning of
the whole are checked, the last more strictly. Thresholds and lists were set on the tuning part of
tests/data/paraphrases.jsonl; `python -m bench.paraphrase_filter` measures both parts.

Not seen: roles exchanged without a verb's object or a preposition between them, and a word exchanged
for one that is near in meaning and in no list ("capacitor" and "resistor" are in one).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from common.captions.languages import may_be_english
from common.captions.text import normalise_caption
from common.errors import InvalidInput
from workers.paraphrase.answers_file import Written
from workers.paraphrase.difference import Difference, compare
from workers.paraphrase.facts import Facts
from workers.paraphrase.rules import (
    EMPTY,
    digit_reasons,
    fact_reasons,
    fold,
    form_reasons,
    thing_reasons,
)
from workers.paraphrase.sentence_encoder import Encoder

LEAST_ALIKE_WORDS = 0.57  # cosine of the words that only one of the two has
LEAST_ALIKE_OTHER = 0.82  # of caption and paraphrase in languages other than English
DUPLICATE = "a duplicate"
FAR = "far in meaning"

_BULLET = re.compile(r"^\s*(?:[-*•]|\(?\d{1,2}[.):])\s+")
_QUOTES = "\"'“”‘’„«»"


@dataclass(frozen=True)
class Verdict:
    """Whether a paraphrase may stand, why not, and how near in meaning it is.

    reasons: empty if kept; of each, the part before the first colon names the rule.
    score: cosine of the two texts' vectors, -1..1; 0 for an empty text.
    """

    kept: bool
    reasons: tuple[str, ...]
    score: float


def check(caption: str, candidate: str, encoder: Encoder | None) -> Verdict:
    """Judge one paraphrase of a caption, see `check_all`."""
    return check_all(caption, [candidate], encoder)[0]


def check_all(caption: str, candidates: Sequence[str], encoder: Encoder | None) -> list[Verdict]:
    """Judge paraphrases of a caption, each for itself; one batch for the encoder.

    Without an encoder meanings are not compared, and scores are 0. Never raises for any text.
    """
    facts = Facts(caption) if may_be_english(caption) else None
    read = [_read(caption, facts, text) for text in candidates]
    if encoder is None:
        return [Verdict(not reasons, tuple(reasons), 0.0) for reasons, _ in read]
    parts = [part for _, difference in read for part in _differing(difference)]
    vectors = encoder.encode([caption, *candidates, *parts])
    scores = vectors[1 : len(candidates) + 1] @ vectors[0]
    words = np.sum(vectors[len(candidates) + 1 :: 2] * vectors[len(candidates) + 2 :: 2], axis=1)
    return [
        _verdict(facts is not None, reasons, difference, float(score), float(alike))
        for (reasons, difference), score, alike in zip(read, scores, words, strict=True)
    ]


def _read(caption: str, facts: Facts | None, text: str) -> tuple[list[str], Difference]:
    """(the reasons that words give, the words that differ)."""
    reasons = form_reasons(caption, text)
    if EMPTY in reasons:
        return reasons, Difference()
    if facts is None or not may_be_english(text):
        return reasons + digit_reasons(caption, text), Difference()
    other = Facts(text)
    difference = compare(facts, other)
    return reasons + fact_reasons(facts, other) + thing_reasons(difference), difference


def _differing(difference: Difference) -> tuple[str, str]:
    """The words that only the caption has, and those that only the other text has."""
    lost = difference.lost or difference.minor_lost
    added = difference.added or difference.minor_added
    return " ".join(lost), " ".join(added)


def _verdict(
    is_english: bool, reasons: list[str], difference: Difference, score: float, alike: float
) -> Verdict:
    """alike: cosine of the words that differ."""
    if EMPTY in reasons:
        return Verdict(False, (EMPTY,), 0.0)
    ours, theirs = _differing(difference)
    if not is_english:
        if score < LEAST_ALIKE_OTHER:
            reasons = [*reasons, f"{FAR}: {score:.2f}"]
    elif (difference.lost or difference.added) and ours and theirs and alike < LEAST_ALIKE_WORDS:
        reasons = [*reasons, f"{FAR}: {theirs}, not {ours} ({alike:.2f})"]
    return Verdict(not reasons, tuple(reasons), score)


def sift(
    caption: str,
    candidates: Iterable[str],
    count: int,
    encoder: Encoder | None,
    kept: Sequence[str] = (),
) -> list[Written]:
    """Candidates with what speaks against them, in their order, until `count` are fit.

    kept: fit paraphrases from before; they count, and a candidate that repeats one is a duplicate.
    Candidates after the last that was needed are not judged.
    """
    judged: list[Written] = []
    seen, missing = {fold(text) for text in kept}, count - len(kept)
    texts = [tidy(candidate) for candidate in candidates]
    for text, verdict in zip(texts, check_all(caption, texts, encoder), strict=True):
        if missing <= 0:
            break
        reasons = verdict.reasons or ((DUPLICATE,) if fold(text) in seen else ())
        if not reasons:
            seen.add(fold(text))
            missing -= 1
        judged.append(Written(text, round(verdict.score, 4), reasons))
    return judged


def rule_of(reason: str) -> str:
    """The rule that a reason comes from: what stands before its first colon."""
    return reason.partition(":")[0]


def tidy(candidate: str) -> str:
    """One clean line without bullets and quotes around it; "" when nothing is left."""
    text = _BULLET.sub("", candidate.strip()).strip().strip(_QUOTES).strip()
    try:
        return normalise_caption(text)
    except InvalidInput:
        return ""
