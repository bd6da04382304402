"""The outbox of the tests keeps the rules of the browser's."""

from __future__ import annotations

from pathlib import Path

from tests.system.chaos import outbox
from tests.system.chaos.outbox import Entry, Version


def entry(client_id: str, image_id: int = 1, slot: int = 0, after: str | None = None) -> Entry:
    return Entry(client_id, image_id, slot, f"text of {client_id}", 0, None, after)


def test_the_oldest_of_each_caption_is_sent_and_none_behind_a_conflict() -> None:
    entries = [entry("a"), entry("b"), entry("c", slot=1), entry("d", image_id=2)]
    assert [each.client_id for each in outbox.sendable(entries)] == ["a", "c", "d"]
    met = outbox.after_conflict(entries, "a", Version(3, "other"))
    assert [each.client_id for each in outbox.sendable(met)] == ["c", "d"]


def test_what_was_typed_on_top_of_a_saved_entry_builds_on_it() -> None:
    entries = [entry("a"), entry("b", after="a"), entry("c", slot=1), entry("d")]
    later, other, own_base = outbox.after_saved(entries, "a", 4)
    assert (later.client_id, later.base_revision, later.base_text) == ("b", 4, "text of a")
    assert other.base_revision == own_base.base_revision == 0


def test_own_text_goes_on_top_of_the_other_under_a_new_id_and_takes_the_later_ones_along() -> None:
    entries = [entry("a"), entry("b", after="a")]
    again, later = outbox.on_top(outbox.after_conflict(entries, "a", Version(3, "other")), "a", "z")
    assert (again.client_id, again.text, again.current) == ("z", "text of a", None)
    assert (again.base_revision, again.base_text) == (3, "other")
    assert later.after == "z"


def test_a_tab_that_is_opened_again_finds_its_entries(tmp_path: Path) -> None:
    entries = [entry("a"), *outbox.after_conflict([entry("b", 2)], "b", Version(1, None))]
    outbox.store_entries(tmp_path / "entries.json", entries)
    assert outbox.load_entries(tmp_path / "entries.json") == entries
    assert outbox.load_entries(tmp_path / "nothing.json") == []
