"""What a server does meanwhile: processor time, connections, transactions."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field

import psutil
import psycopg

LOOK_EVERY_S = 0.5


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process and all below it have taken; of those that have ended, what their parent got."""
    total = 0.0
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
    return total


@dataclass
class DatabaseLoad:
    """Looks at a PostgreSQL twice a second, from `start` to `stop`."""

    url: str
    pid: int
    connections: list[int] = field(default_factory=list)
    waiting_for_locks: list[int] = field(default_factory=list)
    cores: float = 0.0
    transactions_a_second: float = 0.0
    _ended: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begin to look."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No more looks; the figures stand."""
        self._ended.set()
        self._thread.join(30)

    def _run(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            began, cpu, transactions = time.monotonic(), cpu_s(self.pid), _transactions(connection)
            while not self._ended.wait(LOOK_EVERY_S):
                row = connection.execute(
                    "SELECT count(*), count(*) FILTER (WHERE wait_event_type = 'Lock')"
                    " FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                ).fetchone()
                assert row is not None
                self.connections.append(row[0])
                self.waiting_for_locks.append(row[1])
            took_s = time.monotonic() - began
            self.cores = (cpu_s(self.pid) - cpu) / took_s
            self.transactions_a_second = (_transactions(connection) - transactions) / took_s


def _transactions(connection: psycopg.Connection[tuple[int, ...]]) -> int:
    connection.execute("SELECT pg_stat_clear_snapshot()")
    row = connection.execute(
        "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
    ).fetchone()
    return int(row[0]) if row else 0
