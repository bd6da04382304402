"""`make bench-captions`' neighbour: what writing a large index.csv takes, and what saves feel of it.

python -m bench.captions.index_csv [--images 220000] [--captioners 8] [--seconds 8] [--rounds 5]
                                   [--databases sqlite,postgresql]

A stack of its own with a dataset of 220,000 images, which have 200,200 captions. First the maintenance
worker writes the file while nobody captions. Then people save captions in that dataset, each as soon as
the one before is answered (`Prefer: wait`), in turns: while no file may be written (this program holds
the lock on index.csv), while it is written over and over, as soon as one is done (in earnest it is
written every ten seconds while captions keep coming), and while another process, as nice as that worker,
only computes for as long as a file takes: what it costs people to share the processors.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import secrets
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psutil
from sqlalchemy import select, update

from bench.caption_table import DATASET, fill
from bench.captions.captioners import Plan, run_captioners
from bench.stack import Stack, running_stack
from common.db.engine import (
    SessionFactory,
    migrate,
    open_engine,
    reader_factory,
    session_factory,
    try_alone,
)
from common.db.tables import Dataset, now
from common.processes import step_back
from tests.servers import postgres_server, server_folder
from workers.ops.index_csv import LOCK
from workers.runtime.start import MAINTENANCE_NICE

LONG_AGO = timedelta(hours=1)
LOOK_S = 0.1
GAP_S = 0.5  # beat asks once a second
NOBODY, WRITING, COMPUTING = "no file written", "written over and over", "computing as long"


@dataclass
class Saves:
    """What captioners felt in all rounds of one way: milliseconds of each save, 99 % of each round."""

    took_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)

    def add(self, took_ms: list[float]) -> None:
        """A round."""
        self.took_ms += took_ms
        self.p99_ms.append(sorted(took_ms)[int(0.99 * (len(took_ms) - 1))])


class Writer:
    """The maintenance worker: has it write, and measures it from outside."""

    def __init__(self, stack: Stack, url: str) -> None:
        engine = open_engine(url)
        self._sessions: SessionFactory = session_factory(engine)
        self.readers: SessionFactory = reader_factory(engine)
        self.process = _maintenance_worker(stack)
        self.cpu_s: list[float] = []
        self.took_s: list[float] = []

    def write_once(self, stop: threading.Event | None = None) -> None:
        """Make the file due and wait until it is written, at most until `stop`."""
        begin_cpu_s, begun = self._cpu_s(), time.monotonic()
        written = self._seq()
        with self._sessions() as session:
            session.execute(
                update(Dataset)
                .where(Dataset.id == DATASET)
                .values(caption_seq=Dataset.caption_seq + 1, stale_since=now() - LONG_AGO)
            )
        while self._seq() == written:
            if self._cpu_s() < begin_cpu_s + LOOK_S:
                begun = time.monotonic()
            if stop and stop.is_set():
                return
            time.sleep(LOOK_S)
        self.took_s.append(time.monotonic() - begun)
        self.cpu_s.append(self._cpu_s() - begin_cpu_s)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Within, the file is written over and over."""
        stop = threading.Event()

        def work() -> None:
            while not stop.is_set():
                self.write_once(stop)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def peak_bytes(self) -> int:
        """The most memory that the worker has had since the last call (proc(5))."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        [peak_kib] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        return int(peak_kib) * 1024

    def _cpu_s(self) -> float:
        times = self.process.cpu_times()
        return times.user + times.system

    def _seq(self) -> int | None:
        with self.readers() as session:
            return session.scalar(select(Dataset.index_csv_seq).where(Dataset.id == DATASET))


def main() -> None:
    """Measure on each database with a stack in a temporary folder; print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=220_000)
    parser.add_argument("--captioners", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each round and way")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--databases", default="sqlite,postgresql")
    chosen = parser.parse_args()
    for database in chosen.databases.split(","):
        with _opened(database, chosen.images) as (stack, url):
            _measure(database, stack, url, chosen)


@contextmanager
def _opened(database: str, images: int) -> Iterator[tuple[Stack, str]]:
    """A stack on a database with the dataset, and the database's URL."""
    with ExitStack() as opened:
        folder = tempfile.TemporaryDirectory(prefix="clip-browser-index-csv-")
        data_dir = Path(opened.enter_context(folder)) / "data"
        data_dir.mkdir()
        url, environment = f"sqlite:///{data_dir / 'clip-browser.db'}", {}
        if database == "postgresql":
            servers = opened.enter_context(server_folder())
            url = opened.enter_context(postgres_server(servers, "-c", "fsync=on")).url
            environment["CLIP_BROWSER_DATABASE_URL"] = url
        migrate(url)
        fill(url, images)
        yield opened.enter_context(running_stack(data_dir, **environment)), url


