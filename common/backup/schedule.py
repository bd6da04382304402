"""When the next backup begins by itself. Who makes them tells it to Redis: the place is a secret that others are not given."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

import redis as redis_client
from sqlalchemy import select
from sqlalchemy.orm import Session

from common.db.tables import Backup, now
from common.settings import Settings

AGAIN_AFTER_H = 1.0  # a backup that failed
NEXT_AT = "clip-browser:next-backup"
KNOWN_S = 600  # it is told every minute; without a worker that makes backups none is to come


def due_at(session: Session, settings: Settings) -> datetime:
    """When the next backup is to begin: so long after the last one began, sooner if that failed."""
    last = last_scheduled(session)
    if last is None:
        return datetime.min.replace(tzinfo=now().tzinfo)
    hours = settings.backup_every_hours
    if last.state != "succeeded":
        hours = min(hours, AGAIN_AFTER_H)
    return last.started_at + timedelta(hours=hours)


def last_scheduled(session: Session) -> Backup | None:
    """The one that began by itself last."""
    by_itself = select(Backup).where(Backup.is_scheduled)
    return session.scalar(by_itself.order_by(Backup.started_at.desc()).limit(1))


def tell_next(redis: redis_client.Redis, due: datetime) -> None:
    """To whoever shows it. A Redis that is away hears it a minute later."""
    with suppress(redis_client.RedisError):
        redis.set(NEXT_AT, max(due, now()).isoformat(), ex=KNOWN_S)


def read_next(redis: redis_client.Redis) -> datetime | None:
    """When the next one is to begin; None where none is scheduled, or who makes them is away. Raises RedisError."""
    told = redis.get(NEXT_AT)
    return datetime.fromisoformat(str(told)) if told else None
