"""Accidents of the running stack: which happen when, and how each is brought about."""

from __future__ import annotations

import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import psutil

from tests.servers import Server
from tests.system.chaos.flood import sign_in_at_once
from tests.system.chaos.proxy import BadLine

HANG_S = 5.0
VICTIM_WAIT_S = 20.0
SAVE_WAIT_S = 3.0


class Accident(NamedTuple):
    """at_s: seconds after the beginning; for_s: how long, for those that last.

    late_s: how long after a caption went through to the API, so that it is struck on its way.
    """

    at_s: float
    kind: str
    for_s: float
    late_s: float


CAPTIONS_WORKER = "captions worker killed"
FLOOD = "200 sign-ins at once"
KINDS = (
    CAPTIONS_WORKER,
    "Redis killed",
    "Redis stopped",
    "Redis hangs",
    "API killed",
    "API's process killed",
    "all workers killed",
    "network away",
    "captions worker hangs",
    "worker of jobs killed",
    FLOOD,
)
RESTART_POSTGRES, POSTGRES_HANGS = "PostgreSQL restarted", "PostgreSQL hangs"


def plan_accidents(
    seed: str, seconds: float, postgres: bool = False, more: Sequence[str] = ()
) -> list[Accident]:
    """Each kind in turn, in an order and at moments that the seed decides; none in the last 2 s.

    The captions worker comes three times as often: what it does must be whole. more: further kinds.
    """
    dice = random.Random(f"{seed}:accidents")
    of_postgres = (RESTART_POSTGRES, POSTGRES_HANGS) if postgres else ()
    kinds = (*KINDS, *of_postgres, *more)
    planned: list[Accident] = []
    bag: list[str] = []
    at_s = dice.uniform(1.0, 2.0)
    while at_s < seconds - 2.0:
        if not bag:
            bag = [*kinds, CAPTIONS_WORKER, CAPTIONS_WORKER]
            dice.shuffle(bag)
        late_s = dice.uniform(0.0, 0.04)
        planned.append(Accident(at_s, bag.pop(), dice.uniform(0.5, HANG_S), late_s))
        at_s += dice.uniform(1.0, 6.0)
    return planned


class Killer:
    """Does what was planned to the stack with this process id, to its line and its database."""

    def __init__(self, stack_pid: int, url: str, line: BadLine, database: Server | None) -> None:
        self.stack, self._url = psutil.Process(stack_pid), url
        self._line, self._database = line, database
        self._more: dict[str, Callable[[float], None]] = {}
        self.done: Counter[str] = Counter()
        self.missed: list[str] = []
        self.log: list[tuple[float, str]] = []

    @property
    def more(self) -> tuple[str, ...]:
        """The kinds that were added."""
        return tuple(self._more)

    def add(self, deeds: Mapping[str, Callable[[float], None]], missed: list[str]) -> None:
        """Further kinds, each with what brings it about; missed: where those stand that found no victim."""
        self._more.update(deeds)
        self.missed = missed

    def run(self, planned: list[Accident], until: float) -> None:
        """One accident after the other, each at its time or as soon as its victim is there.

        until: of the monotonic clock; those that were held up so long do not happen.
        """
        began = time.monotonic()
        for accident in planned:
            if time.monotonic() > until:
                return
            time.sleep(max(0.0, began + accident.at_s - time.monotonic()))
            self._bring_about(accident)

    def _bring_about(self, accident: Accident) -> None:
        self.done[accident.kind] += 1
        victim = self._find(VICTIMS[accident.kind]) if accident.kind in VICTIMS else None
        self._line.save_passed.clear()
        self._line.save_passed.wait(SAVE_WAIT_S)
        time.sleep(accident.late_s)
        self.log.append((time.time(), accident.kind))
        if accident.kind in self._more:
            self._more[accident.kind](accident.for_s)
        elif accident.kind == "network away":
            self._line.go_offline(accident.for_s)
        elif accident.kind == FLOOD:
            sign_in_at_once(self._url)
        elif accident.kind == RESTART_POSTGRES and self._database is not None:
            self._database.stop()
            self._database.start()
        elif accident.kind == POSTGRES_HANGS and self._database is not None:
            _hang(_family(self._database.pid), accident.for_s)
        elif victim is not None:
            with contextlib.suppress(psutil.NoSuchProcess):  # its parent was killed just before
                _hurt(victim, accident)

    def _find(self, is_wanted: Callable[[psutil.Process], bool]) -> psutil.Process:
        """A running process of the stack; waits for one that is being started again."""
        until = time.monotonic() + VICTIM_WAIT_S
        while time.monotonic() < until:
            for process in self.stack.children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if process.status() != psutil.STATUS_ZOMBIE and is_wanted(process):
                        return process
            time.sleep(0.1)
        raise AssertionError(f"a part was not started again within {VICTIM_WAIT_S:.0f} s")


def _hurt(victim: psutil.Process, accident: Accident) -> None:
    if accident.kind.endswith("hangs"):
        _hang([victim], accident.for_s)
    elif accident.kind == "Redis stopped":
        victim.terminate()
    else:
        victim.kill()


def _hang(processes: list[psutil.Process], for_s: float) -> None:
    """Nothing of them answers for so long."""
    for signal_, wait_s in ((signal.SIGSTOP, for_s), (signal.SIGCONT, 0.0)):
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal_)
        time.sleep(wait_s)


def _family(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def _is_redis(process: psutil.Process) -> bool:
    return bool(process.name().startswith(("redis", "valkey")))


def _is_api(process: psutil.Process) -> bool:
    return _is_first("api.serve", process)


def _is_api_process(process: psutil.Process) -> bool:
    """gunicorn's worker, which its master starts again."""
    return "api.serve" in process.cmdline() and not _is_api(process)


def _is_fleet(process: psutil.Process) -> bool:
    return _is_first("fleet", process)


def _is_first(word: str, process: psutil.Process) -> bool:
    """Whether it is the eldest process with this word in its command line."""
    parent = process.parent()
    return word in process.cmdline() and (parent is None or word not in parent.cmdline())


def _is_worker(name: str, process: psutil.Process) -> bool:
    return "fleet" in process.cmdline() and any(
        file.path.endswith(f"worker-{name}.log") for file in process.open_files()
    )


VICTIMS: dict[str, Callable[[psutil.Process], bool]] = {
    CAPTIONS_WORKER: partial(_is_worker, "captions"),
    "captions worker hangs": partial(_is_worker, "captions"),
    "worker of jobs killed": partial(_is_worker, "cpu"),
    "Redis killed": _is_redis,
    "Redis stopped": _is_redis,
    "Redis hangs": _is_redis,
    "API killed": _is_api,
    "API's process killed": _is_api_process,
    "all workers killed": _is_fleet,
}
