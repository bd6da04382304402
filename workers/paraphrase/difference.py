"""What two English captions say differently: words left out, added or exchanged, things swapped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from common.augment.synonym_files import default_map
from common.augment.synonym_map import check_map
from workers.paraphrase.facts import Facts, Relation
from workers.paraphrase.vocabulary import word_set
from workers.paraphrase.words import Word, groups_of_stems, plain_form, read_words

_SHARED_PREFIX = 4  # letters, and 3 of 5: "inscribed" and "inscription", "snow" and "snowy"
_NO_SYNONYMS = frozenset({"gendered"})  # families whose groups say only who excludes whom
_LIVING = word_set("person animal gendered job kin agegroup")

_Stems = frozenset[str]


@dataclass(frozen=True)
class Difference:
    """Words for things that only one of two captions has.

    lost, added: of the caption and of the other text. minor_lost, minor_added: those that say little.
    excluding: pairs (of the caption, of the other text) that cannot both be true.
    """

    lost: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    minor_lost: tuple[str, ...] = ()
    minor_added: tuple[str, ...] = ()
    excluding: tuple[tuple[str, str], ...] = ()


def compare(caption: Facts, other: Facts) -> Difference:
    """The words that find no counterpart: the same word, another form of it, or a synonym."""
    lost, added = _unmatched(caption, other), _unmatched(other, caption)
    if lost and added:
        lost, added = _without_synonyms(caption, other, lost, added)
    return Difference(
        lost=_texts(lost, support=False),
        added=_texts(added, support=False),
        minor_lost=_texts(lost, support=True),
        minor_added=_texts(added, support=True),
        excluding=tuple(_excluding(caption, lost, added)),
    )


def _texts(words: Iterable[Word], *, support: bool) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.text for word in words if word.is_support == support))


def _unmatched(facts: Facts, other: Facts) -> list[Word]:
    """The things that the other text has under no name that is known here."""
    joined = {one.joined(two) for one, two in _neighbours(other)}
    parts = {
        word.stem
        for pair in _neighbours(facts)
        if pair[0].joined(pair[1]) in other.thing_stems
        for word in pair
    }
    found = other.stems | joined | parts
    return [word for word in facts.things if word.stem not in found and not _has(other, word)]


def _neighbours(facts: Facts) -> Iterable[tuple[Word, Word]]:
    return zip(facts.words, facts.words[1:], strict=False)


def _has(facts: Facts, word: Word) -> bool:
    """Whether a text has a synonym, a derived form or the negated form of a word."""
    if synonyms_of(word.stem) & facts.groups or plain_form(word.text, facts.stems):
        return True
    alone = frozenset({word.stem})
    return any(
        _are_related(word.stem, there.stem) or plain_form(there.text, alone)
        for there in facts.things
    )


def synonyms_of(stem: str) -> frozenset[tuple[str, int]]:
    """The groups in which the synonyms of a word stand."""
    groups = groups_of_stems().get(stem, ())
    return frozenset(group for group in groups if group[0] not in _NO_SYNONYMS)


def _are_related(one: str, two: str) -> bool:
    """Whether one is made from the other: "carve" and "carving", "photo" and "photograph"."""
    shared = 0
    for a, b in zip(one, two, strict=False):
        if a != b:
            break
        shared += 1
    return shared >= _SHARED_PREFIX and shared * 5 >= max(len(one), len(two)) * 3


def _excluding(
    caption: Facts, lost: Sequence[Word], added: Sequence[Word]
) -> Iterable[tuple[str, str]]:
    living = any(family in _LIVING for family, _ in caption.groups)
    for ours in lost:
        for theirs in added:
            shared = {family for family, _ in ours.groups} & {family for family, _ in theirs.groups}
            if not living:
                shared -= {"posture"}  # a vase that stands on a table also sits there
            if shared:
                yield ours.text, theirs.text


def _without_synonyms(
    caption: Facts, other: Facts, lost: list[Word], added: list[Word]
) -> tuple[list[Word], list[Word]]:
    """Without the words that the project's own synonym map exchanges for each other."""
    for ours in [word.stem for word in lost]:
        for one, two in _exchanges().get(ours, ()):
            if one <= caption.stems and two <= other.stems:
                lost = [word for word in lost if word.stem not in one]
                added = [word for word in added if word.stem not in two]
    return lost, added


@lru_cache(maxsize=1)
def _exchanges() -> dict[str, list[tuple[_Stems, _Stems]]]:
    """{stem: the pairs (stems of a phrase with it, stems of a synonym)} of the project's map."""
    entries, _ = check_map(default_map())
    found: dict[str, list[tuple[_Stems, _Stems]]] = {}
    for word, synonyms in entries.items():
        for synonym in synonyms:
            one, two = _stems_of(word), _stems_of(synonym)
            for first, second in ((one, two), (two, one)):
                for each in first:
                    found.setdefault(each, []).append((first, second))
    return found


def _stems_of(phrase: str) -> _Stems:
    return frozenset(word.stem for word in read_words(phrase) if word.is_thing)


