"""Backups by themselves: beat's message only looks whether one is due; a process of its own makes it.

So the maintenance worker goes on with what lags behind, however long a backup takes.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from functools import partial

from common.backup.lease import is_held, note_failure
from common.backup.making import make_backup
from common.backup.schedule import due_at, tell_next
from common.db.engine import open_engine, session_factory
from common.db.tables import now
from common.errors import AlreadyRunning, ClipBrowserError
from common.file_modes import keep_private
from common.logs import configure_logging
from common.processes import die_with_parent
from common.settings import as_environment, load_settings
from workers.runtime.services import Services

log = logging.getLogger(__name__)
_running: list[subprocess.Popen[bytes]] = []  # of this process, one at most


def begin_due(services: Services) -> bool:
    """Start a backup if the settings ask for one, it is time, and none runs; whether it was started."""
    settings = services.settings
    _running[:] = [each for each in _running if each.poll() is None]
    if not settings.backup_to or _running:
        return False
    with services.readers() as session:
        due, is_under_way = due_at(session, settings), is_held(session)
    tell_next(services.queue.redis, due)
    if is_under_way or now() < due:
        return False
    _running.append(
        subprocess.Popen(
            [sys.executable, "-m", "workers.ops.scheduled_backup"], stdin=subprocess.DEVNULL,
            env=as_environment(settings), preexec_fn=partial(die_with_parent, None),
        )
    )  # fmt: skip
    return True


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
