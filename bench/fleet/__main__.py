"""A fleet of pretended GPU workers on a real API, broker, beat and PostgreSQL: starts, lags and the database's load.

python -m bench.fleet [--sizes 10:2:0.5,100:6:0.5,1000:60:10] [--waiting 10000] [--seconds 40] [--against CHECKOUT]

A size is workers : seconds a job takes : seconds between its reports. Ten thousand jobs wait; the workers begin, and a while after all of them run it
looks for `--seconds`: jobs that began a second (at most workers / seconds, what the fleet can use), the lag from a
body's end to the begin of the next on the same worker, what PostgreSQL did, and how long after a request
to stop a body ended. *ramp* is how many jobs began a second while all workers were idle at once.
--against: another checkout of the project, measured in turn with this one, with the same bench.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
from sqlalchemy import text

from bench.fleet.load import DatabaseLoad, cpu_s
from bench.jobs.rows import Size, fill
from common.db.engine import migrate, open_engine, session_factory
from common.people.credentials import ensure_admin, issue_token
from common.settings import Settings, as_environment, load_settings
from tests.servers import Server, free_port, postgres_server, redis_server, server_folder

HOSTS = 4  # processes that the pretended workers share
RAMP_LIMIT_S, READY_S = 45.0, 120.0
STOPS = 10
FINISHED = 1000  # jobs that have ended before
ROOT = Path(__file__).resolve().parents[2]
HEADER = (
    "code", "workers", "job s", "ramp starts/s", "running", "usable/s", "starts/s", "lag median ms", "lag 99 % ms",
    "statements/s", "transactions/s", "postgres cores", "workers' cores", "connections", "wait for a lock",
    "stop median s", "list ms", "leases lost",
)  # fmt: skip


@dataclass
class Fleet:
    """What runs, and how to ask it."""

    settings: Settings
    server: Server
    database: str
    hosts: list[subprocess.Popen[str]]
    http: httpx.Client

    def count_running(self) -> int:
        """Jobs under way."""
        return self._ask("SELECT count(*) FROM jobs WHERE state = 'running'")

    def count_begun(self) -> int:
        """Jobs that have begun here."""
        return self._ask("SELECT count(*) FROM jobs WHERE started_at IS NOT NULL") - FINISHED

    def count_lost(self) -> int:
        """Leases that were lost so far."""
        return self._ask("SELECT coalesce(sum(count), 0) FROM tallies WHERE name = 'lost_leases'")

    def count_statements(self) -> int:
        """Statements that the workers have sent so far."""
        return sum(int(_tell(host, "count")) for host in self.hosts)

    def _ask(self, query: str) -> int:
        with psycopg.connect(self.database, autocommit=True) as connection:
            row = connection.execute(query).fetchone()
        return int(row[0]) if row else 0


def measure(fleet: Fleet, workers: int, job_s: float, seconds: float) -> list[str]:
    """The figures of a size, as HEADER names them from `workers` on."""
    until = time.monotonic() + RAMP_LIMIT_S
    while time.monotonic() < until and fleet.count_begun() < workers:
        time.sleep(0.2)
    time.sleep(5.0)
    load = DatabaseLoad(fleet.database, fleet.server.pid)
    load.start()
    cpu = sum(cpu_s(host.pid) for host in fleet.hosts)
    statements, begun = fleet.count_statements(), fleet.count_begun()
    start = time.monotonic()
    asked, lists = _ask_meanwhile(fleet, start + seconds)
    took_s = time.monotonic() - start
    running = fleet.count_running()
    begun, statements = fleet.count_begun() - begun, fleet.count_statements() - statements
    host_cores = (sum(cpu_s(host.pid) for host in fleet.hosts) - cpu) / took_s
    load.stop()
    lost = fleet.count_lost()
    records = [_end(host) for host in fleet.hosts]
    ramp = _ramp(sorted(at for one in records for at in one["starts"])[:workers])
    lags = sorted(lag for one in records for at, lag in one["lags"] if at >= start) or [
        float("nan")
    ]
    stopped = {job: at for one in records for job, at in one["stops"].items()}
    stops = [stopped[job] - at for job, at in asked.items() if job in stopped] or [float("nan")]
    failures = [failure for one in records for failure in one["failures"]]
    if failures:
        print(f"  {len(failures)} failures of workers, the first: {failures[0]}", file=sys.stderr)
    return [
        f"{workers:,}", f"{job_s:g}", f"{ramp:.0f}", f"{running:,}", f"{workers / job_s:.1f}", f"{begun / took_s:.1f}",
        f"{1000 * statistics.median(lags):.0f}", f"{1000 * lags[int(len(lags) * 0.99)]:.0f}",
        f"{statements / took_s:.0f}", f"{load.transactions_a_second:.0f}", f"{load.cores:.2f}",
        f"{host_cores:.2f}", f"{max(load.connections)}", f"{statistics.mean(load.waiting_for_locks):.1f}",
        f"{statistics.median(stops):.2f} ({len(stops)} of {len(asked)})", f"{statistics.median(lists or [float('nan')]):.0f}", f"{lost}",
    ]  # fmt: skip


def _ramp(starts: list[float]) -> float:
    """Starts a second while the first nine tenths of the workers got their first job."""
    most = starts[: max(2, len(starts) * 9 // 10)]
    return (len(most) - 1) / (most[-1] - most[0]) if len(most) > 1 else float("nan")


def _ask_meanwhile(fleet: Fleet, until: float) -> tuple[dict[str, float], list[float]]:
    """Stop some jobs and look at the list of jobs: (moment of each stop by job, ms of each list)."""
    asked: dict[str, float] = {}
    lists: list[float] = []
    pause_s = (until - time.monotonic()) / (STOPS + 1)
    while time.monotonic() < until:
        began = time.monotonic()
        found = fleet.http.get("/jobs", params={"state": "running", "limit": 50}).json()["items"]
        lists.append(1000 * (time.monotonic() - began))
        if found and len(asked) < STOPS:
            job = random.choice(found)["id"]
            moment = time.monotonic()
            if fleet.http.post(f"/jobs/{job}/stop", json={"mode": "kill"}).status_code == 202:
                asked[job] = moment
        time.sleep(max(0.0, min(until, began + pause_s) - time.monotonic()))
    return asked, lists


def _tell(host: subprocess.Popen[str], word: str) -> str:
    assert host.stdin is not None
    assert host.stdout is not None
    host.stdin.write(word + "\n")
    host.stdin.flush()
    return host.stdout.readline()


def _end(host: subprocess.Popen[str]) -> dict[str, Any]:
    assert host.stdin is not None
    assert host.stdout is not None
    host.stdin.close()
    record: dict[str, Any] = json.loads(host.stdout.readline())
    host.wait(30)
    return record


@contextmanager
def running_fleet(workers: int, job_s: str, report_s: str, waiting: int) -> Iterator[Fleet]:
    """Servers, API, beat and the pretended workers, with jobs that wait."""
    with ExitStack() as opened:
        place = opened.enter_context(server_folder())
        connections = f"max_connections={4 * workers + 200}"
        server = opened.enter_context(postgres_server(place, "-c", connections))
        redis = opened.enter_context(redis_server(place))
        settings = load_settings(
            data_dir=place / "data", database_url=server.url, redis_url=redis.url, port=free_port(),
            secret_key="of a benchmark, of no use", api_processes=1,
        )  # fmt: skip
        token = _prepare(settings, waiting)
        environment = as_environment(settings)

        def start(*words: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-m", *words], env=environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=(place / "log").open("ab"),
            )  # fmt: skip
            opened.callback(process.wait, 30)
            opened.callback(process.kill)
            return process

        start("api.serve")
        http = opened.enter_context(httpx.Client(
            base_url=f"http://127.0.0.1:{settings.port}/api/v1", timeout=120,
            headers={"Authorization": f"Bearer {token}"},
        ))  # fmt: skip
        _wait_for_api(http)
        shares = min(HOSTS, workers)
        hosts = [
            start("bench.fleet.host", str(workers // shares), job_s, report_s, str(number))
            for number in range(shares)
        ]
        for host in hosts:
            assert host.stdout is not None
            assert host.stdout.readline() == "ready\n"
        start("bench.fleet.rows", str(workers))
        start("workers.runtime.start", "beat")
        yield Fleet(settings, server, server.url, hosts, http)


def _prepare(settings: Settings, waiting: int) -> str:
    """A database with jobs that wait, and an administrator's token."""
    migrate(settings.database)
    engine = open_engine(settings.database)
    sessions = session_factory(engine)
    with sessions() as session:
        token: str = issue_token(session, ensure_admin(session, settings), "api")[1]
    fill(sessions, Size(FINISHED, waiting, 0))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()
    return token


