"""What administrators are told of backups: the last ones, and when the next one begins by itself."""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import cast

import redis as redis_client

from api.ops.schemas import BackupOutcome, BackupRun, BackupState, WholeBackup
from api.services import Services
from common.backup.lease import LOST, is_held, last_backup, last_whole
from common.backup.schedule import last_scheduled, read_next
from common.db.tables import Backup

AGAIN_BY_ITSELF = "It is tried again by itself within an hour."
AGAIN_BY_HAND = "Begin it again: clip-browser backup OUT"


def backup_state(services: Services) -> BackupState:
    """As it is now. A Redis that is away knows of no next one."""
    with services.readers() as session:
        is_running = is_held(session)
        last, scheduled = last_backup(session), last_scheduled(session)
        whole = last_whole(session)
    next_at = None
    with contextlib.suppress(redis_client.RedisError):
        next_at = read_next(services.queue.redis)
    return BackupState(
        last=_run(last, is_running) if last else None,
        scheduled=_run(scheduled, is_running) if scheduled else None,
        whole=_whole(whole) if whole else None,
        next_at=next_at,
    )


def _run(row: Backup, is_running: bool) -> BackupRun:
    """is_running: whether any backup holds the store; a row that says so without one was lost."""
    is_lost = row.state == "running" and not is_running
    error = row.error or {}
    message = LOST if is_lost else str(error.get("message", ""))
    again = AGAIN_BY_ITSELF if row.is_scheduled else AGAIN_BY_HAND
    return BackupRun(
        state=cast(BackupOutcome, "failed" if is_lost else row.state), started_at=row.started_at,
        finished_at=row.finished_at, is_scheduled=row.is_scheduled, message=message,
        remedy=(str(error.get("remedy", "")) or again) if message else "",
    )  # fmt: skip


def _whole(row: Backup) -> WholeBackup:
    figures = row.figures
    verified_at = figures.get("verified_at")
    return WholeBackup(
        name=row.snapshot or "", place=row.place, finished_at=row.finished_at or row.started_at,
        rows=figures.get("rows", 0), files=figures.get("artifacts", 0),
        size_bytes=figures.get("size_bytes", 0), missing=figures.get("missing", 0),
        damaged=figures.get("damaged", 0), wrong=figures.get("wrong", 0),
        verified_at=datetime.fromisoformat(verified_at) if verified_at else None,
    )  # fmt: skip
