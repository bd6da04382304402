"""The workers: what each does, asking them to do otherwise, their log lines."""

from __future__ import annotations

import argparse
from typing import Any
from urllib.parse import quote

from cli.jobs.progress import clock
from cli.terminal import Terminal, table

Worker = dict[str, Any]


def _path(name: str) -> str:
    return f"/workers/{quote(name, safe='')}"


def list_workers(terminal: Terminal, _: argparse.Namespace) -> int:
    """All workers, those that were lost among them."""
    found: list[Worker] = terminal.client.get("/workers")["items"]
    columns = ["worker", "state", "queues", "jobs at once", "works on", "last seen"]
    terminal.answer(found, table(columns, [_row(each) for each in found], right=["jobs at once"]))
    return 0


def _row(worker: Worker) -> list[Any]:
    runs = [
        f"{job['kind']} {job['job_id'] or ''}".strip()
        + (f" since {clock(job['since'])}" if job["since"] else "")
        + (f" ({job['message']})" if job["message"] else "")
        for job in worker["active"]
    ]
    seen = clock(worker["last_seen"]) if worker["last_seen"] else ""
    queues = ", ".join(worker["queues"])
    return [worker["name"], _state(worker), queues, worker["concurrency"], ", ".join(runs), seen]


def _state(worker: Worker) -> str:
    more = {"loading": f" {worker['loading']}", "waiting": " for a GPU"}
    return f"{worker['status']}{more.get(worker['status'], '')}"


def steer(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Drain, pause, resume, stop or forget the workers that are named."""
    done: list[Worker] = []
    for name in arguments.worker:
        if arguments.action == "forget":
            terminal.client.delete(_path(name))
            done.append({"name": name, "status": "forgotten"})
        else:
            done.append(terminal.client.post(f"{_path(name)}/{arguments.action}", {}))
    lines = [f"Worker {worker['name']}: {worker['status']}" for worker in done]
    terminal.answer(done if len(done) > 1 else done[0], "\n".join(lines))
    return 0


def resize(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Let a worker run so many jobs at once."""
    body = {"concurrency": arguments.concurrency}
    worker = terminal.client.put(f"{_path(arguments.worker)}/concurrency", body)
    wanted = worker["wanted_concurrency"]
    terminal.answer(worker, f"Worker {worker['name']}: {wanted} at once, in a moment")
    return 0


def show_log(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """The last log lines of a worker."""
    log = terminal.client.get(f"{_path(arguments.worker)}/log")
    terminal.answer(log, "\n".join(log["lines"]))
    return 0
