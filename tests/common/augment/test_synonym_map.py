"""What may stand in a synonym map, and how two maps are merged."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.augment.synonym_index import index_map
from common.augment.synonym_map import (
    MAX_PROBLEMS,
    Entries,
    check_map,
    merge_maps,
    parse_map,
    version_of,
    write_map,
)
from common.errors import InvalidInput
from tests.synonym_maps import load_synonym_map


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("{", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('["red"]', "a list, not an object"),
        ('"red"', "a str, not an object"),
        ("null", "a NoneType, not an object"),
        ('{"red": "crimson"}', "needs a list of synonyms"),
        ('{"red": [1]}', "needs a list of texts"),
        ('{"red": null}', "needs a list of synonyms"),
        ('{" ": ["crimson"]}', "a word is missing"),
        ('{"red": [" "]}', "empty synonym"),
        ('{"red": ["Red "]}', "its own synonym"),
        ('{"red": ["a", "A"]}', 'has the synonym "A" twice'),
        ('{"red": ["a"], "red": ["b"]}', "listed twice"),
        ('{"red": ["a"], "Red": ["b"]}', "listed twice"),
        ('{"red!": ["a"]}', "letters, digits"),
        (json.dumps({"red": ["x" * 101]}), "101 characters; the limit is 100"),
        (json.dumps({"x" * 101: ["red"]}), "101 characters long; the limit is 100"),
        ('{"red": ["a\\u0000"]}', "control or invisible character"),
        ('{"re\\u202ed": ["a"]}', "control or invisible character"),
        ('{"red": ["\\ud800"]}', "control or invisible character"),
        (json.dumps({"red": [f"r{n}" for n in range(51)]}), "51 synonyms; the limit is 50"),
        (json.dumps({f"w{n}": [] for n in range(20_001)}), "20,001 entries; the limit is 20,000"),
    ],
)
def test_a_broken_map_is_refused_with_what_is_wrong_in_it(
    written: str | bytes, problem: str
) -> None:
    with pytest.raises(InvalidInput, match=problem):
        parse_map(written)


def test_all_problems_are_listed_at_once_each_with_its_entry() -> None:
    with pytest.raises(InvalidInput, match="and 2 more") as caught:
        parse_map({"a": "b", "": [], "c": ["c"], "d": ["e"]})
    assert caught.value.details == {
        "problems": [
            {"entry": "a", "problem": "needs a list of synonyms"},
            {"entry": "", "problem": "is empty: a word is missing"},
            {"entry": "c", "problem": "is its own synonym"},
        ],
        "count": 3,
    }


def test_of_very_many_problems_the_first_are_listed_and_all_are_counted() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_map({f"word {n}": "x" for n in range(MAX_PROBLEMS + 500)})
    assert caught.value.details is not None
    assert caught.value.details["count"] == MAX_PROBLEMS + 500
    assert len(caught.value.details["problems"]) == MAX_PROBLEMS


def test_the_fine_entries_of_a_broken_map_come_with_its_problems() -> None:
    entries, problems = check_map({"big ": ["  very   large"], "red": 1})
    assert entries == {"big": ("very large",)}
    assert [problem.entry for problem in problems] == ["red"]


def test_a_cycle_is_no_problem() -> None:
    assert len(parse_map('{"big": ["large"], "large": ["huge"], "huge": ["big"]}')) == 3


def test_other_scripts_are_welcome_and_accents_are_one_letter_however_they_are_coded() -> None:
    entries = parse_map(
        {"猫": ["ねこ"], "кот": ["кошка"], "cafe\u0301": ["bistro"], "خانه‌ها": ["x"]}
    )
    assert list(entries) == ["猫", "кот", "café", "خانه‌ها"]


def test_a_map_survives_being_written_and_read() -> None:
    entries: Entries = {"big": ("large", "größer"), "猫": (), "don't": ('say "no"',)}
    assert parse_map(write_map(entries)) == entries
    assert parse_map(b"\xef\xbb\xbf" + write_map(entries)) == entries
    assert write_map({}) == b"{}\n"
    assert version_of(write_map(entries)) != version_of(write_map({}))


def test_entries_of_a_datasets_map_win_however_they_are_written() -> None:
    shared: Entries = {"big": ("large",), "Dog": ("hound",), "cat": ("kitty",)}
    assert merge_maps(shared, {"dog": (), "BIG": ("huge",), "bus": ("coach",)}) == {
        "cat": ("kitty",), "dog": (), "BIG": ("huge",), "bus": ("coach",),
    }  # fmt: skip


def test_the_largest_map_is_checked_and_indexed_within_seconds() -> None:
    largest = {f"word{n} and more": [f"term{n} {k}" for k in range(5)] for n in range(20_000)}
    began = time.process_time()
    index_map(parse_map(json.dumps(largest)))
    assert time.process_time() - began < 10


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=8,
    )
)
@settings(max_examples=200, deadline=None)
def test_no_json_makes_the_loader_fail_with_anything_but_invalid_input(value: Any) -> None:
    try:
        assert load_synonym_map(json.dumps(value)).entries is not None
    except InvalidInput as error:
        assert error.remedy  # noqa: PT017 - both outcomes are fine, another exception is not
