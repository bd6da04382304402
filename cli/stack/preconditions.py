"""What must be true before the embedded stack can start: a folder, a lock on it, a port, secrets."""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
from pathlib import Path
from typing import IO

from common.errors import AlreadyRunning, InvalidInput


def prepare_data_dir(data_dir: Path) -> Path:
    """Make the folder, see that it can be written. Raises InvalidInput."""
    folder = data_dir.resolve()
    try:
        for name in ("", "logs", "redis", "runs", "models_finetuned", "datasets", "work"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        probe = folder / ".write-probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as problem:
        raise InvalidInput(
            f"The data directory {folder} cannot be written: {problem.strerror}.",
            remedy="Choose another with --data-dir DIR, or change its owner.",
        ) from problem
    return folder


def hold_data_dir(data_dir: Path) -> IO[str]:
    """Lock the data directory for this process. Raises AlreadyRunning with the other's pid."""
    lock = (data_dir / ".lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise AlreadyRunning(
            f"Another CLIP Browser (process {owner}) already uses {data_dir}.",
            remedy="Stop that one first, or choose another --data-dir.",
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def require_free_port(host: str, port: int) -> None:
    """Raises AlreadyRunning when something listens there already."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            raise AlreadyRunning(
                f"Port {port} on {host} cannot be used: {problem.strerror}.",
                remedy=f"Stop what listens there, or start with --port {port + 1}.",
            ) from problem


def free_port() -> int:
    """A port nobody listens on right now, on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def keep_secret(path: Path) -> str:
    """The secret kept in this file (mode 0600), made at the first start."""
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as handle:
            handle.write(secrets.token_urlsafe(32))
    return path.read_text("utf-8").strip()
