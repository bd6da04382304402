"""`python -m bench.fleet.turns [--waiting 300,1000]`: what many who wait for one turn do to a PostgreSQL.

So many connections wait for twelve seconds for a name that somebody else holds, by `hold` and by `hold_among_many`; another one
connects ten times a second meanwhile: the longest that took. Then the name is free, and all have it in turn.
"""

from __future__ import annotations

import argparse
import contextlib
import threading
import time
from collections.abc import Callable

import psycopg
from sqlalchemy.orm import Session

from common.db.engine import SessionFactory, hold, hold_among_many, open_engine, session_factory
from tests.servers import postgres_server, server_folder

WAIT_S, LONGEST_S = 12.0, 60
NAME = "queue:gpu"
Hold = Callable[[Session, str], None]


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", default="300,1000")
    print("| waiting | by | longest connect s | then all had it within s |\n|" + " --- |" * 4)
    for count in map(int, parser.parse_args().waiting.split(",")):
        for way in (hold, hold_among_many):
            connect_s, drain_s = measure(count, way)
            print(f"| {count:,} | {way.__name__} | {connect_s} | {drain_s} |", flush=True)


def measure(count: int, way: Hold) -> tuple[str, str]:
    """(the longest connect, until all have had their turn) in seconds."""
    with (
        server_folder() as place,
        postgres_server(place, "-c", f"max_connections={count + 50}") as server,
    ):
        sessions = session_factory(open_engine(server.url, kept=count + 1))
        threads = [
            threading.Thread(target=_wait, args=(sessions, way), daemon=True) for _ in range(count)
        ]
        with sessions() as session:
            way(session, NAME)
            for thread in threads:
                thread.start()
            longest_s = _connect(server.url)
        if longest_s is None:
            return f"none in {LONGEST_S}", ""
        began = time.monotonic()
        for thread in threads:
            thread.join()
        return f"{longest_s:.2f}", f"{time.monotonic() - began:.1f}"


def _wait(sessions: SessionFactory, way: Hold) -> None:
    with contextlib.suppress(Exception), sessions() as session:  # of a server that has been ended
        way(session, NAME)


def _connect(url: str) -> float | None:
    """The longest of many; None when one did not succeed at all."""
    longest_s, until = 0.0, time.monotonic() + WAIT_S
    while time.monotonic() < until:
        began = time.monotonic()
        try:
            psycopg.connect(url, connect_timeout=LONGEST_S).close()
        except psycopg.OperationalError:
            return None
        longest_s = max(longest_s, time.monotonic() - began)
        time.sleep(0.1)
    return longest_s


if __name__ == "__main__":
    main()
