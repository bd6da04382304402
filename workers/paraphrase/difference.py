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
    return [word for word in facts.things if word.stem not in other.stems and not _has(other, word)]


def _has(facts: Facts, word: Word) -> bool:
    """Whether a text has a synonym or the negated form of a word."""
    if synonyms_of(word.stem) & facts.groups or plain_form(word.text, facts.stems):
        return True
    alone = frozenset({word.stem})
    return any(plain_form(there.text, alone) for there in facts.things)


def synonyms_of(stem: str) -> frozenset[tuple[str, int]]:
    """The groups in which the synonyms of a word stand."""
    groups = groups_of_stems().get(stem, ())
    return frozenset(group for group in groups if group[0] not in _NO_SYNONYMS)


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
    return [
        mark
        for (kind, mark), heads in caption.said.items()
        if (there := other.said.get((kind, mark)))
        and not heads & there
        and there & caption.thing_stems
        and heads & other.thing_stems
    ]


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


_OPPOSITE_PLACES = (("left", "right"), ("top", "bottom"), ("upper", "lower"), ("front", "back"))


def parted_pairs(caption: Facts, other: Facts) -> list[str]:
    """Opposite places that both texts name, each with the other's things: left open, right closed."""
    parted = []
    for one, two in _OPPOSITE_PLACES:
        ours = _company(caption, one), _company(caption, two)
        theirs = _company(other, one), _company(other, two)
        if not (all(ours) and all(theirs)):
            continue
        same, crossed = _overlaps(ours, theirs)
        if crossed > same:
            parted.append(f"{one} and {two}")
    return parted


def _company(facts: Facts, place: str) -> _Stems:
    """The stems of the things in the clauses in which a place is named."""
    return frozenset(
        word.stem
        for clause in facts.clauses
        if any(word.text == place for word in clause)
        for word in clause
        if word.is_thing
    )
