"""`python -m bench.fleet.rows COUNT`: keeps the rows of all pretended workers, as each worker's own thread keeps its one.

In a process of its own, and by one connection; where a round takes longer than a worker's pause, rows are read less often.
"""

from __future__ import annotations

import os
import sys
import time

from common.db.engine import impatient_factory, open_engine, quick_reader_factory
from common.db.tables import now
from common.jobs import workers
from common.jobs.workers import Facts
from common.messaging.broker import GPU
from common.settings import Settings, load_settings
from workers.runtime.fleet.roll import LOOK_EVERY_S


def enroll(settings: Settings, names: list[str]) -> None:
    """Keep the rows of all workers as each keeps its own, by one connection for all of them."""
    sessions = impatient_factory(engine := open_engine(settings.database))
    readers = quick_reader_factory(engine)
    known = {name: Facts(name, "bench", os.getpid(), [GPU], "prefork", 1, now()) for name in names}
    for facts in known.values():
        with sessions() as session:
            workers.register(session, facts)
    written = dict.fromkeys(names, 0.0)
    while True:
        began = time.monotonic()
        for name, facts in known.items():
            with readers() as session:
                _, runs = workers.read_entry(session, name)
            if time.monotonic() - written[name] >= workers.WRITE_EVERY_S:
                with sessions() as session:
                    workers.see(session, facts, "busy" if runs else "ready", 1, runs)
                written[name] = time.monotonic()
        time.sleep(max(0.0, began + LOOK_EVERY_S - time.monotonic()))


if __name__ == "__main__":
    enroll(load_settings(), [f"bench-{number}" for number in range(int(sys.argv[1]))])
