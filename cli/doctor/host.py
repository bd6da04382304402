"""This machine, or this container: disks, memory, shared memory."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from cli.doctor.findings import Finding, State
from cli.doctor.place import Place
from common.store.disk import SPARE_BYTES

GIB = 1024**3
MIB = 1024**2
LITTLE_BYTES = 5 * GIB  # a checkpoint of ViT-B-32 with its optimizer is 1.8 GB
LITTLE_MEMORY_BYTES, NO_MEMORY_BYTES = 2 * GIB, GIB // 2
LITTLE_SHARED_BYTES = GIB
FEW_INODES = 10_000
CGROUP = Path("/sys/fs/cgroup")
NETWORK = frozenset(["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph"])


def look_at_disks(place: Place) -> Iterator[Finding]:
    """The data folder's and the one for temporary files: room, files, and what kind they are."""
    folders = {"data": place.settings.data_dir.resolve(), "tmp": Path(tempfile.gettempdir())}
    for name, wanted in folders.items():
        folder = _existing(wanted)
        try:
            yield _room(f"disk: {name}", folder)
        except OSError as problem:
            yield Finding(
                f"disk: {name}", "fail", f"{folder} cannot be read: {problem.strerror}",
                "Let the service's user read and write this folder.",
            )  # fmt: skip
    if place.database is not None and place.database.dialect.name == "sqlite":
        yield from _file_system(Path(str(place.database.url.database)))


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists())


def _room(check: str, folder: Path) -> Finding:
    usage = shutil.disk_usage(folder)
    found = f"{_size(usage.free)} of {_size(usage.total)} free at {folder}"
    state: State = "ok"
    if usage.free < SPARE_BYTES:
        state = "fail"
    elif usage.free < LITTLE_BYTES:
        state = "warn"
    if state != "ok":
        remedy = f"Free some: uploads stop below {_size(SPARE_BYTES)}, and a checkpoint takes 2 GB or more."
        return Finding(check, state, found, remedy)
    inodes = os.statvfs(folder)
    if inodes.f_files and inodes.f_favail < FEW_INODES:
        return Finding(
            check, "warn", f"{found}, but only {inodes.f_favail:,} more files",
            "Remove small files, or make the file system anew with more inodes.",
        )  # fmt: skip
    return Finding(check, "ok", found)


def _file_system(database: Path) -> Iterator[Finding]:
    """SQLite's locks hold on disks of this machine alone (sqlite.org/wal.html)."""
    parts = psutil.disk_partitions(all=True)
    holds = [part for part in parts if database.is_relative_to(part.mountpoint)]
    kind = max(holds, key=lambda part: len(part.mountpoint)).fstype if holds else "unknown"
    if kind in NETWORK:
        yield Finding(
            "disk: database", "fail", f"{database} lies on a network file system ({kind})",
            "Move the data folder to a disk of this machine, or use PostgreSQL.",
        )  # fmt: skip


def look_at_memory(_: Place) -> Iterator[Finding]:
    """What is free of the machine's, and of the container's where it has a limit."""
    memory = psutil.virtual_memory()
    yield _memory("memory", memory.available, memory.total)
    limit = _limit(CGROUP)
    if limit is not None:
        yield _memory("memory: container", limit[1] - limit[0], limit[1])


def _memory(check: str, free: int, total: int) -> Finding:
    found = f"{_size(free)} of {_size(total)} free"
    if free >= LITTLE_MEMORY_BYTES:
        return Finding(check, "ok", found)
    state: State = "fail" if free < NO_MEMORY_BYTES else "warn"
    return Finding(
        check, state, found, "Close other programs, or give it more: training takes 3 GB and more."
    )


def _limit(cgroup: Path) -> tuple[int, int] | None:
    """(used, limit) in bytes of this process's container (cgroup v2); None without a limit."""
    try:
        limit = (cgroup / "memory.max").read_text().strip()
        used = int((cgroup / "memory.current").read_text())
        cached = [
            int(line.split()[1])
            for line in (cgroup / "memory.stat").read_text().splitlines()
            if line.startswith("inactive_file ")
        ]
    except (OSError, ValueError):
        return None
    return None if limit == "max" else (used - sum(cached), int(limit))


def look_at_shared_memory(_: Place) -> Iterator[Finding]:
    """/dev/shm, through which a training's loaders hand over pictures."""
    folder = Path("/dev/shm")
    if sys.platform != "linux" or not folder.is_dir():
        return
    usage = shutil.disk_usage(folder)
    found = f"{_size(usage.free)} of {_size(usage.total)} free at {folder}"
    if usage.free >= LITTLE_SHARED_BYTES:
        yield Finding("shared memory", "ok", found)
        return
    yield Finding(
        "shared memory", "warn", found,
        "Matters where trainings run: give a GPU worker's container `shm_size: 2gb` or more.",
    )  # fmt: skip


def _size(count: int) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / MIB:.0f} MiB"
