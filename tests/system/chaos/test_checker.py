"""The checker finds each kind of loss in histories made by hand, and nothing in a good one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.system.chaos.checker import check
from tests.system.chaos.history import Attempt, Claim, Head, Holdings, Outcome, Revision
from tests.system.chaos.outbox import Version

NOTHING = Version(0, None)


def attempt(
    client_id: str, text: str | None, base: Version, outcome: Outcome = "saved",
    revision: int | None = None, author: str = "anna", slot: int = 0,
) -> Attempt:  # fmt: skip
    return Attempt(client_id, 1, slot, text, author, [base], outcome, revision)


def good_attempts() -> list[Attempt]:
    """Anna captions, Ben meets her in a conflict and goes on top, then takes it away."""
    return [
        attempt("a1", "a dog", NOTHING, revision=1),
        attempt("b1", "a cat", NOTHING, "replaced", author="ben"),
        attempt("b2", "a cat", Version(1, "a dog"), revision=2, author="ben"),
        attempt("a2", "a cow", Version(1, "a dog"), "dropped"),
        attempt("b3", None, Version(2, "a cat"), revision=3, author="ben"),
        attempt("a3", "a second caption", NOTHING, revision=1, slot=1),
    ]


REVISIONS = [
    Revision(1, 0, 1, "a dog", "anna", "a1"),
    Revision(1, 0, 2, "a cat", "ben", "b2"),
    Revision(1, 0, 3, None, "ben", "b3"),
    Revision(1, 1, 1, "a second caption", "anna", "a3"),
]
HEADS = [Head(1, 0, 3, None, "ben"), Head(1, 1, 1, "a second caption", "anna"), Head(2, 0, 0, None, None)]  # fmt: skip
ROWS = [("images/x.png", "a second caption")]
GOOD = Holdings(REVISIONS, HEADS, {1: "images/x.png", 2: "images/y.png"}, ROWS, ROWS, 1.2)


def without(client_id: str) -> list[Revision]:
    return [row for row in REVISIONS if row.client_id != client_id]


def problems(held: Holdings = GOOD, attempts: list[Attempt] | None = None) -> str:
    return "\n".join(check(good_attempts() if attempts is None else attempts, [], held))


def test_a_good_history_has_no_problem() -> None:
    assert problems() == ""


def test_a_confirmed_caption_that_is_not_there_is_found() -> None:
    said = problems(replace(GOOD, revisions=without("a3"), heads=HEADS[:1], stored=[], served=[]))
    assert "(a3) was confirmed, and is 0 times in the database" in said
    assert len(said.splitlines()) == 1


def test_a_caption_that_is_there_twice_is_found() -> None:
    again = Revision(1, 1, 2, "a second caption", "anna", "a3")
    heads = [HEADS[0], replace(HEADS[1], revision=2)]
    said = problems(replace(GOOD, revisions=[*REVISIONS, again], heads=heads))
    assert "(a3) was confirmed, and is 2 times in the database" in said


@pytest.mark.parametrize("outcome", ["open", "refused"])
def test_a_caption_that_nobody_could_save_is_found_whether_it_is_there_or_not(
    outcome: Outcome,
) -> None:
    attempts = good_attempts()
    attempts[5].outcome = outcome
    assert f"(a3) is {outcome} at the end, and 1 times" in problems(attempts=attempts)
    lost = [*good_attempts(), attempt("a9", "a hen", Version(3, None), outcome)]
    assert f"(a9) is {outcome} at the end, and 0 times" in problems(attempts=lost)


@pytest.mark.parametrize("outcome", ["dropped", "replaced", "same"])
def test_a_caption_that_was_given_up_and_saved_nevertheless_is_found(outcome: Outcome) -> None:
    attempts = good_attempts()
    attempts[2].outcome = outcome
    assert f"(b2) was {outcome} after a conflict, yet is revision 2" in problems(attempts=attempts)


@pytest.mark.parametrize(
    ("field", "value"),
    [("text", "a dig"), ("author", "eve"), ("slot", 2), ("image_id", 2), ("revision", 9)],
)
def test_a_caption_saved_otherwise_than_it_was_typed_is_found(field: str, value: object) -> None:
    attempts = good_attempts()
    setattr(attempts[0], field, value)
    assert f"(a1) has another {field} in the database" in problems(attempts=attempts)


def test_a_caption_that_nobody_typed_is_found() -> None:
    said = problems(attempts=[each for each in good_attempts() if each.client_id != "a3"])
    assert said == "image 1 slot 1 revision 1 (a3) was never typed"


@pytest.mark.parametrize("number", [2, 4])
def test_a_doubled_or_skipped_revision_is_found(number: int) -> None:
    rows = [REVISIONS[0], REVISIONS[1], replace(REVISIONS[2], revision=number), REVISIONS[3]]
    heads = [replace(HEADS[0], revision=number), HEADS[1]]
    attempts = good_attempts()
    attempts[4].revision = number
    said = problems(replace(GOOD, revisions=rows, heads=heads), attempts)
    assert f"image 1 slot 0 has the revisions [1, 2, {number}]" in said


def test_a_caption_that_overwrote_one_its_author_had_not_seen_is_found() -> None:
    attempts = good_attempts()
    attempts[2].bases = [Version(1, "what Ben saw")]
    said = problems(attempts=attempts)
    assert "image 1 slot 0 revision 2 stands on Version(revision=1, text='a dog')" in said


def test_a_caption_sent_on_top_of_two_revisions_is_found() -> None:
    attempts = good_attempts()
    attempts[2].bases.append(Version(2, "a cat"))
    assert "(b2) was sent on top of" in problems(attempts=attempts)


def test_a_caption_that_was_saved_without_being_sent_is_found() -> None:
    attempts = good_attempts()
    attempts[5].bases = []
    assert "image 1 slot 1 revision 1 stands on" in problems(attempts=attempts)


@pytest.mark.parametrize("change", [{"revision": 2}, {"text": "a cat"}, {"author": "anna"}])
def test_a_head_that_is_not_the_last_revision_is_found(change: dict[str, object]) -> None:
    head = replace(HEADS[0], **change)  # type: ignore[arg-type]
    rows = sorted([*ROWS, *([("images/x.png", head.text)] if head.text else [])])
    marked = frozenset({1} if head.text else ())
    held = replace(GOOD, heads=[head, HEADS[1]], stored=rows, served=rows, captioned=marked)
    said = problems(held)
    assert said.startswith("the head of image 1 slot 0 is (")
    assert len(said.splitlines()) == 1


def test_a_head_without_revisions_and_revisions_without_a_head_are_found() -> None:
    extra = [*HEADS, Head(2, 1, 1, None, "anna")]
    assert "the head of image 2 slot 1 is (1, None, 'anna'), the last revision None" in problems(
        replace(GOOD, heads=extra)
    )
    gone = replace(GOOD, heads=HEADS[:1], stored=[], served=[])
    assert "the head of image 1 slot 1 is None" in problems(gone)


def test_an_image_marked_otherwise_than_its_first_caption_says_is_found() -> None:
    assert problems(replace(GOOD, captioned=frozenset({1}))) == (
        "image 1 is marked as captioned, which its first caption denies"
    )
    head = Head(1, 0, 1, "a dog", "anna")
    held = replace(EMPTY, revisions=REVISIONS[:1], heads=[head])
    assert "image 1 is marked as uncaptioned, which" in problems(held, good_attempts()[:1])


@pytest.mark.parametrize("which", ["stored", "served"])
@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "lacks images/x.png 'a second caption'"),
        ([("images/y.png", "a second caption")], "has images/y.png 'a second caption'"),
        ([*ROWS, *ROWS], "has images/x.png 'a second caption', which is no caption of it"),
    ],
)
def test_an_index_csv_that_lacks_doubles_or_misplaces_a_caption_is_found(
    which: str, rows: list[tuple[str, str]], said: str
) -> None:
    held = replace(GOOD, **{which: rows})  # type: ignore[arg-type]
    assert said in problems(held)


def test_an_index_csv_that_comes_too_late_is_found() -> None:
    assert "index.csv was right 2.4 s after the last save" in problems(
        replace(GOOD, index_lag_s=2.4)
    )


def test_what_is_stuck_is_passed_on() -> None:
    assert problems(replace(GOOD, stuck=["job 7 is still running"])) == "job 7 is still running"


EMPTY = replace(GOOD, revisions=[], heads=[], stored=[], served=[])
ANNA = Claim(1, "anna", 9.5, 10.0, 15.0)


def test_an_image_served_to_two_people_at_once_is_found() -> None:
    ben = Claim(1, "ben", 13.5, 14.0, 19.0)
    assert check([], [ben, ANNA], EMPTY) == [
        "image 1 was served to ben 1.00 s before the claim of anna ended"
    ]


def test_an_image_served_again_after_its_claim_or_renewed_is_no_problem() -> None:
    renewed, other = Claim(1, "anna", 12.0, 12.0, 15.0), Claim(2, "ben", 11.0, 11.0, 14.0)
    claims = [ANNA, renewed, Claim(1, "ben", 15.0, 15.0, 19.0), other]
    assert check([], claims, EMPTY) == []


def test_a_claim_ends_with_a_caption_of_the_image_and_with_no_other() -> None:
    claims = [ANNA, Claim(1, "ben", 13.5, 14.0, 19.0)]
    for slot, moment, count in ((0, 11.0, 0), (0, 9.0, 1), (0, 14.5, 1), (1, 11.0, 1)):
        row = Revision(1, slot, 1, None, "eve", "e1", moment)
        held = replace(EMPTY, revisions=[row], heads=[Head(1, slot, 1, None, "eve")])
        attempts = [attempt("e1", None, NOTHING, revision=1, author="eve", slot=slot)]
        assert len(check(attempts, claims, held)) == count
