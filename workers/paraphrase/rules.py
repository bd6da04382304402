"""The rules that a paraphrase must pass besides being near in meaning, each with its reason.

A reason is plain words; what stands before its first colon says which rule it is, so that reasons can
be counted: "other numbers: 3, not 2".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from common.captions.clip_tokens import CONTEXT_TOKENS, count_tokens
from common.captions.languages import same_language
from workers.paraphrase.difference import (
    Difference,
    contradict,
    moved_marks,
    parted_pairs,
    swapped_roles,
    swapped_sides,
)
from workers.paraphrase.facts import Facts
from workers.paraphrase.vocabulary import SIDES, word_set

EMPTY = "empty"
LONGEST, LONGEST_MORE = 2, 5  # at most 2 x the caption's words + 5
SHORTEST = 2  # at least a half of the caption's words, less one

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_DIGITS = re.compile(r"\d+")
_CHATTER = re.compile(
    r"^(?:sure|certainly|of course|okay|here (?:is|are)|here's|note\b|i |i'|as an ai|hier (?:ist|sind)|"
    r"voici)|\b(?:paraphras\w*|language model|(?:original|this|the|short|following|new) caption|i hope"
    r"|caption (?:says|describes|talks))\b"
    r"|^\W*(?:caption|answer|output|variant|variation|version|sentence|json)\b\s*\d*\s*:"
    r"|\bjson\b|[{}\[\]<>`|]|https?://|\bthis is a sentence\b",
    re.IGNORECASE,
)
_OPEN_ENDS = word_set("a an the of and or with by to for from at his her its their is are while")
_PLACE_NAMES = {
    "side": "left or right", "order": "left to right", "height": "above or below",
    "depth": "in front or behind", "end": "top or bottom", "out": "outside", "way": "up or down",
    "near": "beside",
}  # fmt: skip
_INVERTIBLE = frozenset({"side", "height", "depth"})
_MAY_BE_LEFT_OUT = frozenset({"way", "end"})  # only their exchange counts: "at the top left"
_NEARER = frozenset({"on", "in", "into"}) | SIDES.keys()


def fold(text: str) -> str:
    """Texts that differ only in case and punctuation are one."""
    return " ".join(_WORD.findall(text.lower())) or text


def form_reasons(caption: str, text: str) -> list[str]:
    """What is wrong with a text as a caption, in any language."""
    if not any(character.isalnum() for character in text):
        return [EMPTY]
    reasons = []
    if fold(text) == fold(caption):
        reasons.append("the same as the caption")
    if _CHATTER.search(text) and not _CHATTER.search(caption):
        reasons.append("chatter around a caption")
    tokens = count_tokens(text)
    if tokens > CONTEXT_TOKENS and tokens > count_tokens(caption):
        reasons.append(f"too long for CLIP: {tokens} tokens of {CONTEXT_TOKENS}")
    if not same_language(caption, text):
        reasons.append("another language")
    return reasons + _length_reasons(_WORD.findall(caption.lower()), _WORD.findall(text.lower()))


def _length_reasons(ours: list[str], theirs: list[str]) -> list[str]:
    reasons = []
    is_start = len(theirs) < len(ours) and theirs == ours[: len(theirs)]
    if is_start or (theirs[-1:] and theirs[-1] in _OPEN_ENDS and ours[-1:] != theirs[-1:]):
        reasons.append("cut off")
    if len(theirs) > LONGEST * len(ours) + LONGEST_MORE:
        reasons.append("much longer than the caption")
    if len(theirs) * SHORTEST < len(ours) - 1:
        reasons.append("much shorter than the caption")
    return reasons


def digit_reasons(caption: str, text: str) -> list[str]:
    """Other numbers, where only digits can be read: in languages other than English."""
    ours, theirs = Counter(_DIGITS.findall(caption)), Counter(_DIGITS.findall(text))
    return [_instead("other numbers", theirs, ours)] if ours and theirs and ours != theirs else []


def fact_reasons(caption: Facts, text: Facts) -> list[str]:
    """What an English text states otherwise than an English caption."""
    reasons = [*_count_reasons(caption, text)]
    if caption.colours != text.colours:
        reasons.append(_instead("other colours", text.colours, caption.colours))
    if caption.negations(text) != text.negations(caption):
        reasons.append("denied otherwise")
    for axis in sorted(_places(caption, text)):
        reasons.append(f"another place: {_PLACE_NAMES[axis]}")
    reasons += [f"said of another thing: {_name(mark)}" for mark in moved_marks(caption, text)[:1]]
    if swapped_sides(caption, text) or parted_pairs(caption, text):
        reasons.append("two things are exchanged")
    if swapped_roles(caption, text):
        reasons.append("who does it is exchanged")
    return reasons


def _name(mark: str) -> str:
    return mark.rsplit(" ", 1)[0] if mark[-1:].isdigit() and " " in mark else mark


def _instead(rule: str, there: Iterable[str], here: Iterable[str]) -> str:
    names = [" and ".join(sorted(set(each))) or "none" for each in (there, here)]
    return f"{rule}: {names[0]}, not {names[1]}" if names[0] != names[1] else rule


def _count_reasons(caption: Facts, text: Facts) -> Iterable[str]:
    if caption.numbers != text.numbers:
        yield _instead("other numbers", text.numbers, caption.numbers)
    for one, two in ((caption, text), (text, caption)):
        if (one.singular & two.plural) - two.singular - one.plural:
            yield "one and several"
    if _bare_counts_differ(caption, text):
        yield "one and several"


def _bare_counts_differ(caption: Facts, text: Facts) -> bool:
    """ "dog" and "dogs", where no article tells."""
    if max(len(caption.words), len(text.words)) > 2:
        return False
    plural = {word.stem: word.is_plural for word in caption.things}
    return any(plural.get(word.stem, word.is_plural) != word.is_plural for word in text.things)


def _places(caption: Facts, text: Facts) -> set[str]:
    """The axes on which a place is another, or named by one of the two only."""
    other = {axis for axis in _PLACE_NAMES if _is_other_place(axis, caption, text)}
    if _left_alone(caption, text) or _left_alone(text, caption):
        other.add("near")
    return other


def _is_other_place(axis: str, caption: Facts, text: Facts) -> bool:
    ours = {sign for name, sign in caption.sides if name == axis}
    theirs = {sign for name, sign in text.sides if name == axis}
    if ours == theirs or axis == "near":
        return False
    if ours and theirs:
        return not (axis in _INVERTIBLE and _is_inverted(axis, caption, text))
    if axis in _MAY_BE_LEFT_OUT or (axis == "height" and ours | theirs == {1}):
        return False  # "over a river" is "across a river"
    in_front = ("depth", 1) in caption.sides | text.sides
    outside = ("out", 1) in caption.sides | text.sides
    return not (axis in ("depth", "out") and in_front and outside)


def _is_inverted(axis: str, caption: Facts, text: Facts) -> bool:
    """Whether "a left of b" has become "b right of a"."""
    return any(
        ours.axis == theirs.axis == axis
        and ours.sign != theirs.sign
        and not contradict(ours, theirs)
        for ours in caption.relations
        for theirs in text.relations
    )


def _left_alone(one: Facts, other: Facts) -> bool:
    """Whether what is beside something in one text is on it, under it ... in the other."""
    if ("near", 0) not in one.sides or ("near", 0) in other.sides:
        return False
    new = {word.text for word in other.words} - {word.text for word in one.words}
    return bool(new & _NEARER)


def thing_reasons(difference: Difference) -> list[str]:
    """What is left out, added, or cannot be true together."""
    lost, added = difference.lost, difference.added
    if difference.excluding:
        ours, theirs = difference.excluding[0]
        return [f"another thing: {theirs}, not {ours}"]
    if lost and (not (added or difference.minor_added) or len(lost) > len(added) + 2):
        return [f"left out: {', '.join(lost)}"]
    if added and (not (lost or difference.minor_lost) or len(added) > len(lost) + 2):
        return [f"added: {', '.join(added)}"]
    return []
