"""The rules for a caption's text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas._libs.parsers import STR_NA_VALUES

from common.captions.text import (
    MAX_CAPTION_CHARS,
    PANDAS_MISSING,
    normalise_caption,
    protect_caption,
    restore_caption,
)
from common.errors import InvalidInput


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  a red circle ", "a red circle"),
        ("two\tdogs\r\nrun", "two dogs run"),
        ("a\x00b\x1bc", "a b c"),
        ("line\u2028separator", "line separator"),
        ("cafe\u0301", "caf\u00e9"),
        ("\ufeffmarked", "marked"),
        ("كلب أحمر", "كلب أحمر"),
        ("a family 👨‍👩‍👧 at sea", "a family 👨‍👩‍👧 at sea"),
        ("half \ud83d pair", "half pair"),
        ("two  spaces stay", "two  spaces stay"),
    ],
)
def test_a_caption_becomes_one_clean_line(typed: str, kept: str) -> None:
    assert normalise_caption(typed) == kept


@pytest.mark.parametrize("typed", ["", "   ", "\t\n", "\u200b", "\u200f\u200e", "\ufeff", "\x00"])
def test_a_caption_with_nothing_to_see_is_refused(typed: str) -> None:
    with pytest.raises(InvalidInput, match="empty"):
        normalise_caption(typed)


def test_a_caption_that_is_too_long_is_refused_with_both_figures() -> None:
    with pytest.raises(InvalidInput, match="caption is 10000 characters; the limit is 2000"):
        normalise_caption("x" * 10_000)
    assert len(normalise_caption("x" * MAX_CAPTION_CHARS)) == MAX_CAPTION_CHARS


@given(st.text(st.characters()))
def test_normalising_twice_changes_nothing_and_leaves_no_control_characters(text: str) -> None:
    try:
        caption = normalise_caption(text)
    except InvalidInput:
        return
    assert normalise_caption(caption) == caption
    assert not [char for char in caption if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")]


def test_the_words_that_pandas_takes_for_missing_are_those_of_the_installed_pandas() -> None:
    assert frozenset(STR_NA_VALUES) - {""} == PANDAS_MISSING


@pytest.mark.parametrize("caption", ["NA", "null", "007", "1.50", "True", "inf", "a red circle"])
def test_a_protected_caption_is_restored(caption: str) -> None:
    assert restore_caption(protect_caption(caption)) == caption


def test_an_ordinary_caption_is_written_as_it_is() -> None:
    assert protect_caption("NA is short for not available") == "NA is short for not available"
