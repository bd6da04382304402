"""The whole story: captioners on a bad line, accidents, calm, and a look at what is left."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.system.chaos.captioner import Captioner
from tests.system.chaos.checker import check
from tests.system.chaos.everything.estate import Estate, orphans
from tests.system.chaos.everything.works import Works
from tests.system.chaos.history import History
from tests.system.chaos.holdings import Ledger
from tests.system.chaos.killer import plan_accidents
from tests.system.chaos.planner import Planner
from tests.system.chaos.stage import CAPTIONERS, FREE, OWN, SHARED, Plan, Stage, open_stage
from tests.system.chaos.summary import summarise

PAUSE_S = 0.5  # between two captions of a person
BESIDE_PAUSE_S = 2.0  # the same beside everything else, on two cores
PLANNER_PAUSE_S = 1.5  # between two doings of the one who queues jobs
SAVES_PER_S, BESIDE_SAVES_PER_S = (
    1.0,
    0.3,
)  # at least, or the story tells nothing; about 20 on two cores
RECOVERY_S = 60.0
DRAIN_S = 60.0
LIVE_S = 15.0


@dataclass(frozen=True)
class Report:
    """What came of it. problems: empty when nothing was lost."""

    problems: list[str]
    summary: str


def play(plan: Plan, folder: Path) -> Report:
    """The story, in an empty folder. Takes `plan.seconds` and half a minute to a minute more."""
    with open_stage(plan, folder) as stage:
        report = _Story(stage).play()
        data_dir = stage.stack.data_dir
    return Report([*report.problems, *orphans(data_dir)], report.summary)


class _Story:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._history = History()
        self._dataset, images = stage.make_dataset()
        (stage.folder / "tabs").mkdir()
        self._people = [self._invite(number, images) for number in range(CAPTIONERS)]
        self._planner = Planner(
            stage.invite("planner"), stage.line.url, self._dataset, self._history, stage.plan.seed
        )
        self._problems: list[str] = []
        self._works: Works | None = None
        if stage.parts is not None:
            self._works = stage.set_to_work(stage.parts, self._history)

    def _invite(self, number: int, images: list[int]) -> Captioner:
        """A person at a tab behind the bad line."""
        name = f"person{number:02}"
        first = FREE + SHARED + number * OWN
        return Captioner(
            name, self._stage.invite(name), self._stage.line.url, self._dataset,
            self._stage.folder / "tabs", self._history, self._stage.plan.seed,
            own=images[first : first + OWN], shared=images[FREE : FREE + SHARED],
        )  # fmt: skip

    def play(self) -> Report:
        """Accidents, calm, a last round in which everything must work, the check."""
        self._live()
        self._stage.line.calm()
        if self._stage.parts is not None:
            self._stage.parts.calm()
        self._expect(self._stage.is_ready, RECOVERY_S, "the service has not come back")
        began = time.monotonic()
        self._drain()
        drain_s = time.monotonic() - began
        self._hear_each_other()
        self._problems += self._planner.settle()
        self._planner.leave()
        for person in self._people:
            person.leave()
        held = Ledger(self._stage, self._dataset).read()
        per_s = BESIDE_SAVES_PER_S if self._works else SAVES_PER_S
        if len(held.revisions) < self._stage.plan.seconds * per_s:
            self._problems.append(f"only {len(held.revisions)} captions were saved at all")
        problems = [*self._problems, *self._history.faults, *self._unread_faults()]
        problems += check(self._history.attempts, self._history.claims, held)
        ends = dict(self._planner.ends)
        if self._works is not None:
            problems += self._look_around(self._works, ends)
        summary = summarise(self._stage, self._history, drain_s, held.index_lag_s, ends)
        return Report(problems, summary)

    def _look_around(self, works: Works, ends: dict[str, int]) -> list[str]:
        """What is wrong with everything that is no caption of the story; ends: gets how its jobs ended."""
        stage = self._stage
        estate = Estate(stage.database_url, stage.store_url, stage.redis_url)
        problems = [*estate.settle(), *works.find_again(stage.stack)]
        problems += estate.look(works.deeds, works.uploaded)
        ends.clear()
        ends.update(estate.ends)
        ends.update({f"deeds: {name}": count for name, count in works.deeds.done.items()})
        ends.update({f"no victim for: {name}": 1 for name in stage.killer.missed})
        return problems

    def _unread_faults(self) -> list[str]:
        """Errors 500 of requests whose line was cut, so that nobody read the answer."""
        log = (self._stage.stack.data_dir / "logs" / "api.log").read_text("utf-8", "replace")
        found = re.findall(
            r" ERROR api .*: ((?:GET|PUT|POST) /\S+)\nTraceback.*(?:\n[ \t].*)+\n(.*)", log
        )
        return [f"{request} failed in the API: {problem}" for request, problem in found]

    def _live(self) -> None:
        """Captioners at work among accidents."""
        plan, over = self._stage.plan, threading.Event()
        hands = self._works.hands() if self._works else []
        pause_s = BESIDE_PAUSE_S if self._works else PAUSE_S
        killer = self._stage.killer
        with ThreadPoolExecutor(CAPTIONERS + 1 + len(hands)) as pool:
            work = [pool.submit(person.work, over, pause_s) for person in self._people]
            work.append(pool.submit(self._planner.work, over, PLANNER_PAUSE_S))
            work += [pool.submit(hand, over) for hand in hands]
            try:
                began = time.monotonic()
                with_postgres = plan.postgres or plan.everything
                killer.run(
                    plan_accidents(plan.seed, plan.seconds, with_postgres, killer.more),
                    began + plan.seconds,
                )
                time.sleep(max(0.0, began + plan.seconds - time.monotonic()))
            except AssertionError as absent:
                self._problems.append(str(absent))
            finally:
                over.set()
                self._history.over_s = time.time()
        for done in work:
            done.result()

    def _drain(self) -> None:
        """Wait until every outbox is empty; what stays in one is found by the check."""
        self._until(lambda: not any(person.tab.waiting for person in self._people), DRAIN_S)

    def _hear_each_other(self) -> None:
        """Once all is calm, everybody hears of everybody's caption by an event, without errors."""
        until = time.monotonic() + LIVE_S
        while deaf := self._deaf_to([self._people[0].type_last()], 0.5):
            if time.monotonic() > until:
                self._problems.append(f"no events reach {deaf} within {LIVE_S:.0f} s")
                return
        self._history.is_calm = True
        last = [person.type_last() for person in self._people]
        self._drain()
        if deaf := self._deaf_to(last, 5.0):
            self._problems.append(f"events to {deaf} were lost although all was calm")

    def _deaf_to(self, client_ids: list[str], timeout_s: float) -> list[str]:
        """Who has not heard of all these saves in time."""
        self._until(lambda: all(each.tab.has_heard(client_ids) for each in self._people), timeout_s)
        return [each.name for each in self._people if not each.tab.has_heard(client_ids)]

    def _expect(self, true: Callable[[], bool], timeout_s: float, problem: str) -> None:
        if not self._until(true, timeout_s):
            self._problems.append(f"{problem} within {timeout_s:.0f} s")

    @staticmethod
    def _until(true: Callable[[], bool], timeout_s: float) -> bool:
        """Whether it became true in time."""
        until = time.monotonic() + timeout_s
        while not true():
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True
