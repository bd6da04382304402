"""Begin and end of waiting jobs: the queues are played through."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.jobs.forecast import Ahead, Line, Times, forecast
from tests.api.jobs.old_forecast import forecast_plainly


def test_with_one_worker_jobs_follow_each_other() -> None:
    line = Line(1, [Ahead("r", 10)], [Ahead("a", 5), Ahead("b", 7)])
    assert forecast({"gpu": line}) == {
        "r": Times(0, 10), "a": Times(10, 15), "b": Times(15, 22),
    }  # fmt: skip


def test_with_two_workers_the_next_job_takes_the_place_that_is_free_first() -> None:
    line = Line(2, [Ahead("r", 10)], [Ahead("a", 30), Ahead("b", 5), Ahead("c", 1)])
    times = forecast({"gpu": line})
    assert (times["a"], times["b"], times["c"]) == (Times(0, 30), Times(10, 15), Times(15, 16))


def test_behind_a_job_of_unknown_length_nothing_is_known() -> None:
    line = Line(1, [], [Ahead("a", 5), Ahead("b", None), Ahead("c", 1)])
    times = forecast({"gpu": line})
    assert (times["a"], times["b"], times["c"]) == (Times(0, 5), Times(5, None), Times())


def test_a_running_job_of_unknown_length_hides_what_follows_on_its_worker_only() -> None:
    waiting = [Ahead("a", 5), Ahead("b", 5)]
    assert forecast({"gpu": Line(1, [Ahead("r", None)], waiting)})["a"] == Times()
    times = forecast({"gpu": Line(2, [Ahead("r", None)], waiting)})
    assert (times["a"], times["b"]) == (Times(0, 5), Times(5, 10))


def test_a_paused_queue_or_one_without_workers_promises_nothing() -> None:
    line = Line(1, [Ahead("r", 3)], [Ahead("a", 5)], is_paused=True)
    assert forecast({"gpu": line}) == {"r": Times(0, 3), "a": Times()}
    assert forecast({"gpu": Line(0, [], [Ahead("a", 5)])}) == {"a": Times()}


def test_a_job_that_waits_for_another_one_is_passed_over_until_that_has_ended() -> None:
    gpu = Line(1, [], [Ahead("train", 10, after="augment"), Ahead("other", 4), Ahead("late", 2)])
    cpu = Line(1, [Ahead("busy", 2)], [Ahead("augment", 3)])
    times = forecast({"gpu": gpu, "cpu": cpu})
    assert times["augment"] == Times(2, 5)
    assert times["other"] == Times(0, 4)
    assert times["late"] == Times(4, 6)
    assert times["train"] == Times(6, 16)


def test_a_chain_across_queues_is_followed_to_its_end() -> None:
    gpu = Line(1, [], [Ahead("train", 10, after="split"), Ahead("index", 5, after="train")])
    cpu = Line(1, [], [Ahead("split", 3), Ahead("map", 1, after="index")])
    times = forecast({"gpu": gpu, "cpu": cpu})
    assert (times["index"], times["map"]) == (Times(13, 18), Times(18, 19))


def test_what_waits_for_a_stopped_job_has_no_time_and_holds_up_nobody() -> None:
    times = forecast({"gpu": Line(1, [], [Ahead("a", 5, after="gone"), Ahead("b", 5)])})
    assert times == {"b": Times(0, 5), "a": Times()}


def test_a_run_on_two_gpus_waits_for_both_and_takes_both() -> None:
    line = Line(2, [Ahead("r", 10)], [Ahead("wide", 5, places=2), Ahead("next", 1)])
    times = forecast({"gpu": line})
    assert (times["wide"], times["next"]) == (Times(10, 15), Times(15, 16))


DrawnJob = tuple[float | None, int | None, int]
DrawnLine = tuple[int, list[DrawnJob], list[DrawnJob], bool]
whole_seconds = st.none() | st.integers(0, 20).map(float)
jobs_ahead = st.tuples(whole_seconds, st.none() | st.integers(0, 25), st.integers(1, 3))
drawn_lines = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.lists(jobs_ahead, max_size=3),
        st.lists(jobs_ahead, max_size=9),
        st.sampled_from([False, False, False, True]),
    ),
    min_size=1,
    max_size=2,
)


def as_lines(drawn: list[DrawnLine]) -> dict[str, Line]:
    """Jobs are named by numbers, so that some wait for those of another queue, or for nobody there."""
    lines: dict[str, Line] = {}
    number = 0
    for name, (places, running, waiting, is_paused) in zip(("gpu", "cpu"), drawn, strict=False):
        made: list[list[Ahead]] = [[], []]
        for group, listed in zip(made, (running, waiting), strict=True):
            for seconds, after, width in listed:
                waits_for = None if after is None or group is made[0] else str(after)
                group.append(Ahead(str(number), seconds, waits_for, width))
                number += 1
        taken = sum(job.places for job in made[0])
        lines[name] = Line(max(places, taken), made[0], made[1], is_paused)
    return lines


@given(drawn_lines)
def test_the_quick_forecast_is_the_plain_one(drawn: list[DrawnLine]) -> None:
    lines = as_lines(drawn)
    assert forecast(lines) == forecast_plainly(lines)


@pytest.mark.timed
def test_four_times_the_waiting_jobs_take_about_four_times_the_time() -> None:
    def took_s(count: int) -> float:
        waiting = [Ahead(str(n), 5.0, str(n - 7) if n % 5 == 0 else None) for n in range(count)]
        began = time.process_time()
        forecast({"gpu": Line(4, [], waiting)})
        return time.process_time() - began

    rounds = [(took_s(2000), took_s(8000)) for _ in range(12)]
    fewer_s, more_s = (min(took) for took in zip(*rounds, strict=True))
    assert more_s < 6 * fewer_s  # 16 times, if each were held against each
