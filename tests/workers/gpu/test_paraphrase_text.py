from __future__ import annotations

import pytest

from workers.gpu.paraphrase_text import ask, keep_good, read_answer

CAPTION = "Two red circles on a blue table"


def test_bullets_numbers_and_quotes_are_taken_off() -> None:
    answer = '1. "Two red discs"\n- A pair of discs.\n\n(3) ‘Some discs’\n* 2 dogs'
    assert read_answer(answer) == ["Two red discs", "A pair of discs.", "Some discs", "2 dogs"]


@pytest.mark.parametrize(
    "bad",
    [
        "two red circles on a blue table.",
        "Sure, here are two other ways",
        "Here are two captions:",
        "Three red circles on a blue table",
        "Red circles on a blue table",
        "2 or 3 red circles on a table",
        "two " * 60,
        " ",
    ],
)
def test_what_cannot_stand_as_a_caption_is_left_out(bad: str) -> None:
    good = "A blue table with two red circles"
    assert keep_good(CAPTION, [bad, good, good.upper()], 3) == [good]


def test_numbers_may_be_said_in_digits_or_words_and_one_is_like_a() -> None:
    assert keep_good(CAPTION, ["2 circles, red, on a blue table"], 3)
    assert keep_good("a dog", ["one dog that sits"], 3)


def test_no_more_are_kept_than_were_asked_for() -> None:
    candidates = [f"two red circles, table {word}" for word in ("blue", "azure", "navy", "sky")]
    assert keep_good(CAPTION, candidates, 2) == candidates[:2]


def test_the_question_holds_the_caption_and_the_number() -> None:
    said = ask(CAPTION, 3)[-1]["content"]
    assert CAPTION in said
    assert "3 other ways" in said
