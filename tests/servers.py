"""Real servers for tests: Redis, PostgreSQL and S3, on free ports of this machine, in temporary folders.

Fixtures, one server a session, started when first asked for:
    redis_url       redis://127.0.0.1:PORT/0, no persistence; shared, so flush or use own key names
    postgres_url    a new, empty database of its own for each test that asks
    s3_url          s3://key:secret@127.0.0.1:PORT/clip-browser-tests?secure=0, MinIO or SeaweedFS where they are here, else rclone
    s3_server       the same for each kind of server that is here (tests run once per kind), with no bucket yet

For a server that a test stops, kills or pauses itself, use it as a context manager:
    with redis_server(tmp_path) as server:
        server.url; server.stop(); server.start(); server.kill(); server.pause(); server.resume()
(`start()` after `stop()` or `kill()` comes back on the same port with the same data.)
"""

from __future__ import annotations

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from bench import stack
from tests.server_programs import (
    S3_INSTRUCTION,
    minio_program,
    postgres_programs,
    rclone_program,
    redis_program,
    s3_kinds,
    seaweedfs_program,
)

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1  # linux/prctl.h
READY_S = 60.0
STOP_S = 15.0
S3_KEY, S3_SECRET = "clip-browser", "a secret/with@signs"
# How docker-compose.yml starts SeaweedFS, so that it sets little room aside
SEAWEEDFS_OPTIONS = ["-volume.max=0", "-master.volumeSizeLimitMB=512", "-master.telemetry=false"]
SEAWEEDFS_SETTINGS = {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    return stack.free_port()


@dataclass
class Server:
    """A server process: its URL, and how to stop, kill, pause and restart it."""

    url: str
    command: list[str]
    ready: Callable[[], bool]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id. Raises AssertionError when it does not run."""
        assert self.process is not None, f"{self.command[0]} does not run"
        return self.process.pid

    def start(self) -> None:
        """Start it and wait until it answers. Raises AssertionError with its log otherwise."""
        account = pwd.getpwnam(self.user) if self.user else None
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
                preexec_fn=_die_with_parent,
            )
        until = time.monotonic() + READY_S
        while time.monotonic() < until and self.process.poll() is None:
            if self.ready():
                return
            time.sleep(0.05)
        self.kill()
        raise AssertionError(f"{self.command[0]} is not ready:\n{self.log.read_text()[-3000:]}")

    def stop(self) -> None:
        """Ask it to end, and wait; kill it when it does not."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Let it hang: it keeps its connections and answers nothing. On a busy machine its threads run on for a moment."""
        os.kill(self.pid, signal.SIGSTOP)
        until = time.monotonic() + READY_S
        while time.monotonic() < until and not _has_stopped(self.pid):
            time.sleep(0.005)

    def resume(self) -> None:
        """Go on after `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.send_signal(signal.SIGCONT)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_S)
        self.process = None


@contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[Server]:
    """Redis or Valkey with its data in folder. options: further ones, as on its command line."""
    port = free_port()
    command = [redis_program(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    command += ["--save", "", "--maxmemory-policy", "noeviction", *options]
    yield from _running(
        Server(
            url=f"redis://127.0.0.1:{port}/0",
            command=command,
            ready=lambda: _answers_ping(port),
            log=folder / "redis.log",
        )
    )


@contextmanager
def minio_server(folder: Path) -> Iterator[Server]:
    """MinIO with its data in folder. Its url names the bucket clip-browser-tests, not yet made."""
    port = free_port()
    program = minio_program()
    assert program, S3_INSTRUCTION
    yield from _running(
        Server(
            url=_s3_url(port),
            command=[program, "server", str(folder / "minio"), "--address", f"127.0.0.1:{port}"],
            environment={
                "MINIO_ROOT_USER": S3_KEY,
                "MINIO_ROOT_PASSWORD": S3_SECRET,
                "MINIO_BROWSER": "off",
                "MINIO_UPDATE": "off",
                "HOME": str(folder),
            },
            ready=lambda: _http_status(f"http://127.0.0.1:{port}/minio/health/ready") == 200,
            log=folder / "minio.log",
        )
    )


@contextmanager
def seaweedfs_server(folder: Path) -> Iterator[Server]:
    """SeaweedFS as `docker-compose.yml` starts it, with its data in folder; its url as in minio_server."""
    program = seaweedfs_program()
    assert program, S3_INSTRUCTION
    parts = ("master", "volume", "filer", "s3")
    ports = {f"{part}.{kind}": free_port() for part in parts for kind in ("port", "port.grpc")}
    data = folder / "seaweedfs"
    data.mkdir(exist_ok=True)
    command = [program, "-logtostderr=true", "server", f"-dir={data}", "-ip=127.0.0.1"]
    command += ["-ip.bind=127.0.0.1", "-s3", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    command += SEAWEEDFS_OPTIONS
    command += [f"-filer.localSocket={folder}/filer", f"-s3.localSocket={folder}/s3"]
    command += [f"-{name}={port}" for name, port in ports.items()]
    here = "http://127.0.0.1"
    yield from _running(
        Server(
            url=_s3_url(ports["s3.port"]),
            command=command,
            environment={
                "AWS_ACCESS_KEY_ID": S3_KEY,
                "AWS_SECRET_ACCESS_KEY": S3_SECRET,
                **SEAWEEDFS_SETTINGS,
            },
            ready=lambda: (
                _http_status(f"{here}:{ports['s3.port']}/healthz") == 200
                and _http_status(f"{here}:{ports['master.port']}/dir/assign") == 200
            ),
            log=folder / "seaweedfs.log",
            # asked to end, it takes 25 s: ten for others to look away, and the rest for news that nobody takes any more
            stop_signal=signal.SIGKILL,
        )
    )


@contextmanager
def rclone_server(folder: Path) -> Iterator[Server]:
    """`rclone serve s3` over a folder; its url as in minio_server."""
    port = free_port()
    program = rclone_program()
    assert program, S3_INSTRUCTION
    data = folder / "rclone"
    data.mkdir(exist_ok=True)
    command = [program, "serve", "s3", str(data), "--addr", f"127.0.0.1:{port}"]
    command += ["--auth-key", f"{S3_KEY},{S3_SECRET}", "--config", str(folder / "rclone.conf")]
    yield from _running(
        Server(
            url=_s3_url(port),
            command=command,
            ready=lambda: _http_status(f"http://127.0.0.1:{port}/") > 0,
            log=folder / "rclone.log",
        )
    )


@contextmanager
def postgres_server(folder: Path, *options: str) -> Iterator[Server]:
    """PostgreSQL with its data in folder, which its user owns from then on. options: as for Redis."""
    programs, user = postgres_programs(folder)
    port = free_port()
    data = folder / "postgres"
    if user:
        shutil.chown(folder, user)
    _run_as(user, [programs / "initdb", "-D", data, "-U", "clip", "-A", "trust", "-E", "UTF8"])
    command = [programs / "postgres", "-D", data, "-p", port, "-h", "127.0.0.1", "-k", folder]
    command += ["-c", "fsync=off", "-c", "max_connections=200", *options]
    url = f"postgresql://clip@127.0.0.1:{port}/postgres"
    yield from _running(
        Server(
            url=url,
            command=[str(part) for part in command],
            ready=lambda: _answers_sql(url),
            log=folder / "postgres.log",
            user=user,
            stop_signal=signal.SIGINT,  # the fast shutdown; SIGTERM waits for clients
        )
    )


S3_SERVERS: dict[str, Callable[[Path], AbstractContextManager[Server]]] = {
    "minio": minio_server,
    "seaweedfs": seaweedfs_server,
    "rclone": rclone_server,
}


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """URL of a Redis shared by the session's tests."""
    with server_folder() as folder, redis_server(folder) as server:
        yield server.url


@pytest.fixture(scope="session")
def postgres_session() -> Iterator[Server]:
    """The session's PostgreSQL; tests ask for `postgres_url`."""
    with server_folder() as folder, postgres_server(folder) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_session: Server) -> Iterator[str]:
    """postgresql://clip@127.0.0.1:PORT/NAME of a new, empty database, dropped afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_session.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield postgres_session.url.replace("/postgres", f"/{name}")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session", params=s3_kinds() or ["none"])
def s3_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Each real S3 server that is here, in turn; fails where there is none."""
    if request.param == "none":
        pytest.fail(S3_INSTRUCTION)
    with server_folder() as folder, S3_SERVERS[request.param](folder) as server:
        yield server


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """Store URL of the best S3 server that is here; fails where there is none."""
    kinds = s3_kinds()
    if not kinds:
        pytest.fail(S3_INSTRUCTION)
    with server_folder() as folder, S3_SERVERS[kinds[0]](folder) as server:
        yield server.url


@contextmanager
def server_folder() -> Iterator[Path]:
    """A temporary folder that another user may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="clip-browser-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _has_stopped(pid: int) -> bool:
    """Whether all of its threads have."""
    stats = [each.read_text() for each in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)


def _run_as(user: str | None, command: list[str | Path]) -> None:
    account = pwd.getpwnam(user) if user else None
    done = subprocess.run(
        [str(part) for part in command],
        check=False,
        capture_output=True,
        text=True,
        timeout=READY_S,
        cwd="/",
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
    )
    assert done.returncode == 0, f"{command[0]} failed: {done.stdout}{done.stderr}"


def _running(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _die_with_parent() -> None:
    """In the child: end when the tests' process ends, however that comes about (Linux)."""
    if sys.platform == "linux":
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _s3_url(port: int) -> str:
    secret = S3_SECRET.replace("/", "%2F").replace("@", "%40").replace(" ", "%20")
    return f"s3://{S3_KEY}:{secret}@127.0.0.1:{port}/clip-browser-tests?secure=0"


def _http_status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=1) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def _answers_ping(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith(b"+PONG")
    return False


def _answers_sql(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
