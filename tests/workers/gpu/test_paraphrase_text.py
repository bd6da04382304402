from __future__ import annotations

import pytest

from workers.gpu.paraphrase_text import (
    estimate_tokens,
    keep_fit,
    make_messages,
    parse_answer,
    tidy,
    why_unfit,
)

CAPTION = "Two red circles on a blue table"
GOOD = "A blue table with two red circles"


def test_a_json_list_is_read_also_with_words_around_it() -> None:
    assert parse_answer('Sure! Here: ["one", "two"]. Enjoy') == ["one", "two"]


def test_bullets_numbers_and_quotes_are_taken_off() -> None:
    answer = '1. "Two red discs"\n- A pair of discs.\n\n(3) ‘Some discs’\n* 2 dogs'
    read = [tidy(text) for text in parse_answer(answer)]
    assert read == ["Two red discs", "A pair of discs.", "Some discs", "2 dogs"]


@pytest.mark.parametrize(
    "bad",
    [
        "two red circles on a blue table.",
        "Sure, here are two red circles on a blue table",
        "Here are two captions of red and blue:",
        "Three red circles on a blue table",
        "Red circles on a blue table",
        "2 or 3 red circles on a blue table",
        "Two green circles on a blue table",
        "Two red and blue umbrellas",
        "two red circles on a blue table " * 12,
        " ",
    ],
)
def test_what_cannot_stand_as_a_caption_is_left_out(bad: str) -> None:
    assert keep_fit(CAPTION, [bad, GOOD, GOOD.upper()], 3) == [GOOD]


def test_numbers_may_be_said_in_digits_or_words_and_one_is_like_a() -> None:
    assert keep_fit(CAPTION, ["2 circles, red, on a blue table"], 3)
    assert keep_fit(CAPTION, ["A pair of red circles on a blue table"], 3)
    assert keep_fit("a dog", ["one dog that sits"], 3)


def test_no_more_are_kept_than_were_asked_for() -> None:
    candidates = [f"two red circles, blue table, {word}" for word in ("seen", "near", "far")]
    assert keep_fit(CAPTION, candidates, 2) == candidates[:2]


def test_the_question_holds_the_caption_and_the_number() -> None:
    said = make_messages('A "big" dog', 3)[-1]["content"]
    assert '"A \\"big\\" dog"' in said
    assert "Write 3 different" in said


def test_a_text_longer_than_clip_reads_is_unfit() -> None:
    caption = "a dog " * 30
    longer = caption + "and a cat " * 10
    assert estimate_tokens(longer) > 77
    assert why_unfit(caption, longer) == "over 77 tokens"
