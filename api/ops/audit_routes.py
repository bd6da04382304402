"""The audit log: who did what to what, when, and from where. It is written by `api/people/audited.py`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from flask import Response
from sqlalchemy import Select, or_, select

from api.answer import Problem
from api.capability import file_of, make_blueprint
from api.ops.audit_schemas import AuditExportQuery, AuditFilter, AuditLine, AuditPage, AuditQuery
from api.people.access import access
from api.people.audited import known_acts
from api.services import app_services
from common.captions.spreadsheet import harmless
from common.db.engine import SessionFactory
from common.db.tables import AuditEvent, Dataset

audit = make_blueprint("audit", __name__, "ops")
PORTION = 1000
BOM = "\ufeff".encode()  # or Excel takes UTF-8 for Windows-1252
COLUMNS = ("at", "actor", "act", "target", "dataset_id", "via", "address", "details")
TYPES = {"csv": "text/csv", "jsonl": "application/jsonl"}


@audit.get("/audit", responses={200: AuditPage, 403: Problem})
def read_audit(query: AuditQuery) -> AuditPage:
    """What was done in the datasets that one owns; administrators see all. The newest first."""
    services, wanted = app_services(), _filtered(query)
    if query.cursor:
        wanted = wanted.where(AuditEvent.id < int(query.cursor))
    with services.readers() as session:
        found = session.scalars(wanted.limit(query.limit + 1)).all()
    items = [AuditLine.of(event) for event in found[: query.limit]]
    more = str(items[-1].id) if len(found) > query.limit else None
    days = services.settings.keep_audit_days
    return AuditPage(items=items, next_cursor=more, acts=known_acts(), kept_days=days)


@audit.get("/audit/export", responses={200: file_of("text/csv", "application/jsonl"), 403: Problem})
def export_audit(query: AuditExportQuery) -> Response:
    """The same lines as a file: a table in which no cell is a formula, or JSON as it stands in the log."""
    write = {"csv": _as_table, "jsonl": _as_json_lines}[query.format]
    name = f"audit-{datetime.now(UTC):%Y-%m-%d}.{query.format}"
    return Response(
        write(_lines(app_services().readers, _filtered(query))),
        content_type=f"{TYPES[query.format]}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _filtered(query: AuditFilter) -> Select[AuditEvent]:
    wanted = select(AuditEvent).order_by(AuditEvent.id.desc())
    if not access().is_admin:
        owned = select(Dataset.id).where(access().is_at_least("owner"))
        wanted = wanted.where(AuditEvent.dataset_id.in_(owned))
    if query.actor is not None:
        wanted = wanted.where(AuditEvent.actor == query.actor)
    if query.act is not None:
        begins = AuditEvent.act.startswith(f"{query.act}.", autoescape=True)
        wanted = wanted.where(or_(AuditEvent.act == query.act, begins))
    if query.dataset_id is not None:
        wanted = wanted.where(AuditEvent.dataset_id == query.dataset_id)
    if query.since is not None:
        wanted = wanted.where(AuditEvent.at >= _aware(query.since))
    if query.until is not None:
        wanted = wanted.where(AuditEvent.at < _aware(query.until))
    return wanted


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _lines(readers: SessionFactory, wanted: Select[AuditEvent]) -> Iterator[AuditLine]:
    """In portions, so that a long download holds neither a transaction nor the memory."""
    before: int | None = None
    while True:
        rest = wanted if before is None else wanted.where(AuditEvent.id < before)
        with readers() as session:
            found = [AuditLine.of(event) for event in session.scalars(rest.limit(PORTION))]
        yield from found
        if len(found) < PORTION:
            return
        before = found[-1].id


def _as_json_lines(lines: Iterator[AuditLine]) -> Iterator[bytes]:
    for line in lines:
        yield line.to_json() + b"\n"


def _as_table(lines: Iterator[AuditLine]) -> Iterator[bytes]:
    yield BOM + _row(COLUMNS)
    for line in lines:
        values = line.model_dump(mode="json")
        yield _row([_cell(values[name]) for name in COLUMNS])


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False) if value else ""
    return harmless(str(value or ""))


def _row(cells: Any) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue().encode("utf-8", "replace")
