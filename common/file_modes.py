"""Who on this machine may read what the service writes: nobody but the user it runs as."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

log = logging.getLogger(__name__)
PRIVATE_UMASK = 0o077
FOLDER, FILE = 0o700, 0o600
SECRETS = (".secret-key", ".redis-password", "cli.json")
SQLITE = "sqlite:///"


def keep_private(data_dir: Path, database_url: str) -> None:
    """Files and folders made from now on are this user's alone, and so are those that matter most.

    Mends what an earlier version left: the data folder 0700, the database (with its -wal and -shm)
    and secrets 0600. What belongs to another user stays as it is, with a warning.
    """
    os.umask(PRIVATE_UMASK)
    if data_dir.is_dir():
        _restrict(data_dir, FOLDER)
    for path in (*_database_files(database_url), *(data_dir / name for name in SECRETS)):
        if path.is_file():
            _restrict(path, FILE)


def _database_files(url: str) -> Iterator[Path]:
    if url.startswith(SQLITE):
        path = unquote(url.removeprefix(SQLITE).partition("?")[0])
        yield from (Path(path + ending) for ending in ("", "-wal", "-shm", "-journal"))


def _restrict(path: Path, mode: int) -> None:
    if path.stat().st_mode & 0o777 & ~mode == 0:
        return
    try:
        path.chmod(mode)
    except PermissionError:
        log.warning("%s can be read by others, and is not ours to change: chmod %o", path, mode)
