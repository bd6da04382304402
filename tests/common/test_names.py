"""Names of people: which may be chosen, and which look like another."""

from __future__ import annotations

import pytest

from common.errors import InvalidInput
from common.names import MAX_KEY, looks, name_key, require_choosable


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Alice", "alice"),
        ("Alice", "\u0410lice"),  # Cyrillic
        ("alice", "\uff41lice"),  # full width
        ("alice", "al\u0131ce"),  # without its dot
        ("Bern", "Bem"),
        ("Ian", "lan"),
        ("Olaf", "0laf"),
        ("straße", "STRASSE"),
        ("Zo\u00eb", "Zoe\u0308"),
        ("Ada Lovelace", "ada  lovelace"),
        ("ada", "ad\u200ba"),
    ],
)
def test_these_look_alike(one: str, other: str) -> None:
    assert looks(one) & looks(other)


@pytest.mark.parametrize(("one", "other"), [("Kai", "Kal"), ("ada", "adam"), ("Zoe", "Zoë")])
def test_these_do_not(one: str, other: str) -> None:
    assert not looks(one) & looks(other)


@pytest.mark.parametrize(
    "name",
    [
        "me", "Me", "m\u0435", "everyone", "Admin", "\u0430dmin", "admin 2", "r00t", "System",
        "ada\u3164", "a\u200bda", "ada\ufe0f", "a\u202eda", "ada\x00", "", "   ", "...", "ada  l",
        "ada\u00a0l", "\u0301ada", "x" * 81,
    ],
)  # fmt: skip
def test_nobody_is_called(name: str) -> None:
    with pytest.raises(InvalidInput):
        require_choosable(name)


@pytest.mark.parametrize(
    "name", ["ada", "Ada Lovelace", "O'Neil", "日本 太郎", "Zoë", "meg", "a/b"]
)
def test_everybody_else_is_called_as_they_like(name: str) -> None:
    assert require_choosable(f" {name} ") == name


def test_the_longest_names_have_keys_that_an_index_takes() -> None:
    assert len(name_key("\ufdfa" * 80)) == MAX_KEY
