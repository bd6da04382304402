"""Backups by themselves: beat's message only looks whether one is due; a process of its own makes it.

So the maintenance worker goes on with what lags behind, however long a backup takes.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.backup.lease import is_held, note_failure
from common.backup.making import make_backup
from common.db.engine import open_engine, session_factory
from common.db.tables import Backup, now
from common.errors import AlreadyRunning, ClipBrowserError
from common.file_modes import keep_private
from common.logs import configure_logging
from common.processes import die_with_parent
from common.settings import Settings, as_environment, load_settings
from workers.runtime.services import Services

log = logging.getLogger(__name__)
AGAIN_AFTER_H = 1.0  # a backup that failed
_running: list[subprocess.Popen[bytes]] = []  # of this process, one at most


def begin_due(services: Services) -> bool:
    """Start a backup if the settings ask for one, it is time, and none runs; whether it was started."""
    settings = services.settings
    _running[:] = [each for each in _running if each.poll() is None]
    if not settings.backup_to or _running:
        return False
    with services.readers() as session:
        if is_held(session) or now() < due_at(session, settings):
            return False
    _running.append(
        subprocess.Popen(
            [sys.executable, "-m", "workers.ops.scheduled_backup"], stdin=subprocess.DEVNULL,
            env=as_environment(settings), preexec_fn=partial(die_with_parent, None),
        )
    )  # fmt: skip
    return True


def due_at(session: Session, settings: Settings) -> datetime:
    """When the next backup is to begin: so long after the last one began, sooner if that failed."""
    last = session.scalar(
        select(Backup).where(Backup.is_scheduled).order_by(Backup.started_at.desc()).limit(1)
    )
    if last is None:
        return datetime.min.replace(tzinfo=now().tzinfo)
    hours = settings.backup_every_hours
    if last.state != "succeeded":
        hours = min(hours, AGAIN_AFTER_H)
    return last.started_at + timedelta(hours=hours)


def main() -> int:
    """Make one backup as the settings say; 1 when it failed, which is in the log and in the database."""
    settings = load_settings()
    configure_logging("backup", settings)
    keep_private(settings.data_dir, settings.database)
    began = now()
    try:
        manifest, figures = make_backup(
            settings, settings.backup_to, keep=settings.backup_keep, scheduled=True
        )
    except AlreadyRunning:
        return 0
    except ClipBrowserError as problem:
        note_failure(session_factory(open_engine(settings.database)), began, problem)
        log.error("the backup failed: %s %s", problem.message, problem.remedy)
        return 1
    log.info("backup %s is whole: %s", manifest.name, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
