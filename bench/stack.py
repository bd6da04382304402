"""A real embedded stack for measurements and system tests, and a small client for it."""

from __future__ import annotations

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import httpx

PASSWORD = "a password for measurements"
READY_TIMEOUT_S = 120.0
FINISHED = ("succeeded", "failed", "stopped")
FIRST_PORT, PORTS, SHARES = 20_000, 12_000, 8
_turns = count(secrets.randbelow(PORTS // SHARES))


def free_port() -> int:
    """A port of loopback that nobody listens on, nor will before whoever asked does, or until its server is back.

    The system gives clients theirs from another range (Linux: from 32,768 on), pytest-xdist's processes share none.
    """
    while True:
        port = FIRST_PORT + (SHARES * next(_turns) + _share()) % PORTS
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _share() -> int:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    return int(worker) % SHARES if worker.isdigit() else 0


class Stack:
    """A running `clip-browser up`: its process, what it printed, and a signed-in HTTP client."""

    def __init__(self, process: subprocess.Popen[str], url: str, data_dir: Path) -> None:
        self.process = process
        self.url = url
        self.data_dir = data_dir
        self.printed: list[str] = []
        self.ready_s = 0.0
        self.http = httpx.Client(base_url=f"{url}/api/v1", timeout=120)

    @property
    def link(self) -> str:
        """The one-time sign-in link that was printed."""
        found = re.search(r"http\S+/signin\?token=\S+", "\n".join(self.printed))
        assert found is not None, self.printed
        return found.group(0)

    def wait_until_ready(self) -> None:
        """Read what it prints up to the sign-in link. Raises RuntimeError when it ends before."""
        began = time.monotonic()
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed.append(line.rstrip())
            if "/signin?token=" in line:
                self.ready_s = time.monotonic() - began
                return
        raise RuntimeError("the stack did not start:\n" + "\n".join(self.printed))

    def sign_in(self) -> None:
        """Sign in as admin by password; later calls carry the token."""
        answer = self.call("POST", "/auth/login", json={"username": "admin", "password": PASSWORD})
        self.http.headers["Authorization"] = f"Bearer {answer['token']}"

    def call(self, method: str, path: str, **options: Any) -> Any:
        """One request; its JSON. Raises RuntimeError with the service's own words."""
        answer = self.http.request(method, path, **options)
        if answer.status_code >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def start_job(self, dataset: str, kind: str, **params: Any) -> dict[str, Any]:
        """A new job of a dataset."""
        body = {"kind": kind, "params": params}
        job: dict[str, Any] = self.call("POST", f"/datasets/{dataset}/jobs", json=body)
        return job

    def wait_for_job(self, job_id: str, timeout_s: float = 600) -> dict[str, Any]:
        """The job once it has ended. Raises TimeoutError."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            job: dict[str, Any] = self.call("GET", f"/jobs/{job_id}")
            if job["state"] in FINISHED:
                return job
            time.sleep(0.2)
        raise TimeoutError(f"job {job_id} has not ended after {timeout_s} s")

    def run_job(self, dataset: str, kind: str, **params: Any) -> dict[str, Any]:
        """Start a job and wait for it. Raises RuntimeError unless it succeeded."""
        return self.succeeded(self.start_job(dataset, kind, **params)["id"])

    def succeeded(self, job_id: str, timeout_s: float = 1800) -> dict[str, Any]:
        """The job, once it has succeeded. Raises RuntimeError with its error and log otherwise."""
        job = self.wait_for_job(job_id, timeout_s)
        if job["state"] != "succeeded":
            log = self.http.get(f"/jobs/{job_id}/log").text
            raise RuntimeError(f"{job['kind']} {job['state']}: {job['error']}\n{log[-3000:]}")
        return job

    def stop(self, timeout_s: float = 60) -> int:
        """SIGTERM, as a service manager would; the exit code."""
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)


@contextmanager
def running_stack(
    data_dir: Path, *options: str, code: str = "", **environment: str
) -> Iterator[Stack]:
    """`clip-browser up` on a free port, signed in as admin; stopped at the end.

    code: the checkout whose service is started (default: this one's).
    """
    if code:
        environment["PYTHONPATH"] = code
    port = free_port()
    command = [str(Path(sys.executable).parent / "clip-browser"), "up"]
    process = subprocess.Popen(
        [*command, "--data-dir", str(data_dir), "--port", str(port), *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env={**os.environ, "CLIP_BROWSER_ADMIN_PASSWORD": PASSWORD, "PYTHONUNBUFFERED": "1",
             **environment},
        cwd=code or None,
    )  # fmt: skip
    stack = Stack(process, f"http://127.0.0.1:{port}", data_dir)
    try:
        stack.wait_until_ready()
        stack.sign_in()
        yield stack
    finally:
        stack.stop()