def _measure(database: str, stack: Stack, url: str, chosen: argparse.Namespace) -> None:
    writer = Writer(stack, url)
    writer.peak_bytes()
    idle = writer.process.memory_info().rss
    for _ in range(3):
        writer.write_once()
    size = (stack.data_dir / "datasets" / DATASET / "index.csv").stat().st_size
    file_cpu_s = statistics.median(writer.cpu_s)
    print(f"\n{database}: index.csv of {size / 1e6:.1f} MB; {chosen.captioners} captioners")
    print(f"memory: {idle / 1e6:.0f} MB, at most {writer.peak_bytes() / 1e6:.0f} MB while writing")
    print(f"alone: {_written(writer)}")
    ways = {name: Saves() for name in (NOBODY, WRITING, COMPUTING)}
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        for number in range(chosen.rounds + 1):  # the first warms up
            for name in ways if number % 2 else reversed(ways):
                with writer.writing() if name == WRITING else _unwritten(writer):
                    with _computing(file_cpu_s if name == COMPUTING else 0.0):
                        took_ms = _captioned(pool, stack, chosen)
                if number:
                    ways[name].add(took_ms)
    print(f"beside saves: {_written(writer)}")
    for name, saves in ways.items():
        print(_line(name, saves, chosen.rounds * chosen.seconds), flush=True)


def _line(name: str, saves: Saves, seconds: float) -> str:
    p99_ms = saves.p99_ms
    return (
        f"{name}: {len(saves.took_ms) / seconds:.0f} saves/s, "
        f"median {statistics.median(saves.took_ms):.1f} ms, "
        f"99 %: {statistics.median(p99_ms):.0f} ms ({min(p99_ms):.0f} to {max(p99_ms):.0f}), "
        f"longest {max(saves.took_ms):.0f} ms"
    )


def _captioned(pool: ProcessPoolExecutor, stack: Stack, chosen: argparse.Namespace) -> list[float]:
    """People caption for a while; the milliseconds of each save."""
    token = stack.http.headers["Authorization"].removeprefix("Bearer ")
    plans = [Plan(token, secrets.token_hex(8), DATASET, "saves") for _ in range(chosen.captioners)]
    work = pool.submit(run_captioners, stack.url, plans, time.time() + 1.0, chosen.seconds)
    tally = work.result()
    assert not tally.other, tally.other[:3]
    return tally.took_ms["save"]


@contextmanager
def _unwritten(writer: Writer) -> Iterator[None]:
    """Within, the worker may not write."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with try_alone(writer.readers, LOCK) as is_alone:
            if is_alone:
                yield
                return
        time.sleep(LOOK_S)
    raise TimeoutError("the lock on index.csv was not free within 60 s")


@contextmanager
def _computing(cpu_s: float) -> Iterator[None]:
    """Within, a process as nice as the maintenance worker computes so long, rests, and again."""
    if not cpu_s:
        yield
        return
    process = multiprocessing.get_context("spawn").Process(target=_compute, args=(cpu_s,))
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _compute(cpu_s: float) -> None:
    os.setsid()
    step_back(os.getpid(), MAINTENANCE_NICE)
    while True:
        until = time.process_time() + cpu_s
        while time.process_time() < until:
            pass
        time.sleep(GAP_S)


def _written(writer: Writer) -> str:
    """What the files since the last call took."""
    took_s, cpu_s = writer.took_s, writer.cpu_s
    writer.took_s, writer.cpu_s = [], []
    return (
        f"{len(took_s)} in {statistics.median(took_s):.1f} s each, "
        f"{statistics.median(cpu_s):.1f} s of processor time"
    )


def _maintenance_worker(stack: Stack) -> psutil.Process:
    """The member of the stack that writes into the log of that name."""
    log = stack.data_dir / "logs" / "worker-maintenance.log"
    [found] = [
        process
        for process in psutil.Process(stack.process.pid).children(recursive=True)
        if log.samefile(f"/proc/{process.pid}/fd/1")
    ]
    return found


if __name__ == "__main__":
    main()
