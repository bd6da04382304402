"""`python -m bench.fleet.killed [--workers 5]`: how soon `GET /workers` says of a killed worker that it has gone.

A real API, beat and Redis with the settings that are usual, and workers of which each is killed (SIGKILL, with all below
it) at a moment of its own. *offline*: shown as silent; *lost*: shown as lost. Seconds since the kill, looked at four times a second.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import psutil

from common.db.engine import migrate, open_engine, session_factory
from common.people.credentials import ensure_admin, issue_token
from common.settings import as_environment, load_settings
from tests.servers import free_port, redis_server, server_folder

READY_S, GONE_S = 120.0, 120.0
LOOK_EVERY_S = 0.25
APART_S = (
    12.0  # a worker writes its row that often: the kills come at any moment between two writes
)
Start = Callable[..., "subprocess.Popen[bytes]"]


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=5)
    asked = parser.parse_args()
    with running_service() as (start, http):
        names = [f"victim{number}" for number in range(asked.workers)]
        victims = {name: start("worker", "cpu", "--name", name) for name in names}
        wait_until(lambda: len(online(http)) == len(names))
        killed = {}
        for name, victim in victims.items():
            time.sleep(random.uniform(0, 2 * APART_S / len(names)))
            kill_all(victim.pid)
            killed[name] = time.monotonic()
        offline, lost = watch(http, killed)
    for what, after in (("offline", offline), ("lost", lost)):
        times = sorted(after[name] for name in names)
        told = ", ".join(f"{each:.1f}" for each in times)
        print(
            f"{what}: median {statistics.median(times):.1f} s, longest {times[-1]:.1f} s ({told})"
        )


def watch(
    http: httpx.Client, killed: dict[str, float]
) -> tuple[dict[str, float], dict[str, float]]:
    """Of each worker the seconds until it was shown as offline, and as lost."""
    offline: dict[str, float] = {}
    lost: dict[str, float] = {}

    def look() -> bool:
        moment = time.monotonic()
        for one in http.get("/workers").json()["items"]:
            name = one["name"].split("@")[0]
            if one["state"] == "offline":
                offline.setdefault(name, moment - killed[name])
            if one["status"] == "lost":
                lost.setdefault(name, moment - killed[name])
        return len(lost) == len(killed)

    wait_until(look, GONE_S)
    return offline, lost


def online(http: httpx.Client) -> list[dict[str, Any]]:
    """The workers that are there, by their rows as well."""
    found = http.get("/workers").json()["items"]
    return [one for one in found if one["state"] == "online" and one["last_seen"]]


def kill_all(pid: int) -> None:
    """A process and all below it, at once."""
    process = psutil.Process(pid)
    for each in (*process.children(recursive=True), process):
        each.kill()


def wait_until(look: Callable[[], bool], timeout_s: float = READY_S) -> None:
    """Raises TimeoutError."""
    until = time.monotonic() + timeout_s
    while not look():
        if time.monotonic() > until:
            raise TimeoutError(f"not within {timeout_s:g} s")
        time.sleep(LOOK_EVERY_S)


@contextmanager
def running_service() -> Iterator[tuple[Start, httpx.Client]]:
    """What starts one more process of a service, and an administrator's client."""
    with ExitStack() as opened:
        place = opened.enter_context(server_folder())
        redis = opened.enter_context(redis_server(place))
        settings = load_settings(
            data_dir=place / "data", redis_url=redis.url, port=free_port(), secret_key="of a benchmark, of no use",
        )  # fmt: skip
        migrate(settings.database)
        with session_factory(open_engine(settings.database))() as session:
            token: str = issue_token(session, ensure_admin(session, settings), "api")[1]

        def start(*words: str) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                [sys.executable, "-m", *(words if words[0] == "api.serve" else ("workers.runtime.start", *words))],
                env={**os.environ, **as_environment(settings)}, stdout=log, stderr=log,
            )  # fmt: skip
            opened.callback(process.wait, 30)
            opened.callback(process.kill)
            return process

        log = opened.enter_context((place / "log").open("ab"))
        start("api.serve")
        start("beat")
        http = opened.enter_context(httpx.Client(
            base_url=f"http://127.0.0.1:{settings.port}/api/v1", timeout=30,
            headers={"Authorization": f"Bearer {token}"},
        ))  # fmt: skip
        wait_until(lambda: answers(http))
        yield start, http


def answers(http: httpx.Client) -> bool:
    """Whether the API is there."""
    try:
        return http.get("/workers").is_success
    except httpx.HTTPError:
        return False


if __name__ == "__main__":
    main()
