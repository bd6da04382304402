"""Whatever a job reports is kept, or what cannot be kept of it is left out: on both databases."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from common.db.engine import SessionFactory
from common.errors import WorkerLost
from common.jobs import leases, reports, states
from common.jobs.cleaning import clean_json
from common.jobs.counts import tallies
from common.jobs.leases import Lease
from common.jobs.reports import Reports, write_reports
from common.jobs.series import read_series
from tests.common.jobs.conftest import JobMaker

NUL, SURROGATE = "a\x00b", "a\ud800b"
ODD = [NUL, SURROGATE, math.nan, -math.inf, 10**400, {NUL: [math.nan, {1: SURROGATE}]}, object()]


@pytest.fixture
def held(sessions: SessionFactory, make: JobMaker) -> Lease:
    job_id = make()
    with sessions() as session:
        taken = leases.take(session, job_id, "here", 30.0)
    assert taken is not None
    return taken


def write(sessions: SessionFactory, held: Lease, given: Reports) -> bool:
    with sessions() as session:
        return write_reports(session, held, given) is not None


def point(**facts: Any) -> dict[str, Any]:
    return {"name": "loss", "step": 1, "value": 1.0, "epoch": None, **facts}


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: type(odd).__name__)
def test_what_a_database_refuses_is_cleaned_wherever_it_comes_in(
    sessions: SessionFactory, held: Lease, odd: Any
) -> None:
    given = Reports({"message": odd, "metrics": {"x": odd}}, [], [f"{odd!s}\n"], [str(odd)])
    assert write(sessions, held, given)
    with sessions() as session:
        assert leases.write_checkpoint(session, held, {"at": odd})
        error = WorkerLost(str(odd), details={"seen": odd})
        assert leases.finish(session, held, "failed", result={"made": odd}, error=error)
    with sessions() as session:
        job = states.get_job(session, held.job_id)
        told = [job.progress, job.checkpoint, job.result, job.error, job.notes]
        log, end = reports.read_log(session, job.id, 0)
    text = json.dumps([told, log], allow_nan=False, ensure_ascii=False)
    assert b"\\u0000" not in text.encode()  # which fails for what is no character
    assert end == len(log) == reports_length(sessions, held)


def reports_length(sessions: SessionFactory, held: Lease) -> int:
    with sessions() as session:
        return reports.log_length(session, held.job_id)


@pytest.mark.parametrize(
    "odd",
    [
        point(value=math.nan), point(value=math.inf), point(value=10**400), point(value="much"),
        point(step=math.nan), point(step="first"), {"name": "loss"},
    ],
    ids=str,
)  # fmt: skip
def test_a_point_without_a_number_is_left_out_and_takes_no_other_along(
    sessions: SessionFactory, held: Lease, odd: dict[str, Any]
) -> None:
    assert write(sessions, held, Reports(points=[point(), odd, point(step=2)]))
    with sessions() as session:
        points = read_series(session, held.job_id).points["loss"]
        assert tallies.read_tallies(session)[tallies.CLEANED_REPORTS] >= 1
    assert [each["step"] for each in points] == [1, 2]


def test_names_and_numbers_out_of_range_are_cut_to_what_fits(
    sessions: SessionFactory, held: Lease
) -> None:
    wide = [point(name="n" * 100), point(name=NUL), point(step=2**40), point(epoch=math.nan)]
    assert write(sessions, held, Reports(points=wide))
    with sessions() as session:
        series = read_series(session, held.job_id).points
    assert set(series) == {"n" * 64, "a\ufffdb", "loss"}
    assert [(each["step"], each["epoch"]) for each in series["loss"]] == [(1, None)]
    assert write(sessions, held, Reports({"done": 2**70}))
    with sessions() as session:
        assert states.get_job(session, held.job_id).progress == {"done": 2**63 - 1}


def test_what_is_clean_stays_as_it_is_and_is_not_counted(
    sessions: SessionFactory, held: Lease
) -> None:
    fine = {
        "done": 3,
        "total": 2.5,
        "message": "gr\u00fcn \U0001f600",
        "metrics": {"a": -1e300, "b": None},
    }
    with sessions() as session:
        before = tallies.read_tallies(session)
    assert write(sessions, held, Reports(fine, [point(step=7, epoch=0.5)], ["a line\n"], ["so"]))
    with sessions() as session:
        assert states.get_job(session, held.job_id).progress == clean_json(fine) == fine
        assert tallies.read_tallies(session) == before


def test_a_note_raises_the_number_of_the_record_and_keeps_those_before(
    sessions: SessionFactory, held: Lease
) -> None:
    with sessions() as session:
        before = states.get_job(session, held.job_id).seq
    for text in ("one", "two"):
        assert write(sessions, held, Reports(notes=[text]))
    with sessions() as session:
        job = states.get_job(session, held.job_id)
        assert (job.notes, job.seq) == (["one", "two"], before + 2)


def test_an_execution_that_lost_its_job_leaves_neither_log_nor_points_nor_notes(
    sessions: SessionFactory, held: Lease
) -> None:
    with sessions() as session:
        assert leases.release(session, held, counts=False)
        owner = leases.take(session, held.job_id, "another", 30.0)
    assert owner is not None
    late = Reports({"done": 9}, [point()], ["late\n"], ["late"])
    assert not write(sessions, held, late)
    with sessions() as session:
        job = states.get_job(session, held.job_id)
        assert (job.progress, job.notes) == ({}, [])
        assert reports.log_length(session, job.id) == 0
        assert read_series(session, job.id).points == {}