def moved_marks(caption: Facts, other: Facts) -> list[str]:
    """What is said of another thing than before: "red circle, blue square" and "blue circle"."""
    moved = [
        mark
        for (kind, mark), heads in caption.said.items()
        if (there := other.said.get((kind, mark)))
        and heads
        and not _share_things(heads, there)
        and there & caption.thing_stems
        and heads & other.thing_stems
    ]
    return moved or _remarked(caption, other)


def _remarked(caption: Facts, other: Facts) -> list[str]:
    """What is said of a thing of which the other text says another of its kind."""
    ours, theirs = _by_thing(caption), _by_thing(other)
    return [
        mark
        for key, marks in ours.items()
        if key in theirs and not marks & theirs[key]
        for mark in sorted(marks)
        if key[0] in ("colour", "number") and (key[0], mark) in other.said
    ]


def _by_thing(facts: Facts) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for (kind, mark), heads in facts.said.items():
        for head in heads:
            found.setdefault((kind, head), set()).add(mark)
    return found


def _share_things(one: _Stems, two: _Stems) -> bool:
    if one & two or any(_are_related(a, b) for a in one for b in two):
        return True
    groups = [frozenset().union(*map(synonyms_of, stems)) for stems in (one, two)]
    return bool(groups[0] & groups[1])


def swapped_sides(caption: Facts, other: Facts) -> list[str]:
    """Axes and prepositions whose two things have changed sides: "on", "height", "side"."""
    swapped = []
    for ours in caption.relations:
        rivals = [theirs for theirs in other.relations if theirs.axis == ours.axis != "near"]
        if rivals and all(contradict(ours, theirs) for theirs in rivals):
            swapped.append(ours.axis)
    return swapped


def contradict(ours: Relation, theirs: Relation) -> bool:
    """Whether only one of sign and order is turned round: "a above b" and "b above a", "a below b"."""
    same, crossed = _overlaps((ours.left, ours.right), (theirs.left, theirs.right))
    if ours.sign == theirs.sign:
        return crossed == 2 and crossed >= same
    return same > crossed or same == crossed > 0


def _overlaps(ours: tuple[_Stems, _Stems], theirs: tuple[_Stems, _Stems]) -> tuple[int, int]:
    """(how many of two sides have something in common, and how many crosswise)."""
    left, right = ours[0] - ours[1], ours[1] - ours[0]
    their_left, their_right = theirs[0] - theirs[1], theirs[1] - theirs[0]
    same = bool(left & their_left) + bool(right & their_right)
    crossed = bool(left & their_right) + bool(right & their_left)
    return same, crossed


def swapped_roles(caption: Facts, other: Facts) -> list[str]:
    """Verbs whose doer and done-to have changed places: a dog chases a cat, a cat chases a dog."""
    swapped = []
    for verb in caption.verbs & other.thing_stems:
        ours, theirs = caption.roles(verb), other.roles(verb)
        if ours and theirs:
            same, crossed = _overlaps(ours, theirs)
            if crossed > same:
                swapped.append(verb)
    return swapped


_OPPOSITE_STATES = (
    ("left", "right"), ("top", "bottom"), ("front", "back"), ("upper", "lower"),
    ("open", "closed"), ("full", "empty"), ("wet", "dry"), ("old", "young"), ("old", "new"),
    ("large", "small"), ("long", "short"), ("broken", "intact"), ("hot", "cold"),
)  # fmt: skip


def parted_pairs(caption: Facts, other: Facts) -> list[str]:
    """Opposites that both texts have, said of each other's things: left open, right closed."""
    parted = []
    for pair in _OPPOSITE_STATES:
        wanted = [_read_word(word) for word in pair]
        if not all(_names(facts, word) for word in wanted for facts in (caption, other)):
            continue
        ours = [_company(caption, word) for word in wanted]
        theirs = [_company(other, word) for word in wanted]
        shared = ours[0] & ours[1]
        same = len((ours[0] & theirs[0]) - shared) + len((ours[1] & theirs[1]) - shared)
        crossed = len((ours[0] & theirs[1]) - shared) + len((ours[1] & theirs[0]) - shared)
        if crossed > same:
            parted.append(" and ".join(pair))
    return parted


@lru_cache(maxsize=64)
def _read_word(word: str) -> Word:
    return read_words(word)[0]


def _names(facts: Facts, wanted: Word) -> bool:
    return wanted.stem in facts.stems or bool(wanted.groups & facts.groups)


def _company(facts: Facts, wanted: Word) -> set[str]:
    """The stems in the clauses in which a word, or a synonym of it, stands."""
    return {
        other.stem
        for clause in facts.clauses
        if any(_means(found, wanted) for found in clause)
        for other in clause
        if not _means(other, wanted) and (other.is_thing or other.text in ("left", "right"))
    }


def _means(found: Word, wanted: Word) -> bool:
    return found.text == wanted.text or bool(found.groups & wanted.groups)