def _wait_for_api(http: httpx.Client) -> None:
    until = time.monotonic() + READY_S
    while True:
        try:
            http.get("/jobs", params={"limit": 1}).raise_for_status()
            return
        except httpx.HTTPError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def _measure_in(code: Path, size: str, asked: argparse.Namespace) -> str:
    """One size by the code of a checkout, in a process of its own: its row."""
    with tempfile.TemporaryDirectory() as temporary:
        mixed = Path(temporary)
        for room in ("api", "cli", "common", "workers", "web", "manual_synonym_map.json"):
            (mixed / room).symlink_to(code / room)
        for room in ("bench", "tests"):
            (mixed / room).symlink_to(ROOT / room)
        done = subprocess.run(
            [sys.executable, "-m", "bench.fleet", "--one", size, "--waiting", str(asked.waiting),
             "--seconds", str(asked.seconds)],
            cwd=mixed, stdout=subprocess.PIPE, text=True, check=True,
            env={**os.environ, "PYTHONPATH": str(mixed)},
        )  # fmt: skip
    return done.stdout.strip()


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="10:2:0.5,100:6:0.5,1000:60:10")
    parser.add_argument("--waiting", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--against", type=Path, help="another checkout of the project")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        workers, job_s, report_s = asked.one.split(":")
        with running_fleet(int(workers), job_s, report_s, asked.waiting) as fleet:
            print(" | ".join(measure(fleet, int(workers), float(job_s), asked.seconds)))
        return
    print("| " + " | ".join(HEADER) + " |\n|" + " --- |" * len(HEADER), flush=True)
    codes = {"this": ROOT} | ({"before": asked.against.resolve()} if asked.against else {})
    for size in asked.sizes.split(","):
        for name, code in reversed(codes.items()):
            print(f"| {name} | {_measure_in(code, size, asked)} |", flush=True)


if __name__ == "__main__":
    main()
