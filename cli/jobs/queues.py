"""What waits in which order: looking at a queue, pausing it, moving and cloning jobs."""

from __future__ import annotations

import argparse
from typing import Any
from urllib.parse import quote

from rich.table import Table

from cli.jobs.params import Misuse, parse_params
from cli.jobs.progress import Job, clock, show_job, status_text
from cli.terminal import Terminal, table

USUAL_QUEUE = "gpu"
ACTIONS = ("pause", "resume")


def show_queue(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """A queue: its running jobs, then those that wait, as they will begin; pause or resume it."""
    name, action = arguments.name or USUAL_QUEUE, arguments.action
    if name in ACTIONS and action is None:
        name, action = USUAL_QUEUE, name
    path = f"/queues/{quote(name, safe='')}"
    if action is None:
        queue = terminal.client.get(path)
    else:
        body = {"reason": arguments.reason} if action == "pause" else {}
        queue = terminal.client.post(f"{path}/{action}", body)
    terminal.answer(queue, _queue_table(queue))
    if not terminal.json:
        terminal.say(_state_text(queue))
    return 0


def _state_text(queue: dict[str, Any]) -> str:
    paused = queue["paused"]
    if paused:
        why = f": {paused['reason']}" if paused["reason"] else ""
        return f"Queue {queue['name']} was paused by {paused['by']} at {clock(paused['at'])}{why}"
    return f"Queue {queue['name']}: {queue['workers']} can run at once"


def _queue_table(queue: dict[str, Any]) -> Table:
    rows = [
        [job["queue_position"], job["id"], job["kind"], job["dataset_id"], job["created_by"],
         job["priority"], _time(job, "start"), _time(job, "end"), _status(job)]
        for job in (*queue["running"], *queue["waiting"])
    ]  # fmt: skip
    columns = ["place", "job", "kind", "dataset", "by", "priority", "starts", "ends", "status"]
    return table(columns, rows, right=["place", "priority"])


def _time(job: Job, which: str) -> str:
    moment = job[f"estimated_{which}"]
    return clock(moment) if moment else ""


def _status(job: Job) -> str:
    return job["queue_reason"] or "" if job["state"] == "queued" else status_text(job)


def clone(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """The same job once more, with the params that are given changed."""
    body = {"params": parse_params(arguments.rest)}
    job = terminal.client.post(f"/jobs/{quote(arguments.job)}/clone", body)
    return show_job(terminal, job, arguments.follow)


def move(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Give a waiting job another place or priority."""
    body: dict[str, Any] = {}
    if arguments.last or arguments.before is not None:
        body["before"] = "" if arguments.last else arguments.before
    if arguments.priority is not None:
        body["priority"] = arguments.priority
    if not body:
        raise Misuse("move needs a place.", remedy="Give --before JOB, --last or --priority N.")
    job = terminal.client.patch(f"/jobs/{quote(arguments.job)}", body)
    terminal.answer(job, f"Job {job['id']} ({job['kind']}) {status_text(job)}")
    return 0


def limit(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Let at most so many jobs of a queue, or of a kind in it, run at once."""
    most = None if arguments.most == "none" else arguments.most
    if most is not None and not most.isdecimal():
        raise Misuse(f"{most!r} is no number of jobs.", remedy="Give a number, or none.")
    body = {"kind": arguments.kind, "most": None if most is None else int(most)}
    path = f"/queues/{quote(arguments.queue, safe='')}/limits"
    queue = terminal.client.put(path, body)
    limits = [f"{each['kind'] or 'all kinds'} {each['most']}" for each in queue["limits"]]
    terminal.answer(queue, f"Queue {queue['name']}: {', '.join(limits) or 'no limit'}")
    return 0
