"""Somebody who queues jobs in chains, stops, resumes and retries them, while parts are killed."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from typing import Any

import httpx

from tests.system.chaos.history import History

ACTIONS = {"chain": 6, "follow": 3, "stop": 3, "resume": 2, "retry": 2}
TIMEOUT_S = 8.0
SETTLED_S = 60.0
# What may end a job of this story: a predecessor that failed, three lost workers, a dataset that has
# no captions yet, a split that came after the one it began with, and a part that stayed away for too long.
FAIR_ENDS = {
    "conflict", "worker_lost", "no_captions", "no_split", "cannot_resume", "store_unavailable",
}  # fmt: skip


class Planner:
    """One person with a token, on the same bad line as the captioners."""

    def __init__(self, token: str, url: str, dataset: str, history: History, seed: str) -> None:
        self._dataset, self._history = dataset, history
        self._dice = random.Random(f"{seed}:planner")
        self._client = httpx.Client(
            base_url=f"{url}/api/v1",
            timeout=TIMEOUT_S,
            headers={"Authorization": f"Bearer {token}"},
        )
        self._jobs: list[str] = []
        self.ends: Counter[str] = Counter()

    def work(self, until: threading.Event, pause_s: float) -> None:
        """One thing after another, every `pause_s` seconds on average."""
        while not until.wait(self._dice.uniform(0.5, 1.5) * pause_s):
            action = self._dice.choices(list(ACTIONS), list(ACTIONS.values()))[0]
            if action == "chain":
                split = self._start("split")
                self._start("augment", split)
            elif self._jobs:
                self._change(action, self._dice.choice(self._jobs[-6:]))

    def _start(self, kind: str, after: str | None = None) -> str | None:
        body = {"kind": kind, "params": {"seed": self._dice.randrange(1000)}}
        body |= {"after_job_id": after} if after else {}
        made = self._call("POST", f"/datasets/{self._dataset}/jobs", body)
        if made is not None:
            self._jobs.append(made["id"])
        return made and str(made["id"])

    def _change(self, action: str, job: str) -> None:
        if action == "follow":
            self._start("augment", job)
        else:
            body = {"mode": self._dice.choice(("save", "kill"))} if action == "stop" else {}
            self._call("POST", f"/jobs/{job}/{action}", body)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """An answer's JSON; None when it was refused or did not come."""
        try:
            answer = self._client.request(method, path, json=body)
        except httpx.HTTPError as problem:
            self._history.unanswered(problem)
            return None
        self._history.answered(f"{method} {path}", answer.status_code, answer.text)
        return answer.json() if answer.is_success else None

    def settle(self) -> list[str]:
        """Wait until every job has ended or waits for a stopped one; what is wrong, in words."""
        until = time.monotonic() + SETTLED_S
        while (open_jobs := self._open()) and time.monotonic() < until:
            time.sleep(0.5)
        return [f"job {job} is stuck" for job in open_jobs] + self._unfair_ends()

    def _open(self) -> list[str]:
        jobs = self._all()
        if not jobs:
            return ["list"]  # the line is bad once more: asked again
        states = {job["id"]: job for job in jobs}
        return [
            f"{job['id']} ({job['kind']}, {job['state']}, attempt {job['attempt']})"
            for job in jobs
            if job["state"] in ("queued", "running", "stopping") and not _waits(job, states)
        ]

    def _all(self) -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = []
        path: str | None = f"/jobs?dataset_id={self._dataset}&limit=200"
        while path and (page := self._call("GET", path)):
            jobs += page["items"]
            cursor = page["next_cursor"]
            path = cursor and f"/jobs?dataset_id={self._dataset}&limit=200&cursor={cursor}"
        return jobs

    def _unfair_ends(self) -> list[str]:
        problems = []
        for job in self._all():
            code = (job["error"] or {}).get("code", "")
            self.ends[f"{job['state']} {code}".strip()] += 1
            if job["state"] == "failed" and code not in FAIR_ENDS:
                problems.append(f"job {job['id']} ({job['kind']}) failed: {job['error']}")
        if not self.ends["succeeded"]:
            problems.append("no job succeeded at all")
        return problems

    def leave(self) -> None:
        """Close the connection."""
        self._client.close()


def _waits(job: dict[str, Any], states: dict[str, dict[str, Any]]) -> bool:
    """Whether it follows a stopped job, which may be resumed, or one that follows such a one."""
    before = states.get(job["after_job_id"] or "")
    return before is not None and (before["state"] == "stopped" or _waits(before, states))
