"""Files on this machine's disk: written whole or not at all, their errors in the project's words."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from common.errors import ClipBrowserError, DiskFull, InvalidInput, StoreUnavailable
from common.store.keys import TEMPORARY_PREFIX

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
IN_THE_WAY = (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY)
COPY_BYTES = 1024 * 1024
SPARE_BYTES = 256 * 1024 * 1024  # of the disk, for everything but uploads
POSTGRES_FULL = "53100"  # disk_full, in PostgreSQL's appendix A


def disk_error(error: OSError, path: Path) -> ClipBrowserError:
    """The project's error for one of the operating system's."""
    reason = error.strerror or str(error)
    if error.errno in FULL:
        return DiskFull(f"'{path}' cannot be written: {reason.lower()}")
    if error.errno in IN_THE_WAY:
        return InvalidInput(
            f"'{path}' cannot be written: a file and a folder would have the same name",
            remedy="Choose another name, or delete what is there.",
        )
    if error.errno in DENIED:
        return StoreUnavailable(
            f"'{path}' cannot be used: {reason.lower()}",
            remedy="Let the service's user read and write this folder, or choose another one.",
        )
    return StoreUnavailable(
        f"'{path}' cannot be used: {reason.lower()}",
        remedy="Check the disk and that the folder is mounted, then try again.",
    )


def is_disk_full(problem: BaseException | None) -> bool:
    """Whether an exception, or what it came of, means that there is no space left: of the system, SQLite, PostgreSQL."""
    while problem is not None:
        if isinstance(problem, OSError) and problem.errno in FULL:
            return True
        if getattr(problem, "sqlite_errorname", "") == "SQLITE_FULL":
            return True
        if getattr(problem, "sqlstate", "") == POSTGRES_FULL:
            return True
        problem = getattr(problem, "orig", None) or problem.__cause__
    return False


def require_room(folder: Path, size_bytes: int, promised_bytes: int = 0) -> None:
    """Raises DiskFull unless so much can be written below a folder and SPARE_BYTES stay free.

    promised_bytes: what others have announced and not sent yet.
    """
    free = shutil.disk_usage(folder).free
    if free >= size_bytes + promised_bytes + SPARE_BYTES:
        return
    announced = (
        f", of which {promised_bytes:,} are announced for other uploads" if promised_bytes else ""
    )
    raise DiskFull(
        f"There is no room for {size_bytes:,} bytes: {free:,} are free{announced}, and {SPARE_BYTES:,} stay "
        "free for everything else.",
        details={
            "free_bytes": free,
            "promised_bytes": promised_bytes,
            "reserve_bytes": SPARE_BYTES,
        },
    )


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Raises the project's error in place of an OSError."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, path) from error


def write_whole(path: Path, fill: Callable[[BinaryIO], object], attempts: int = 20) -> None:
    """Let fill write a new file that then takes path's place; on an error it vanishes.

    Makes the folder, and begins again when a concurrent delete takes it away meanwhile. Synced
    before the rename, and the folder after it: what was put survives a power cut. Raises OSError.
    """
    for attempt in range(attempts):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_once(path, fill)
            return
        except (FileNotFoundError, FileExistsError):
            if attempt == attempts - 1:
                raise


def remove_folder(folder: Path, attempts: int = 20) -> None:
    """Remove a folder, also while a writer in it makes or takes away its temporary file. Raises OSError."""
    for attempt in range(attempts):
        try:
            shutil.rmtree(folder)
            return
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY) or attempt == attempts - 1:
                raise
            if not folder.exists():
                return


def copy_whole(source: BinaryIO, path: Path) -> None:
    """`write_whole` of a seekable stream's content."""

    def fill(target: BinaryIO) -> None:
        source.seek(0)
        shutil.copyfileobj(source, target, COPY_BYTES)

    write_whole(path, fill)


def _write_once(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    temporary = path.with_name(TEMPORARY_PREFIX + secrets.token_hex(8))
    try:
        with open(temporary, "xb") as stream:
            fill(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return  # deleted since, with the file
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
