"""The embedded stack: every process of the service on one machine, started and stopped together."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import redis

from cli.stack.preconditions import (
    free_port,
    hold_data_dir,
    keep_secret,
    prepare_data_dir,
    require_free_port,
)
from cli.stack.redis_server import redis_command
from common.db.engine import refuse_newer_schema
from common.errors import Internal, InvalidInput
from common.file_modes import keep_private
from common.logs import Event, configure_logging, tell
from common.processes import describe_end, die_with_parent
from common.settings import Settings, as_environment, load_settings

log = logging.getLogger(__name__)
READY_TIMEOUT_S = 90.0
STOP_MARGIN_S = 5.0
RESTART_AFTER_S = 1.0


@dataclass
class StackProcess:
    """A process of the stack. `presence`: the names its workers announce in Redis."""

    name: str
    command: Sequence[str]
    presence: Sequence[str] = ()
    running: subprocess.Popen[bytes] | None = None
    started: float = 0.0


def run_stack(settings: Settings, *, gpu_workers: int) -> int:
    """Start all, print the sign-in link, wait for Ctrl-C or SIGTERM, stop all."""
    if not 0 <= gpu_workers <= 64:
        raise InvalidInput(f"--gpu-workers is {gpu_workers}", remedy="Use a number from 0 to 64.")
    keep_private(settings.data_dir, settings.database)
    data_dir = prepare_data_dir(settings.data_dir)
    with hold_data_dir(data_dir):
        refuse_newer_schema(settings.database)
        require_free_port(settings.host, settings.port)
        settings = _embedded_settings(settings, data_dir)
        configure_logging("up", settings)
        return _Stack(settings, gpu_workers).run()


def _embedded_settings(settings: Settings, data_dir: Path) -> Settings:
    secret_key = settings.secret_key or keep_secret(data_dir / ".secret-key")
    password = keep_secret(data_dir / ".redis-password")
    return load_settings(
        **{
            **settings.model_dump(),
            "data_dir": data_dir,
            "secret_key": secret_key,
            "redis_url": f"redis://:{password}@127.0.0.1:{free_port()}/0",
            "stack": "embedded",
        }
    )


def _stack_processes(settings: Settings, gpu_workers: int) -> list[StackProcess]:
    python = [sys.executable, "-m"]
    # maintenance by itself: it waits for the store, and writes large files
    specs = [
        "captions=captions:solo",
        "maintenance=maintenance:solo",
        "search=search:solo",
        "cpu=cpu",
    ]
    specs += [f"gpu{number}=gpu" for number in range(1, gpu_workers + 1)]
    names = [spec.split("=")[0] for spec in specs]
    return [
        StackProcess("api", [*python, "api.serve"]),
        StackProcess(
            "workers", [*python, "workers.runtime.start", "fleet", *specs], presence=names
        ),
    ]


class _Stack:
    """The processes of one `up`."""

    def __init__(self, settings: Settings, gpu_workers: int) -> None:
        self._settings = settings
        self._environment = {
            **as_environment(settings),
            "CLIP_BROWSER_SUPERVISOR_PID": str(os.getpid()),
            "PYTHONUNBUFFERED": "1",
        }
        self._environment.pop(
            "PYTHONDONTWRITEBYTECODE", None
        )  # without it each start compiles anew
        command, self._redis_name = redis_command(settings.redis_url, settings.data_dir / "redis")
        self._redis = StackProcess("redis", command)
        self._processes = _stack_processes(settings, gpu_workers)
        self._stopping = False

    def run(self) -> int:
        """Until a signal comes."""
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, self._ask_to_stop)
        began = time.monotonic()
        try:
            self._start_all()
            if not self._stopping:
                print(f"  ready in {time.monotonic() - began:.1f} s", flush=True)
                self._greet()
            while not self._stopping:
                self._revive()
                time.sleep(0.25)
            return 0
        finally:
            self._stop_all()

    def _ask_to_stop(self, *_: object) -> None:
        self._stopping = True

    def _start_all(self) -> None:
        print(f"Starting CLIP Browser in {self._settings.data_dir}", flush=True)
        self._launch(self._redis)
        self._wait_for(self._redis_answers, self._redis)
        print(f"  {self._redis_name} is ready", flush=True)
        preparing = self._first_start()
        for process in self._processes:
            self._launch(process)
        self._collect_first_start(preparing)
        for process in self._processes:
            for name, ready in self._conditions(process):
                self._wait_for(ready, process)
                if not self._stopping:
                    print(f"  {name} is ready", flush=True)

    def _launch(self, process: StackProcess) -> None:
        log = (self._settings.data_dir / "logs" / f"{process.name}.log").open("ab")
        with log:
            process.running = subprocess.Popen(
                process.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self._environment, start_new_session=True, preexec_fn=_tie_to_parent,
            )  # fmt: skip
        process.started = time.monotonic()

    def _first_start(self) -> subprocess.Popen[bytes]:
        """Migrate, see that there is an admin, make the link: in a process of its own, meanwhile."""
        return subprocess.Popen(
            [sys.executable, "-m", "cli.stack.first_start"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self._environment,
            start_new_session=True, preexec_fn=_tie_to_parent,
        )  # fmt: skip

    def _collect_first_start(self, preparing: subprocess.Popen[bytes]) -> None:
        out, err = preparing.communicate(timeout=READY_TIMEOUT_S)
        with (self._settings.data_dir / "logs" / "first-start.log").open("ab") as told:
            told.write(err)
        if preparing.returncode != 0:
            last = err.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
            raise Internal(
                f"The database could not be prepared: {last[0]}",
                remedy="Look at the message; a backup of the data directory helps before retrying.",
            )
        facts: dict[str, Any] = json.loads(out)
        self._link, self._note = facts["link"], facts["note"]
        path = self._settings.data_dir / "cli.json"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
            reached = {"url": self._settings.address, "redis_url": self._settings.redis_url}
            json.dump({**reached, "token": facts["token"]}, handle)

    def _greet(self) -> None:
        print(f"\n  Open this link to sign in (it works once, for a day):\n\n    {self._link}\n")
        if self._note:
            print(f"  {self._note}\n")
        print("  Press Ctrl-C to stop.", flush=True)

    def _redis_answers(self) -> bool:
        try:
            with redis.Redis.from_url(self._settings.redis_url, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def _conditions(self, process: StackProcess) -> list[tuple[str, Callable[[], bool]]]:
        """What must be true before a process counts as ready, with the name to print."""
        if process.name == "api":
            return [("api", self._api_answers)]
        return [(f"worker {name}", partial(self._is_present, name)) for name in process.presence]

    def _api_answers(self) -> bool:
        host = "127.0.0.1" if self._settings.host in ("0.0.0.0", "::") else self._settings.host
        shown = f"[{host}]" if ":" in host else host
        try:
            with urllib.request.urlopen(
                f"http://{shown}:{self._settings.port}/readyz", timeout=5
            ) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _is_present(self, name: str) -> bool:
        key = f"clip-browser:worker:{name}@{socket.gethostname()}"
        try:
            with redis.Redis.from_url(self._settings.redis_url, socket_timeout=2) as client:
                return bool(client.exists(key))
        except redis.RedisError:
            return False

    def _wait_for(self, ready: Callable[[], bool], process: StackProcess) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not self._stopping and not ready():
            if process.running is not None and process.running.poll() is not None:
                raise Internal(
                    f"{process.name} ended at its start: {self._last_line(process)}",
                    remedy=f"Read {self._log_path(process)}.",
                )
            if time.monotonic() > deadline:
                raise Internal(
                    f"{process.name} was not ready after {READY_TIMEOUT_S:.0f} s.",
                    remedy=f"Read {self._log_path(process)}.",
                )
            time.sleep(0.1)

    def _log_path(self, process: StackProcess) -> Path:
        return self._settings.data_dir / "logs" / f"{process.name}.log"

    def _last_line(self, process: StackProcess) -> str:
        lines = self._log_path(process).read_text("utf-8", errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else "it said nothing"

    def _revive(self) -> None:
        """Start again what has ended by itself; the jobs it ran are found by the reaper."""
        for process in [self._redis, *self._processes]:
            if process.running is None or process.running.poll() is None:
                continue
            if time.monotonic() - process.started < RESTART_AFTER_S:
                continue
            code = process.running.returncode
            tell(
                log, Event.PROCESS_RESTARTED,
                f"{process.name} ended ({describe_end(code)}); starting it again",
                logging.ERROR, member=process.name, pid=process.running.pid, exit_code=code,
            )  # fmt: skip
            self._launch(process)

    def _stop_all(self) -> None:
        """Workers first (they save and give their jobs back), Redis last."""
        print(
            "\nStopping: running jobs save what they have and go on at the next start.", flush=True
        )
        grace_s = self._settings.stop_grace_s + STOP_MARGIN_S
        _end([process for process in self._processes if process.name != "api"], grace_s)
        _end([process for process in self._processes if process.name == "api"], STOP_MARGIN_S)
        _end([self._redis], STOP_MARGIN_S)
        print("Stopped.", flush=True)


def _tie_to_parent() -> None:
    """Runs in a new process before its program: the kernel ends it when `up` ends."""
    if sys.platform == "linux":
        die_with_parent()


def _end(processes: list[StackProcess], grace_s: float) -> None:
    """SIGTERM to each process, SIGKILL to each and its descendants after `grace_s` seconds."""
    living = [one.running for one in processes if one.running and one.running.poll() is None]
    families = [descendant for one in living for descendant in _descendants(one.pid)]
    for one in living:
        one.terminate()
    deadline = time.monotonic() + grace_s
    for one in living:
        try:
            one.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            families += _descendants(one.pid)
            one.kill()
            one.wait()
    for descendant in families:
        if descendant.is_running():
            descendant.kill()


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        found: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []
    return found
