"""Log lines name the job and the request they belong to, in other threads too."""

from __future__ import annotations

import logging
import threading

import pytest

from common.log_ids import AddIds, begin_request, end_request, of_job, request_id, with_ids


def ids() -> str:
    record = logging.LogRecord("x", logging.INFO, "", 0, "said", None, None)
    AddIds().filter(record)
    return str(record.__dict__["ids"])


def test_a_line_names_its_job_and_request_and_those_of_the_thread_that_began_another() -> None:
    told: list[str] = []
    assert ids() == ""
    begin_request("r1")
    with of_job("j1"):
        thread = threading.Thread(target=with_ids(lambda: told.append(ids())))
        stranger = threading.Thread(target=lambda: told.append(ids()))
        for each in (thread, stranger):
            each.start()
            each.join()
        assert ids() == " job=j1 request=r1"
    assert told == [" job=j1 request=r1", ""]
    end_request()
    assert ids() == ""


@pytest.mark.parametrize("given", [None, "", "a b", "x" * 65, "a\nb"])
def test_a_request_without_a_fit_id_gets_one(given: str | None) -> None:
    assert len(begin_request(given)) == 16
    assert request_id() != begin_request(given)
    end_request()
