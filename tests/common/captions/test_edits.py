"""Bulk edits of captions: what becomes of one caption, and what no edit may do."""

from __future__ import annotations

import time
from typing import Any

import pytest

from common.captions import edits
from common.captions.edits import CaptionEdit, Editor
from common.errors import InvalidInput


def edited(caption: str | None, mode: Any = "replace", **options: Any) -> str | None:
    return Editor(CaptionEdit(mode=mode, **options), 3.0).apply(caption).text


def problem(caption: str | None, mode: Any = "replace", **options: Any) -> str:
    outcome = Editor(CaptionEdit(mode=mode, **options), 3.0).apply(caption)
    assert outcome.text == caption
    return outcome.problem


@pytest.mark.parametrize(
    ("caption", "find", "text", "after"),
    [
        ("a cat and a Cat", "cat", "dog", "a dog and a dog"),
        ("a category", "cat", "dog", "a category"),
        ("a cat's tail", "cat", "dog", "a dog's tail"),
        ("un été à l'été", "été", "hiver", "un hiver à l'hiver"),
        ("étés", "été", "hiver", "étés"),
        ("हिन्दी और हिन्द", "हिन्द", "X", "हिन्दी और X"),
        ("一只猫坐着", "猫", "狗", "一只狗坐着"),
        ("LED灯", "led", "neon", "neon灯"),
        ("Große STRASSE", "straße", "Weg", "Große Weg"),
        ("a c++ book, c++", "c++", "rust", "a rust book, rust"),
        ("a (red) car", "(red)", "[blue]", "a [blue] car"),
        ("50% off", "50%", r"\1", r"\1 off"),
        ("nothing here", "cat", "dog", "nothing here"),
        ("👨‍👩‍👧 at home", "👨‍👩‍👧", "family", "family at home"),
        ("קטן חתול", "חתול", "כלב", "קטן כלב"),
    ],
)
def test_plain_text_is_replaced_in_whole_words_of_any_script(
    caption: str, find: str, text: str, after: str
) -> None:
    assert edited(caption, find=find, text=text) == after


def test_a_decomposed_letter_is_found_like_a_composed_one() -> None:
    assert edited("un café", find="cafe\u0301", text="bar") == "un bar"


def test_parts_of_words_and_capitals_are_told_apart_when_asked_to() -> None:
    assert edited("a category", find="cat", text="dog", whole_words=False) == "a dogegory"
    assert edited("a cat, a Cat", find="Cat", text="Dog", match_case=True) == "a cat, a Dog"


@pytest.mark.parametrize(
    ("caption", "after"),
    [
        ("a very big dog", "a big dog"),
        ("very big", "big"),
        ("it is very", "it is"),
        ("very,x", ",x"),
    ],
)
def test_a_word_taken_out_leaves_no_double_space(caption: str, after: str) -> None:
    assert edited(caption, find="very") == after


def test_a_pattern_may_use_its_groups() -> None:
    swapped = edited("red car", find=r"(\w+) (?P<thing>\w+)", text=r"\g<thing>, \1", regex=True)
    assert swapped == "car, red"


def test_text_is_added_once_and_words_never_grow_together() -> None:
    assert edited("dog", "prepend", text="photo of a") == "photo of a dog"
    assert edited("photo of a dog", "prepend", text="photo of a") == "photo of a dog"
    assert edited("apple", "prepend", text="a") == "a apple"
    assert edited("dog", "prepend", text="sks, ") == "sks, dog"
    assert edited("dog", "append", text=", studio light") == "dog, studio light"
    assert edited("dog, studio light", "append", text=", studio light") == "dog, studio light"
    assert edited("dog", "append", text="outside") == "dog outside"
    assert edited("猫", "append", text="坐着") == "猫坐着"


def test_setting_and_clearing() -> None:
    assert edited(None, "set", text="  a\tcat ") == "a cat"
    assert edited("a dog", "set", text="a cat") == "a cat"
    assert edited("a dog", "clear") is None
    assert edited(None, "clear") is None
    assert edited(None, "append", text="x") is None


def test_what_would_be_no_caption_is_refused_and_the_caption_stays() -> None:
    assert problem("a cat", find="a cat") == "nothing would be left of it"
    assert "2000" in problem("a " * 999, "append", text="b" * 50)
    assert "2000" in problem("a" * 1000, find="a", text="abc", whole_words=False)
    assert "2000" in problem(
        "a" * 2000, find="(?=(.*))", text=r"\1" * 900, regex=True, whole_words=False
    )


@pytest.mark.parametrize(
    ("find", "position"), [("(a", 2), ("a)", 1), ("[a", 2), ("*a", 0), (r"\p{Nothing}", 11)]
)
def test_a_bad_pattern_says_what_is_wrong_and_where(find: str, position: int) -> None:
    with pytest.raises(InvalidInput) as raised:
        Editor(CaptionEdit("replace", find=find, regex=True), 3.0)
    assert raised.value.details == {"field": "find", "position": position}
    assert f"character {position + 1}" in raised.value.message
    assert raised.value.remedy


@pytest.mark.parametrize(
    ("mode", "options", "said"),
    [
        ("replace", {"find": ""}, "find: it is empty"),
        ("replace", {"find": "a" * 501}, "the limit is 500"),
        ("replace", {"find": "(" * 240 + ")" * 240 + "(" * 10, "regex": True}, "pattern"),
        ("prepend", {"text": " \t "}, "text: the caption is empty"),
        ("append", {"text": ""}, "text: the caption is empty"),
        ("set", {"text": "a" * 2001}, "2001 characters"),
        ("set", {"text": "\u200b"}, "text: the caption is empty"),
    ],
)
def test_an_edit_that_cannot_be_done_is_refused_at_once(
    mode: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        Editor(CaptionEdit(mode, **options), 3.0)


@pytest.mark.parametrize("text", [r"\2", r"\g<name>", "\\", r"\q"])
def test_a_replacement_that_names_no_group_is_refused(text: str) -> None:
    editor = Editor(CaptionEdit("replace", find="(a)", text=text, regex=True), 3.0)
    with pytest.raises(InvalidInput, match="cannot be put in"):
        editor.apply("a")


@pytest.mark.parametrize("find", ["(a|aa)+$", "(?:a?){500}a{500}", r"(\w+\s?)+\d$"])
def test_a_pattern_that_takes_for_ever_is_refused_soon(find: str) -> None:
    editor = Editor(CaptionEdit("replace", find=find, regex=True, whole_words=False), 3.0)
    began = time.process_time()
    with pytest.raises(InvalidInput, match="takes too long"):
        editor.apply("a" * 300 + "b" * 300 + "!")
    assert time.process_time() - began < 2


def test_while_the_machine_stands_still_nothing_of_the_budget_is_used_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = edits._replacement

    def after_a_rest(edit: CaptionEdit) -> Any:
        time.sleep(0.3)
        return real(edit)

    monkeypatch.setattr(edits, "_replacement", after_a_rest)
    editor = Editor(CaptionEdit("replace", find="a", text="b", regex=True), 0.2)
    assert [each.text for each in editor.apply_all(["a", "an a"])] == ["b", "an b"]


def test_all_captions_together_may_take_the_budget_and_no_more() -> None:
    editor = Editor(CaptionEdit("replace", find="a", text="b", regex=True), 0.0)
    with pytest.raises(InvalidInput, match="takes too long"):
        editor.apply("a")
