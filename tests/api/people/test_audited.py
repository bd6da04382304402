"""What stands in the audit log, and what does not, on purpose."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from api.people.audited import ACTS, NOT_NOTED, REFUSED, known_acts
from api.people.rights import listed
from api.people.sign_in.refusals import OF_ALL, OF_CLIENT, Refusals
from common.db.tables import AuditEvent
from tests.api.conftest import PASSWORD, Caller, Service


def _noted(service: Service, act: str) -> list[AuditEvent]:
    with service.services.readers() as session:
        wanted = select(AuditEvent).where(AuditEvent.act == act).order_by(AuditEvent.id)
        return list(session.scalars(wanted))


def test_each_route_that_changes_something_is_noted_or_is_not_on_purpose() -> None:
    changing = {route for route in listed() if route.split(" ")[0] not in ("GET", "HEAD")}
    assert sorted(changing - set(ACTS) - NOT_NOTED) == []
    assert sorted(NOT_NOTED & set(ACTS)) == []
    assert sorted((set(ACTS) | NOT_NOTED | set(REFUSED)) - listed()) == []


def test_what_leaves_the_service_as_a_file_is_noted() -> None:
    leaving = {
        route for route in listed() if route.endswith(("/export.zip", "/download", "/export"))
    }
    assert leaving | {"GET /api/v1/datasets/<dataset_id>/files/<name>"} <= set(ACTS)


def test_lines_say_what_kind_of_job_whose_and_which_names(service: Service, call: Caller) -> None:
    dataset = call.dataset("Birds")
    service.add_images(dataset, 4, captioned=4)
    bob = service.person("bob")
    call("PUT", f"/datasets/{dataset}/members/bob", json={"role": "manager"})
    job = bob("POST", f"/datasets/{dataset}/jobs", 202, json={"kind": "split", "params": {}})
    call("POST", f"/jobs/{job['id']}/stop", 202, json={"mode": "kill"})
    call("PATCH", f"/datasets/{dataset}", json={"name": "Fish"})
    call("POST", "/tokens", 201, json={"name": "nightly"})
    call("GET", f"/datasets/{dataset}/export.zip?captions=txt")
    call("DELETE", f"/datasets/{dataset}", 204)
    [made] = _noted(service, "dataset.make")
    assert (made.dataset_id, made.details) == (dataset, {"name": "Birds"})
    [given] = _noted(service, "role.give")
    assert given.details == {"name": "bob", "role": "manager", "before": None}
    [started] = _noted(service, "job.start")
    assert (started.actor, started.details) == ("bob", {"kind": "split", "job": job["id"]})
    [stopped] = _noted(service, "job.stop")
    assert stopped.details == {"kind": "split", "mode": "kill", "of": "bob"}
    assert (stopped.actor, stopped.via, stopped.address) == ("admin", "api", "127.0.0.1")
    assert stopped.dataset_id == dataset
    assert _noted(service, "dataset.rename")[0].details == {"name": "Fish", "before": "Birds"}
    assert _noted(service, "token.make")[0].details["name"] == "nightly"
    assert _noted(service, "dataset.export")[0].details["captions"] == "txt"
    assert _noted(service, "dataset.delete")[0].details == {"name": "Fish"}
    with service.services.readers() as session:
        assert set(session.scalars(select(AuditEvent.act))) <= set(known_acts())


def test_a_flood_of_failed_sign_ins_leaves_some_lines_and_the_number_of_the_others(
    service: Service,
) -> None:
    client = service.app.test_client()
    sent = OF_CLIENT.amount + 4
    for number in range(sent):
        client.post("/api/v1/auth/link", json={"token": f"made up {number}"})
    lines = _noted(service, "session.refuse")
    assert len(lines) == OF_CLIENT.amount
    assert lines[0].details == {"reason": "wrong"}
    other = service.app.test_client()
    wrong: dict[str, Any] = {"username": "ada", "password": f"not {PASSWORD}"}
    other.post("/api/v1/auth/login", json=wrong, environ_base={"REMOTE_ADDR": "192.0.2.7"})
    last = _noted(service, "session.refuse")[-1]
    assert (last.actor, last.address) == ("ada", "192.0.2.7")
    assert last.details == {"reason": "wrong", "not_noted_before": 4}


def test_many_addresses_together_fill_the_log_no_more_than_one_minute_allows() -> None:
    refusals = Refusals()
    admitted = [refusals.admit(f"192.0.2.{number}") for number in range(200)]
    assert sum(each is not None for each in admitted) == OF_ALL.amount
