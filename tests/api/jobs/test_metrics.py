"""The series of a job, thinned for charts."""

from __future__ import annotations

import math
from typing import Any

from common.db.tables import Job, JobMetric, now
from tests.api.conftest import Caller, Service


def write(service: Service, points: list[tuple[str, int, float]], job_id: str = "run") -> None:
    """Add points to a job's series, in this order."""
    with service.services.sessions() as session:
        if session.get(Job, job_id) is None:
            session.add(
                Job(id=job_id, kind="train", queue="gpu", state="running", params={}, progress={},
                    created_by="ada", created_at=now(), notes=[])
            )  # fmt: skip
            session.flush()
        session.add_all(
            [JobMetric(job_id=job_id, name=n, step=s, value=v, epoch=s / 10) for n, s, v in points]
        )


def series(call: Caller, **query: Any) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = call("GET", "/jobs/run/metrics", query_string=query)
    return found


def test_a_long_series_keeps_its_ends_and_its_extremes(
    any_service: Service, call_any: Caller
) -> None:
    values = [math.sin(step / 300) for step in range(5000)]
    values[1234], values[4321] = 9.0, -9.0
    write(any_service, [("train/loss", step, value) for step, value in enumerate(values)])
    write(any_service, [("val/t2i_r1", step, 0.1 * step) for step in range(3)])
    for wanted in (3, 4, 100, 2000):
        found = series(call_any, points=wanted)
        loss = found["train/loss"]
        assert 2 <= len(loss) <= wanted
        steps = [point["step"] for point in loss]
        assert steps == sorted(set(steps))
        assert (steps[0], steps[-1]) == (0, 4999)
        assert 1234 in steps
        assert wanted == 3 or 4321 in steps
        assert [point["value"] for point in found["val/t2i_r1"]] == [0.0, 0.1, 0.2]
    assert len(series(call_any, points=2000)["train/loss"]) > 1900
    assert len(series(call_any, points=100_000)["train/loss"]) == 5000
    assert series(call_any, points=3)["train/loss"][0].keys() == {"step", "epoch", "value", "time"}


def test_what_a_resumed_run_says_again_replaces_what_it_had_said(
    any_service: Service, call_any: Caller
) -> None:
    write(any_service, [("train/loss", step, 5.0) for step in range(10)])
    write(any_service, [("train/loss", step, 4.0) for step in range(6, 9)])
    loss = series(call_any)["train/loss"]
    assert [point["step"] for point in loss] == list(range(9))
    assert [point["value"] for point in loss] == [5.0] * 6 + [4.0] * 3


def test_the_machines_load_has_several_points_at_one_step(service: Service, call: Caller) -> None:
    write(service, [("system/cpu_utilisation", 7, float(value)) for value in range(5)])
    assert len(series(call)["system/cpu_utilisation"]) == 5


def test_only_what_is_new_is_asked_for_with_since(any_service: Service, call_any: Caller) -> None:
    write(any_service, [("train/loss", step, 1.0) for step in range(5)])
    first = call_any.raw("GET", "/jobs/run/metrics")
    last = first.headers["X-Last-Point"]
    assert series(call_any, since=last) == {}
    write(any_service, [("train/loss", 5, 2.0), ("train/lr", 5, 0.1)])
    more = series(call_any, since=last)
    assert {name: [point["step"] for point in points] for name, points in more.items()} == {
        "train/loss": [5], "train/lr": [5],
    }  # fmt: skip


def test_numbers_out_of_range_are_refused_and_no_number_is_left_out(
    any_service: Service, call_any: Caller
) -> None:
    write(any_service, [("train/loss", 0, 1.0), ("train/loss", 1, math.inf)])
    assert [point["step"] for point in series(call_any)["train/loss"]] == [0]
    for query in ("points=2", "points=100001", "points=many", "since=-1", "since=1.5", "point=5"):
        assert call_any("GET", f"/jobs/run/metrics?{query}", 400)["code"] == "invalid_input"
    call_any("GET", "/jobs/nobody/metrics", 404)
