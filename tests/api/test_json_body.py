"""JSON bodies of all routes: what is too large, too deep or no JSON is refused before anything happens."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from api.json_body import MAX_JSON_BYTES, _require_shallow
from common.db.tables import Dataset, Job
from common.errors import InvalidInput
from tests.api.conftest import Caller, Service
from tests.api.described import document_of

ABSENT = re.compile("{(variant_id|trashed_.*|batch_id)}")  # 404 comes first, and there is none here
OPEN = {"/api/v1/auth/login", "/api/v1/auth/link"}
LARGER = {
    ("PUT", "/api/v1/synonyms"),
    ("PUT", "/api/v1/datasets/{dataset_id}/synonyms"),
    ("POST", "/api/v1/synonyms/check"),
    ("POST", "/api/v1/datasets/{dataset_id}/suggestions"),
}
DEEP = [b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 500 + b"1" + b"}" * 500,
        b'{"name":' + b"[" * 900 + b"]" * 900 + b"}"]  # fmt: skip
NO_JSON = [b'{"mode":"kil', b"{broken", b"nonsense", b"\xff\xfe", b'{"mode":"save"} more', b" ",
           b'{"a":NaN}', b"-Infinity", b'{"a":' + b"9" * 5000 + b"}", b'"{}"']  # fmt: skip


@pytest.fixture
def job_id(service: Service, call: Caller) -> str:
    """A job that waits, of a dataset named `there`."""
    dataset = call.dataset("there")
    service.add_images(dataset, 1, captioned=1)
    split = call("POST", f"/datasets/{dataset}/jobs", 202, json={"kind": "split"})
    return str(split["id"])


def routes(service: Service, job_id: str) -> Iterator[tuple[str, str, str]]:
    """(method, rule, address) of every call that may change something."""
    there = {"dataset_id": "there", "job_id": job_id}
    for rule, item in document_of(service.app)["paths"].items():
        if ABSENT.search(rule):
            continue
        for method in {"post", "put", "patch", "delete"} & set(item):
            address = re.sub(r"{(\w+)}", lambda found: there.get(found[1], "1"), rule)
            yield method.upper(), rule, address


def counts(service: Service) -> Any:
    with service.services.readers() as session:
        jobs = session.execute(select(Job.id, Job.state, Job.priority).order_by(Job.id)).all()
        return jobs, session.scalar(select(func.count()).select_from(Dataset))


def send(call: Caller, method: str, address: str, data: bytes) -> tuple[int, str]:
    answer = call.raw(method, address, data=data, content_type="application/json")
    return answer.status_code, answer.get_json()["code"]


def test_what_is_no_json_or_nests_too_deep_is_a_400_on_every_route_and_does_nothing(
    service: Service, call: Caller, job_id: str
) -> None:
    before = counts(service)
    walked = list(routes(service, job_id))
    assert len(walked) > 45
    for method, rule, address in walked:
        for data in (*NO_JSON, *(each for each in DEEP if rule not in OPEN or len(each) < 16_384)):
            said = send(call, method, address, data)
            assert said == (400, "invalid_input"), (method, rule, data[:20], said)
    assert counts(service) == before


def test_a_body_over_its_limit_is_a_413_on_every_route_and_is_not_read(
    service: Service, call: Caller, job_id: str
) -> None:
    before = counts(service)
    for method, rule, address in routes(service, job_id):
        limit = 4 * 2**20 if (method, rule) in LARGER else MAX_JSON_BYTES
        limit = 16_384 if rule in OPEN else limit
        padded = b"{" + b" " * limit + b"}"
        assert send(call, method, address, padded) == (413, "too_large"), (method, rule)
        if (method, rule) in LARGER:
            fits = b"[" + b" " * (limit - 3) + b"1]"
            assert send(call, method, address, fits) == (400, "invalid_input"), (method, rule)
    assert counts(service) == before


def test_a_refusal_of_a_large_body_tells_the_limit(call: Caller) -> None:
    answer = call("POST", "/datasets", 413, data=b" " * (MAX_JSON_BYTES + 1), content_type="application/json")  # fmt: skip
    assert "1,048,576 bytes" in answer["message"]


def test_where_a_body_is_optional_it_may_be_left_out_and_nothing_else_is_taken_for_that(
    call: Caller, job_id: str
) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/octet-stream"):
        said = call.raw("POST", f"/jobs/{job_id}/stop", data=b'{"mode":"kil', content_type=kind)
        assert said.status_code == 415
    assert call("GET", f"/jobs/{job_id}")["state"] == "queued"
    stopped = call("POST", f"/jobs/{job_id}/stop", 202, data=b"", content_type="application/json")
    assert stopped["state"] == "stopped"
    cloned = call("POST", f"/jobs/{job_id}/clone", 202)
    call("POST", f"/jobs/{cloned['id']}/stop", 202, json={"mode": "kill"})


def test_faults_are_told_but_not_a_hundred_thousand(call: Caller) -> None:
    many = {f"unknown {number}": 1 for number in range(40_000)}
    problem = call("POST", "/datasets", 400, json=many)
    assert len(problem["details"]["fields"]) == 50


@pytest.mark.parametrize(
    "data",
    [
        json.dumps({"a": [[[{"b": "[" * 2000 + '\\"]'}]]] * 50}).encode(),
        json.dumps([{}] * 49_000).encode(),
        b"[" * 32 + b"]" * 32 + b" " + b"[]" * 20,
    ],
)
def test_brackets_in_texts_and_side_by_side_are_not_deep(data: bytes) -> None:
    _require_shallow(data)


def test_a_body_of_very_many_lists_is_refused_before_each_becomes_one() -> None:
    with pytest.raises(InvalidInput, match="the limit is 50,000"):
        _require_shallow(b"[" + b"[]," * 60_000 + b"[]]")


def test_depth_is_counted_where_texts_are_cut_or_escaped() -> None:
    for text in (b'"\\""', b'"\\\\"', b'"["'):
        with pytest.raises(InvalidInput, match="nests more than 32"):
            _require_shallow(text + b"[" * 33 + text + b"]" * 33)


def test_a_stranger_is_told_so_before_his_body_is_read(service: Service) -> None:
    client: FlaskClient = service.app.test_client()
    answer = client.post("/api/v1/datasets", data=b"[" * 2_000_000, content_type="application/json")
    assert answer.status_code == 401
