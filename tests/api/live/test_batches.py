"""What tabs are told in batches."""

from __future__ import annotations

from typing import Any

import pytest

from api.live.batches import EVERY_S, LONGEST_S, MAX_CAPTIONS, Batches, Told


def job(seq: int, state: str = "running", job_id: str = "j1") -> Told:
    return Told("job", {"job_id": job_id, "state": state, "seq": seq})


def caption(image: int, revision: int = 1, slot: int = 0) -> Told:
    return Told("caption", {"image_id": image, "slot": slot, "revision": revision})


def seqs(events: list[Told]) -> list[Any]:
    return [(told.data["state"], told.data["seq"]) for told in events]


def test_after_a_silence_the_first_goes_at_once_and_what_follows_waits_together() -> None:
    batches = Batches(lambda _room: 1)
    batches.add("jobs", job(1), 100.0)
    [(room, first)] = batches.take(100.0)
    assert (room, seqs(first)) == ("jobs", [("running", 1)])
    for seq in range(2, 20):
        batches.add("jobs", job(seq), 100.1)
    assert batches.take(100.1) == []
    assert batches.wait_s(100.1) == pytest.approx(EVERY_S - 0.1)
    [(_, second)] = batches.take(100.0 + EVERY_S)
    assert seqs(second) == [("running", 19)]
    assert batches.take(100.0 + 3 * EVERY_S) == []
    assert batches.wait_s(200.0) is None
    batches.add("jobs", job(20), 200.0)
    assert len(batches.take(200.0)) == 1


def test_the_first_and_the_last_record_of_a_job_arrive_and_each_state() -> None:
    batches = Batches(lambda _room: 1)
    told = [job(1, "queued"), job(2), job(3), job(4), job(5, "stopping"), job(6, "stopped")]
    batches.add("jobs", job(0, job_id="other"), 0.0)
    batches.take(0.0)
    for each in told:
        batches.add("jobs", each, 0.1)
    [(_, events)] = batches.take(10.0)
    assert seqs(events) == [("queued", 1), ("running", 4), ("stopping", 5), ("stopped", 6)]


def test_the_more_tabs_look_on_the_rarer_they_are_told() -> None:
    for tabs, every_s in ((1, EVERY_S), (50, 1.0), (100_000, LONGEST_S)):
        batches = Batches(lambda _room, tabs=tabs: tabs)  # type: ignore[misc]
        batches.add("dataset:cats", caption(1), 0.0)
        batches.take(0.0)
        batches.add("dataset:cats", caption(2), 0.0)
        assert batches.wait_s(0.0) == every_s


def test_of_a_caption_the_newest_is_told_and_of_very_many_only_that_they_were() -> None:
    batches = Batches(lambda _room: 1)
    for told in (caption(1, 1), caption(2, 1), caption(1, 2), caption(1, 1, slot=1)):
        batches.add("dataset:cats", told, 0.0)
    [(_, events)] = batches.take(0.0)
    assert events == [caption(2, 1), caption(1, 2), caption(1, 1, slot=1)]
    for image in range(MAX_CAPTIONS + 10):
        batches.add("dataset:cats", caption(image), 1.0)
    batches.add("dataset:cats", Told("dataset", {"dataset_id": "cats"}), 1.0)
    [(_, events)] = batches.take(1.0)
    assert len(events) == 11
    assert Told("many_captions", {"dataset_id": "cats"}) in events


def test_a_batch_that_is_dear_to_make_is_made_less_often() -> None:
    batches = Batches(lambda _room: 1)
    for cost_s, next_s in ((0.001, EVERY_S), (0.01, 1.0), (5.0, LONGEST_S)):
        batches.add("dataset:cats", caption(1), 0.0)
        batches.take(0.0)
        batches.note_cost("dataset:cats", cost_s, 0.0)
        batches.add("dataset:cats", caption(2), 0.0)
        assert batches.wait_s(0.0) == pytest.approx(next_s)
        batches.take(100.0)
        batches.take(200.0)
