"""What jobs cost the database and the API: claims, submissions, forecasts and lists.

python -m bench.jobs [--databases sqlite,postgresql] [--sizes 10:100:4,1000:500:4,100000:2000:100]

A size is finished jobs : waiting ones : workers, each of which runs a job (the workers are pretended:
records in Redis, and leases). Claims and requests are made by this process, through the code that
workers and the API use, without Celery and without the API's server. `first` is a request after something has
changed, so that the queues are read and the forecast is made; `then` one while nothing changes.
What running jobs cost, `bench.fleet` measures.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from flask.testing import FlaskClient
from sqlalchemy import text

from api.app import create_app
from api.ops.service_state import ServiceState
from api.services import EXTENSION, Services
from bench.jobs.rows import Size, fill
from common.db.engine import migrate, open_engine, reader_factory, session_factory
from common.jobs import leases
from common.jobs.leases import Lease
from common.jobs.reports import Reports, write_reports
from common.messaging.broker import Queue
from common.messaging.events import Events
from common.messaging.live_workers import PREFIX
from common.messaging.replies import Replies
from common.people.credentials import ensure_admin, issue_token
from common.settings import load_settings
from common.store import open_store
from tests.servers import postgres_server, redis_server, server_folder

SIZES = "10:100:4,1000:500:4,100000:2000:100,100000:10000:1000"
TIMES = 15  # of each measurement; the median counts
THREADS = 8
HEADER = (
    "database", "finished", "waiting", "workers", "claim ms", "claims/s", "submit ms", "list first ms",
    "list then ms", "queue then ms", "scrape first ms", "scrape then ms",
)  # fmt: skip


class Bench:
    """A database with jobs, and an API upon it."""

    def __init__(self, database_url: str, redis_url: str, folder: Path, size: Size) -> None:
        settings = load_settings(
            data_dir=folder, database_url=database_url, redis_url=redis_url, secret_key="of a benchmark"
        )  # fmt: skip
        migrate(settings.database)
        self.engine = open_engine(settings.database)
        self.sessions, self.readers = session_factory(self.engine), reader_factory(self.engine)
        queue = Queue(settings)
        queue.redis.flushdb()
        for number in range(size.workers):
            record = {"name": f"gpu-{number}", "queues": ["gpu"], "concurrency": 1}
            queue.redis.set(f"{PREFIX}gpu-{number}", json.dumps(record))
        app = create_app(
            settings, open_store(settings.store), queue, self.engine,
            Events(settings), Replies(settings), folder,
        )  # fmt: skip
        self.client: FlaskClient = app.test_client()
        self.services: Services = app.extensions[EXTENSION]
        with self.sessions() as session:
            self.token = issue_token(session, ensure_admin(session, settings), "api")[1]
        fill(self.sessions, size)
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))

    def call(self, method: str, path: str, **options: Any) -> None:
        """A request that must succeed."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = self.client.open(f"/api/v1{path}", method=method, headers=headers, **options)
        assert answer.status_code < 300, answer.get_data(as_text=True)

    def claim(self) -> Lease:
        """As a worker that looks for its next job."""
        with self.sessions() as session:
            held = leases.take_next(session, "gpu", ["train"], "bench", 30.0)
        assert held is not None
        return held

    def report(self, held: Lease) -> None:
        """A worker tells how far its job is, so that queues and forecast are read anew."""
        with self.sessions() as session:
            write_reports(session, held, Reports({"done": 1, "total": 10, "eta_s": 60.0}))

    def submit(self) -> None:
        """A person starts a job."""
        self.call("POST", "/datasets/bench/jobs", json={"kind": "split", "params": {}})


def measure(bench: Bench, size: Size) -> list[str]:
    """The figures of a size, as HEADER names them."""
    held = [bench.claim() for _ in range(3)]
    claim_ms = _median_ms(lambda: held.append(bench.claim()))
    claims = _a_second(bench.claim, min(3 * TIMES, size.waiting - 2 * TIMES))
    submit_ms = _median_ms(bench.submit)
    first_ms = _median_ms(
        lambda: bench.call("GET", "/jobs?state=active"), before=lambda: bench.report(held[0])
    )
    then_ms = _median_ms(lambda: bench.call("GET", "/jobs?state=active"))
    queue_ms = _median_ms(lambda: bench.call("GET", "/queues/gpu"))
    first_scrape_ms = _median_ms(lambda: ServiceState(bench.services).read())
    state = ServiceState(bench.services)
    state.read()
    scrape_ms = _median_ms(state.read)
    return [
        f"{size.finished:,}", f"{size.waiting:,}", f"{size.workers:,}", f"{claim_ms:.1f}",
        f"{claims:.0f}", f"{submit_ms:.1f}", f"{first_ms:.0f}", f"{then_ms:.1f}", f"{queue_ms:.1f}",
        f"{first_scrape_ms:.1f}", f"{scrape_ms:.1f}",
    ]  # fmt: skip


def _median_ms(call: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    took: list[float] = []
    for _ in range(TIMES):
        before()
        began = time.perf_counter()
        call()
        took.append(1000 * (time.perf_counter() - began))
    return statistics.median(took)


def _a_second(call: Callable[[], object], count: int) -> float:
    """How many of these calls are done in a second by THREADS threads at once."""
    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda _: call(), range(count)))
    return count / (time.perf_counter() - began)


@contextmanager
def _databases(names: list[str]) -> Iterator[Callable[[str, Path, int], str]]:
    """The URL of a new database of a kind, by its name, a folder and a number."""
    with ExitStack() as opened:
        if "postgresql" not in names:
            yield lambda _kind, folder, _number: f"sqlite:///{folder}/bench.db"
            return
        server = opened.enter_context(postgres_server(opened.enter_context(server_folder())))

        def url(kind: str, folder: Path, number: int) -> str:
            if kind == "sqlite":
                return f"sqlite:///{folder}/bench.db"
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE bench_{number}")
            return server.url.replace("/postgres", f"/bench_{number}")

        yield url


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--sizes", default=SIZES)
    asked = parser.parse_args()
    kinds = asked.databases.split(",")
    sizes = [Size.parse(each) for each in asked.sizes.split(",")]
    print("| " + " | ".join(HEADER) + " |\n|" + " --- |" * len(HEADER))
    with _databases(kinds) as url, server_folder() as place, redis_server(place) as redis:
        for number, (kind, size) in enumerate((kind, size) for kind in kinds for size in sizes):
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary)
                bench = Bench(url(kind, folder, number), redis.url, folder, size)
                print("| " + " | ".join([kind, *measure(bench, size)]) + " |", flush=True)
                bench.engine.dispose()


if __name__ == "__main__":
    main()
