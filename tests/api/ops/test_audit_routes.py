"""Reading, filtering and exporting the audit log."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from api.ops.audit_routes import PORTION
from common.db.tables import AuditEvent, now
from common.people.audit import note
from common.retention import AUDIT_PORTION, count_rows, trim_rows
from tests.api.conftest import Caller, Service

DAY = datetime(2026, 3, 1, tzinfo=UTC)


def _fill(service: Service, *lines: dict[str, object]) -> None:
    with service.services.sessions() as session:
        for number, line in enumerate(lines):
            session.add(
                AuditEvent(
                    at=DAY + timedelta(days=number),
                    **{"actor": "ada", "act": "job.stop", "via": "api", "address": "", "details": {}, **line},
                )
            )  # fmt: skip


def _actors(call: Caller, **query: str) -> list[str]:
    return [line["actor"] for line in call("GET", "/audit", query_string=query)["items"]]


def test_lines_are_found_by_who_what_where_and_when(any_service: Service, call_any: Caller) -> None:
    _fill(
        any_service,
        {"actor": "ada"},
        {"actor": "bob", "act": "dataset.delete", "dataset_id": "birds"},
        {"actor": "eve", "act": "jobs.other"},
    )
    assert _actors(call_any) == ["eve", "bob", "ada"]
    assert _actors(call_any, actor="bob") == ["bob"]
    assert _actors(call_any, act="job.stop") == ["ada"]
    assert _actors(call_any, act="job") == ["ada"]
    assert _actors(call_any, dataset_id="birds") == ["bob"]
    assert _actors(call_any, since="2026-03-02") == ["eve", "bob"]
    assert _actors(call_any, until="2026-03-02T00:00:00Z") == ["ada"]
    assert _actors(call_any, since="2026-03-02T00:00:00+02:00", until="2026-03-03") == ["bob"]
    call_any("GET", "/audit?since=yesterday", 400)
    call_any("GET", "/audit?since=0.5", 400)
    call_any("GET", "/audit/export?until=1774000000", 400)
    first = call_any("GET", "/audit?limit=2")
    rest = call_any("GET", f"/audit?limit=2&cursor={first['next_cursor']}")
    assert [line["actor"] for line in [*first["items"], *rest["items"]]] == ["eve", "bob", "ada"]
    assert rest["next_cursor"] is None
    assert "trash.expire" in first["acts"]
    assert first["kept_days"] == 365


def test_owners_see_what_was_done_in_their_datasets_and_nobody_else_does(
    service: Service, call: Caller
) -> None:
    ada, bob = service.person("ada"), service.person("bob")
    mine = str(ada("POST", "/datasets", 201, json={"name": "Birds"})["id"])
    ada("PUT", f"/datasets/{mine}/members/bob", json={"role": "manager"})
    bob("POST", "/datasets", 201, json={"name": "Fish"})
    assert {line["dataset_id"] for line in ada("GET", "/audit")["items"]} == {mine}
    assert {line["dataset_id"] for line in bob("GET", "/audit")["items"]} == {"fish"}
    assert bob("GET", f"/audit?dataset_id={mine}")["items"] == []
    assert bob("GET", "/audit/export?format=jsonl").count(b"\n") == 1
    ada("DELETE", f"/datasets/{mine}", 204)
    assert ada("GET", "/audit?act=dataset.delete")["items"][0]["details"] == {"name": "Birds"}


def test_the_table_is_harmless_in_spreadsheets_and_json_lines_are_as_noted(
    service: Service, call: Caller
) -> None:
    evil = "=cmd|' /C calc'!A0"
    with service.services.sessions() as session:
        note(session, evil, "job.stop", "+1", dataset_id="@birds", details={"name": evil})
    table = call("GET", "/audit/export?act=job.stop").decode("utf-8-sig")
    [row] = csv.DictReader(io.StringIO(table))
    assert (row["actor"], row["target"], row["dataset_id"]) == (f"'{evil}", "'+1", "'@birds")
    assert json.loads(row["details"]) == {"name": evil}
    [line] = call("GET", "/audit/export?act=job.stop&format=jsonl").splitlines()
    assert json.loads(line)["actor"] == evil
    assert call("GET", "/audit?act=audit.export")["items"][0]["actor"] == "admin"


def test_an_export_of_many_lines_is_whole(service: Service, call: Caller) -> None:
    _fill(service, *[{"actor": f"{number}"} for number in range(PORTION + 5)])
    lines = call("GET", "/audit/export?act=job.stop&format=jsonl").splitlines()
    assert [json.loads(line)["actor"] for line in lines] == [
        str(number) for number in reversed(range(PORTION + 5))
    ]


def test_lines_are_kept_for_as_long_as_the_setting_says(service: Service) -> None:
    services = service.services
    with services.sessions() as session:
        for days in (364, 366, 400):
            event = AuditEvent(
                at=now() - timedelta(days=days), actor="ada", act="job.stop", via="api"
            )
            session.add(event)
    with services.readers() as session:
        found = {each.what: each.count for each in count_rows(session, services.settings, now())}
    assert found["audit"] == 2
    assert AUDIT_PORTION > 2
    with services.sessions() as session:
        trim_rows(session, services.settings, now())
        assert session.scalar(select(func.count(AuditEvent.id))) == 1
        for_ever = services.settings.model_copy(update={"keep_audit_days": 0})
        trim_rows(session, for_ever, now() + timedelta(days=9999))
        assert session.scalar(select(func.count(AuditEvent.id))) == 1
