"""Who is next: priority, then turns between people, then the order of asking."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from common.jobs.order import RunningJob, WaitingJob, order_jobs, put_before, swap_own

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


def job(name: str, minute: float, priority: int = 5, **more: object) -> WaitingJob:
    """`a1`: the first job of person a."""
    return WaitingJob(name, "train", name[0], priority, at(minute), **more)  # type: ignore[arg-type]


def names(jobs: list[WaitingJob]) -> list[str]:
    return [job.id for job in jobs]


def test_jobs_of_one_person_begin_in_the_order_of_asking() -> None:
    assert names(order_jobs([job("a2", 2), job("a3", 3), job("a1", 1)])) == ["a1", "a2", "a3"]


def test_priority_goes_before_everything() -> None:
    waiting = [job("a1", 1), job("b1", 2, 9), job("a2", 3, 0)]
    assert names(order_jobs(waiting)) == ["a2", "a1", "b1"]


def test_each_persons_next_job_begins_before_anyones_second() -> None:
    waiting = [job(f"a{n}", n) for n in range(1, 4)] + [job("b1", 10), job("b2", 11), job("c1", 12)]
    assert names(order_jobs(waiting)) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_what_runs_counts_as_a_turn() -> None:
    waiting = [job("a2", 2), job("a3", 3), job("b1", 10), job("b2", 11)]
    running = [RunningJob("a1", "a", at(1))]
    assert names(order_jobs(waiting, running)) == ["b1", "a2", "b2", "a3"]


def test_one_worker_serves_people_in_turn_whoever_asked_for_more() -> None:
    """A person who queued ten jobs first does not keep the one worker until all ten are done."""
    waiting = [job(f"a{n}", n) for n in range(9)] + [job("b1", 20), job("b2", 21)]
    ends: dict[str, datetime] = {}
    begun = []
    for minute in range(30, 41):
        nearest = order_jobs(waiting, [], ends)[0]
        begun.append(nearest.id)
        waiting.remove(nearest)
        ends[nearest.person] = at(minute)
    assert begun[:5] == ["a0", "b1", "a1", "b2", "a2"]


def test_the_order_that_is_shown_is_the_order_in_which_one_worker_takes_them() -> None:
    waiting = [job(f"a{n}", n) for n in range(5)] + [job(f"b{n}", 10 + n) for n in range(3)]
    shown = names(order_jobs(waiting))
    ends: dict[str, datetime] = {}
    begun = []
    for minute in range(30, 38):
        nearest = order_jobs(waiting, [], ends)[0]
        begun.append(nearest.id)
        waiting.remove(nearest)
        ends[nearest.person] = at(minute)
    assert begun == shown


def test_a_job_stands_behind_the_one_that_it_waits_for() -> None:
    waiting = [job("a1", 1, 0, after="b2"), job("b1", 2), job("b2", 3), job("c1", 4)]
    assert names(order_jobs(waiting)) == ["b1", "c1", "b2", "a1"]


def test_a_job_that_waits_for_a_stopped_one_stands_last_with_what_follows_it() -> None:
    waiting = [
        job("a1", 1, after="x", stalled=True), job("a2", 2, after="a1"), job("b1", 3), job("b2", 4),
    ]  # fmt: skip
    assert names(order_jobs(waiting)) == ["b1", "b2", "a1", "a2"]


def test_jobs_that_were_interrupted_go_on_first() -> None:
    waiting = [job("a1", 1), job("b1", 0, place=-1e9), job("b2", 0)]
    assert names(order_jobs(waiting)) == ["b1", "a1", "b2"]


def apply(waiting: list[WaitingJob], spots: dict[str, object]) -> list[WaitingJob]:
    """The order after a move was written."""
    moved = []
    for each in waiting:
        spot = spots.get(each.id)
        values = vars(spot) if spot else {}
        moved.append(WaitingJob(**{**vars(each), **values}))
    return order_jobs(moved)


def test_a_person_who_moves_their_own_jobs_changes_nobody_elses_turn() -> None:
    waiting = [job("a1", 1), job("a2", 2), job("a3", 3), job("b1", 4), job("b2", 5)]
    ordered = order_jobs(waiting)
    assert names(ordered) == ["a1", "b1", "a2", "b2", "a3"]
    assert names(apply(waiting, dict(swap_own(ordered, "a3", "a1")))) == [
        "a3", "b1", "a1", "b2", "a2",
    ]  # fmt: skip
    assert names(apply(waiting, dict(swap_own(ordered, "a1", "")))) == [
        "a2", "b1", "a3", "b2", "a1",
    ]  # fmt: skip


def test_an_administrators_order_stands_until_it_is_changed_again() -> None:
    waiting = [job("a1", 1), job("a2", 2), job("b1", 4), job("b2", 5)]
    ordered = order_jobs(waiting)
    assert names(ordered) == ["a1", "b1", "a2", "b2"]
    second = dict(put_before(ordered, "b2", "a2"))
    assert names(apply(waiting, second)) == ["a1", "b1", "b2", "a2"]
    last = dict(put_before(ordered, "a1", ""))
    assert names(apply(waiting, last)) == ["a2", "b1", "b2", "a1"]
    with_newcomer = [*waiting, job("c1", 9)]
    assert names(apply(with_newcomer, second)) == ["a1", "b1", "b2", "c1", "a2"]
    assert names(apply(with_newcomer, last))[-1] == "a1"


def test_a_job_that_is_put_before_one_of_another_priority_takes_it() -> None:
    waiting = [job("a1", 1, 2), job("b1", 2), job("c1", 3)]
    spots = put_before(order_jobs(waiting), "c1", "a1")
    assert spots["c1"].priority == 2
    assert names(apply(waiting, dict(spots))) == ["c1", "a1", "b1"]


people = st.sampled_from("abc")
queues = st.lists(
    st.tuples(people, st.integers(4, 6), st.integers(0, 30)), min_size=2, max_size=12
).map(
    lambda rows: [
        WaitingJob(f"{person}{number}", "train", person, priority, at(minute + number / 100))
        for number, (person, priority, minute) in enumerate(rows)
    ]
)


@given(queues, st.data())
def test_a_move_puts_the_job_where_it_was_let_go(
    waiting: list[WaitingJob], data: st.DataObject
) -> None:
    ordered = order_jobs(waiting)
    moved, target = data.draw(st.permutations(names(ordered)))[:2]
    after = names(apply(waiting, dict(put_before(ordered, moved, target))))
    assert after.index(moved) < after.index(target)
    level = {each.id: each.priority for each in ordered}
    ahead = names(ordered)[: names(ordered).index(target)]
    kept = [name for name in ahead if level[name] == level[target] and name != moved]
    above = [name for name in level if level[name] < level[target] and name != moved]
    assert set(after[: len(above)]) == set(above)
    assert after[len(above) :][: len(kept) + 1] == [*kept, moved]


@given(queues, st.data())
def test_a_move_among_ones_own_leaves_every_other_place_as_it_was(
    waiting: list[WaitingJob], data: st.DataObject
) -> None:
    ordered = order_jobs(waiting)
    moved = data.draw(st.sampled_from(ordered))
    own = [each.id for each in ordered if each.person == moved.person]
    target = data.draw(st.sampled_from([*[name for name in own if name != moved.id], ""]))
    after = names(apply(waiting, dict(swap_own(ordered, moved.id, target))))
    for place, each in enumerate(ordered):
        assert each.id == after[place] or each.id in own
    expected = [name for name in own if name != moved.id]
    expected.insert(expected.index(target) if target else len(expected), moved.id)
    assert [name for name in after if name in own] == expected
