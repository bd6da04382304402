"""The audit log: who did what to what, when, and from where."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from common.db.tables import AuditEvent, now

MAX_TARGET = 200


def note(
    session: Session,
    actor: str,
    act: str,
    target: str = "",
    *,
    dataset_id: str | None = None,
    via: str = "service",
    address: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    """Add a line to the log, in the session's transaction. act: a noun and a verb, `dataset.delete`."""
    session.add(
        AuditEvent(
            at=now(), actor=actor, act=act, target=target[:MAX_TARGET], dataset_id=dataset_id,
            via=via, address=address, details=details or {},
        )
    )  # fmt: skip
