"""`python -m workers.runtime.start worker|beat|fleet ...`: workers and beat, each a process of its own.

Pools: `prefork` for jobs (they can be ended and use child processes), `solo` for what must be quick:
with prefetch disabled, Celery 5.7's thread pool waits up to a second before it takes the next message.

`worker` and `beat` start one. `worker --count` starts several of the same queues, and `fleet` all of one machine: both
import everything once and fork, so that the second worker costs neither the seconds nor most of the memory of
the first. They start again what ends by itself, and end all on SIGTERM.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from common.db.engine import refuse_newer_schema
from common.file_modes import keep_private
from common.jobs.leases import require_lasting_leases
from common.logs import Event, configure_logging, tell, tell_start
from common.messaging.broker import GPU, MAINTENANCE
from common.processes import describe_end, die_with_parent, ending_with_a_sentence, step_back
from common.settings import Settings, load_settings

log = logging.getLogger("workers.runtime.start")
# What Celery's workers tell each other, and nobody here reads: see `workers/runtime/presence.py`.
QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat")
MAINTENANCE_NICE = 5  # a large index.csv takes seconds of a core: people who save go before it
ENDING = {signal.SIGTERM}
RESTART_AFTER_S = 1.0  # pause before the next try, for what ended within that time


@dataclass(frozen=True)
class Spec:
    """One worker: `name=queues[:pool[:concurrency]]` on a fleet's command line."""

    name: str
    queues: str
    pool: str = "prefork"
    concurrency: int = 1

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Raises ValueError when it is written otherwise."""
        name, _, rest = text.partition("=")
        queues, pool, concurrency = [*rest.split(":"), "", ""][:3]
        if not name or not queues:
            raise ValueError(f"{text!r} is not name=queues[:pool[:concurrency]]")
        return cls(name, queues, pool or "prefork", int(concurrency or 1))


def main() -> None:
    """Start what the command line says; ends with the process that started it, if that asked so."""
    parent = os.environ.get("CLIP_BROWSER_SUPERVISOR_PID")
    if parent:
        die_with_parent(int(parent))
    arguments = _parser().parse_args()
    settings = load_settings()
    configure_logging(arguments.command, settings)
    keep_private(settings.data_dir, settings.database)
    refuse_newer_schema(settings.database)
    if arguments.command == "beat":
        _beat(settings)
        return
    require_lasting_leases(settings)
    if arguments.command == "worker":
        _start_alike(settings, arguments)
    else:
        specs = [Spec.parse(text) for text in arguments.specs]
        load_tasks(specs)
        fleet = _Fleet(settings, specs, logs=settings.data_dir / "logs")
        fleet.add("beat", partial(_beat, settings))
        fleet.run()


def _start_alike(settings: Settings, asked: argparse.Namespace) -> None:
    """One worker in this process, or several below it."""
    name = asked.name or asked.queues.replace(",", "-")
    names = [name] if asked.count == 1 else [f"{name}{at}" for at in range(1, asked.count + 1)]
    specs = [Spec(each, asked.queues, asked.pool, asked.concurrency) for each in names]
    load_tasks(specs)
    if asked.count == 1:
        run_worker(settings, specs[0])
    else:
        _Fleet(settings, specs).run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers.runtime.start")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("beat")
    worker = commands.add_parser("worker")
    worker.add_argument("queues")
    worker.add_argument("--concurrency", type=int, default=1)
    worker.add_argument("--pool", choices=("prefork", "solo", "threads"), default="prefork")
    worker.add_argument("--name", default="")
    worker.add_argument("--count", type=int, default=1)
    commands.add_parser("fleet").add_argument("specs", nargs="+")
    return parser


def _beat(settings: Settings) -> None:
    """Send the maintenance tasks, until SIGTERM."""
    from workers.runtime.beat import run_beat

    configure_logging("beat", settings)
    tell_start(log, settings)
    run_beat(settings)


def load_tasks(specs: list[Spec]) -> None:
    """Import what the workers can do. Raises Internal when a kind of their jobs has no body."""
    from workers.runtime.app import app
    from workers.runtime.job_bodies import check_bodies

    app.loader.import_default_modules()
    check_bodies({queue for spec in specs for queue in spec.queues.split(",")})


def run_worker(settings: Settings, spec: Spec) -> None:
    """One worker, until SIGTERM. A GPU worker waits for a GPU of its own first."""
    if GPU in spec.queues.split(","):
        from workers.runtime.gpu_lease import hold_gpu
        from workers.runtime.presence import Waiter

        hold_gpu(settings, Waiter(settings, spec.name, spec.queues, spec.pool).tell)
    if spec.queues == MAINTENANCE:
        step_back(os.getpid(), MAINTENANCE_NICE)
    from workers.runtime.app import app
    from workers.runtime.child import sweep_orphans

    sweep_orphans(settings.work_dir)
    app.worker_main([
        "--quiet", "worker", "--loglevel=WARNING", f"--queues={spec.queues}",
        f"--concurrency={spec.concurrency}", f"--pool={spec.pool}",
        f"--hostname={spec.name}@%h", *QUIET,
    ])  # fmt: skip


class _Fleet:
    """Forks its members, forks again what ends by itself, ends them on SIGTERM.

    logs: the folder of a file for each member; None: all write where this process does.
    """

    def __init__(self, settings: Settings, specs: list[Spec], logs: Path | None = None) -> None:
        gc.collect()
        gc.freeze()  # what the collector never touches stays shared with the forks
        self._runs: dict[str, Callable[[], None]] = {
            f"worker-{spec.name}": partial(run_worker, settings, spec) for spec in specs
        }
        self._logs = logs
        self._alive: dict[int, str] = {}
        self._forked: dict[str, float] = {}  # when each was started last, in monotonic seconds
        self._stopping = False

    def add(self, name: str, run: Callable[[], None]) -> None:
        """One more member."""
        self._runs[name] = run

    def run(self) -> None:
        """Until every member has ended after a SIGTERM."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for name in self._runs:
            self._fork(name)
        while self._alive:
            pid, status = os.wait()
            name = self._alive.pop(pid, "")
            if not name or self._stopping:
                continue
            _tell_loss(name, pid, os.waitstatus_to_exitcode(status))
            if time.monotonic() - self._forked[name] < RESTART_AFTER_S:
                time.sleep(RESTART_AFTER_S)  # it cannot start: no use in trying without a pause
            if not self._stopping:
                self._fork(name)

    def _stop(self, *_: object) -> None:
        self._stopping = True
        for pid in self._alive:
            with contextlib.suppress(ProcessLookupError):  # it has ended just now
                os.kill(pid, signal.SIGTERM)

    def _fork(self, name: str) -> None:
        parent = os.getpid()
        # What comes before the member can be ended by it waits.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        pid = os.fork()
        if pid:
            self._alive[pid], self._forked[name] = name, time.monotonic()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
            if self._stopping:  # the signal came between the look and the fork
                os.kill(pid, signal.SIGTERM)
            return
        code = 1
        try:
            os.setsid()
            die_with_parent(parent)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
            if self._logs:
                _write_to(self._logs / f"{name}.log")
            self._runs[name]()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        finally:
            sys.stderr.flush()
            os._exit(code)


def _tell_loss(name: str, pid: int, code: int) -> None:
    """A member of the fleet has ended by itself and is started again."""
    how = describe_end(code)
    tell(
        log, Event.PROCESS_RESTARTED, f"{name} ended ({how}); starting it again",
        logging.ERROR, member=name, pid=pid, exit_code=code,
    )  # fmt: skip


def _write_to(path: Path) -> None:
    """Send standard output and error to a file, and drop standard input."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)


if __name__ == "__main__":
    with ending_with_a_sentence():
        main()
