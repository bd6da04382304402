"""What happened, in words and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from tests.system.chaos.history import Attempt, History
from tests.system.chaos.stage import CAPTIONERS, Stage


def summarise(
    stage: Stage, history: History, drain_s: float, index_lag_s: float, jobs: Mapping[str, int]
) -> str:
    """A dozen lines: saves, retries, conflicts, accidents, outages."""
    attempts, plan = history.attempts, stage.plan
    outcomes = [attempt.outcome for attempt in attempts]
    waits = sorted(each.settled_s - each.typed_s for each in attempts if each.settled_s)
    again = sum(attempt.sends - 1 for attempt in attempts if attempt.sends)
    replaced, dropped, same = (outcomes.count(word) for word in ("replaced", "dropped", "same"))
    database = "PostgreSQL, two captions workers" if plan.postgres else "SQLite"
    if plan.everything:
        database = "PostgreSQL, S3, two captions and two cpu workers, every kind of job"
    return "\n".join([
        f"seed {plan.seed}: {plan.seconds:.0f} s of accidents, {CAPTIONERS} captioners, {database}",
        f"typed {len(attempts)}, saved {outcomes.count('saved')} "
        f"(told by {_listed(history.told_by)}), sent again {again} times",
        f"conflicts {replaced + dropped + same}: {replaced} kept their own, {dropped} took the other, "
        f"{same} had the same text",
        f"accidents: {_listed(stage.killer.done)}; tabs crashed: {history.crashes}",
        f"line: {_listed(stage.line.cuts)}",
        f"answers: {_listed(history.answers)}",
        f"from Enter to saved: median {waits[len(waits) // 2]:.2f} s, longest {waits[-1]:.1f} s",
        f"longest outage seen by a captioner {history.longest_outage_s:.1f} s; "
        f"all outboxes empty {drain_s:.1f} s after the end",
        f"index.csv was right {index_lag_s:.2f} s after the last save",
        f"jobs: {_listed(jobs)}",
        *_accidents(stage.killer.log, attempts, history.over_s),
    ])  # fmt: skip


def _accidents(log: list[tuple[float, str]], attempts: list[Attempt], over_s: float) -> list[str]:
    """Each accident, and for how long nobody's caption was confirmed until the next or the end."""
    saved = sorted(
        each.settled_s for each in attempts if each.outcome == "saved" and each.settled_s
    )
    lines = []
    ends = [*(moment for moment, _ in log[1:]), over_s]
    for (moment, kind), end in zip(log, ends, strict=True):
        within = [moment, *(each for each in saved if moment < each < end), max(moment, end)]
        gap_s = max(late - early for early, late in pairwise(within))
        lines.append(f"{moment - log[0][0]:6.1f} s  {kind}: nothing confirmed for {gap_s:.1f} s")
    return lines


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
