from __future__ import annotations

from workers.gpu.llm.prompts import make_messages, parse_answer
from workers.paraphrase.filter import tidy


def test_a_json_list_is_read_also_with_words_around_it() -> None:
    assert parse_answer('Sure! Here: ["one", "two"]. Enjoy') == ["one", "two"]


def test_without_a_list_each_line_is_a_text_and_bullets_and_quotes_are_taken_off() -> None:
    answer = '1. "Two red discs"\n- A pair of discs.\n\n(3) ‘Some discs’\n* 2 dogs'
    read = [tidy(text) for text in parse_answer(answer)]
    assert read == ["Two red discs", "A pair of discs.", "Some discs", "2 dogs"]


def test_the_question_holds_the_caption_and_the_number() -> None:
    said = make_messages('A "big" dog', 3)[-1]["content"]
    assert '"A \\"big\\" dog"' in said
    assert "Write 3 different" in said
