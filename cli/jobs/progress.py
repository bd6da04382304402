"""Progress bars on stderr: uploads, downloads, and jobs followed to their end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from cli.terminal import Terminal, figures
from common.errors import Conflict, Unavailable, error_from_dict

POLL_S = 0.5
PATIENCE_S = 60.0  # a service that restarts is waited for this long
FINISHED = ("succeeded", "failed", "stopped")
Job = dict[str, Any]


class OnBytes(Protocol):
    """Told of each portion of a transfer."""

    def __call__(self, new_bytes: int, total_bytes: int | None = None) -> None:
        """new_bytes more have gone over, of total_bytes if that is known."""


@contextmanager
def bytes_bar(terminal: Terminal, title: str, total: int | None) -> Iterator[OnBytes]:
    """A bar over bytes; call what it gives with (new bytes, the total if it became known)."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(),
        TransferSpeedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=terminal.err, disable=not terminal.err.is_terminal) as bar:
        task = bar.add_task(title, total=total)

        def advance(new_bytes: int, total_bytes: int | None = None) -> None:
            bar.update(task, advance=new_bytes, total=total_bytes or total)

        yield advance


def follow(terminal: Terminal, job_id: str) -> Job:
    """Show a job's progress until it ends; the job then. Ctrl-C leaves it running."""
    return follow_all(terminal, [job_id])[0]


def follow_all(terminal: Terminal, job_ids: list[str]) -> list[Job]:
    """Show the progress of jobs that run one after the other, in one bar; the jobs at their end."""
    ended: list[Job] = []
    try:
        with _job_bar(terminal) as show:
            for number, job_id in enumerate(job_ids, start=1):
                part = f" {number} of {len(job_ids)}" if len(job_ids) > 1 else ""
                ended.append(_watch(terminal, job_id, lambda job, part=part: show(job, part)))  # type: ignore[misc]
    except KeyboardInterrupt:
        left = job_ids[len(ended) :]
        terminal.say(f"The work goes on. To stop it: clip-browser stop {' '.join(left)}")
        raise
    return ended


def _watch(terminal: Terminal, job_id: str, show: Callable[[Job], None]) -> Job:
    last_answer = time.monotonic()
    while True:
        try:
            job: Job = terminal.client.get(f"/jobs/{job_id}")
            last_answer = time.monotonic()
            show(job)
            if job["state"] in FINISHED:
                return job
        except Unavailable:
            if time.monotonic() - last_answer > PATIENCE_S:
                raise
        time.sleep(POLL_S)


@contextmanager
def _job_bar(terminal: Terminal) -> Iterator[Callable[[Job, str], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}"))
    live = terminal.err.is_terminal
    with Progress(*columns, console=terminal.err, disable=not live) as bar:
        task = bar.add_task("", total=None, figures="")
        said: list[str] = []

        def show(job: Job, part: str) -> None:
            if live:
                _update(bar, task, job, part)
                return
            line = _plain_line(job, part)
            if [line] != said[-1:]:
                said.append(line)
                terminal.say(line)

        yield show


def _update(bar: Progress, task: TaskID, job: Job, part: str) -> None:
    progress = job["progress"]
    total, done = progress.get("total"), progress.get("done") or 0
    if job["state"] == "succeeded":
        total = done = total or 1
    title = f"{job['kind'].replace('_', ' ')}{part}"
    bar.update(task, description=title, total=total, completed=done, figures=status_text(job))


def _plain_line(job: Job, part: str) -> str:
    """For logs and pipes: a new line whenever the state or the message changes, not for every step."""
    message = "" if job["state"] in FINISHED else job["progress"].get("message") or ""
    return f"{job['kind'].replace('_', ' ')}{part} {job['id']}: {job['state']} {message}".rstrip()


def status_text(job: Job) -> str:
    """Where a job stands, in one line: `3 of 10 epochs  loss 2.31  lr 1e-05  about 2 min left`."""
    progress = job["progress"]
    if job["state"] == "queued":
        return waiting_text(job)
    parts = [] if job["state"] == "running" else [job["state"]]
    if progress.get("total"):
        parts.append(
            f"{progress.get('done') or 0:,} of {progress['total']:,} {progress.get('unit') or ''}"
        )
    if job["state"] not in FINISHED:
        parts.append(progress.get("message") or "")
    parts += [
        f"{_metric_name(name)} {value:.4g}" for name, value in _shown(progress.get("metrics"))
    ]
    if job.get("eta_s") is not None and job["state"] == "running":
        parts.append(f"{duration(job['eta_s'])} left")
    return "  ".join(part.strip() for part in parts if part.strip())


def waiting_text(job: Job) -> str:
    """Where a queued job stands: `waits in queue gpu, place 2 (Behind 1 run), starts about 14:05`."""
    place, why, starts = (
        job.get(name) for name in ("queue_position", "queue_reason", "estimated_start")
    )
    return (
        f"waits in queue {job['queue']}"
        + (f", place {place}" if place else "")
        + (f" ({why})" if why else "")
        + (f", starts about {clock(starts)}" if starts else "")
    )


def clock(moment: str) -> str:
    """An ISO time as the clock of this machine shows it: `14:05`, on another day with the date."""
    there = datetime.fromisoformat(moment).astimezone()
    is_today = there.date() == datetime.now().astimezone().date()
    return there.strftime("%H:%M" if is_today else "%Y-%m-%d %H:%M")


def _shown(metrics: dict[str, Any] | None) -> list[tuple[str, float]]:
    numbers = [
        (name, value) for name, value in (metrics or {}).items() if isinstance(value, (int, float))
    ]
    return numbers[:5]


def _metric_name(name: str) -> str:
    return name.removeprefix("train/").replace("_", " ")


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def require_success(job: Job) -> None:
    """Raises the job's own error, or Conflict when it was stopped."""
    if job["state"] == "failed":
        raise error_from_dict(job["error"] or {})
    if job["state"] == "stopped":
        raise Conflict(
            f"Job {job['id']} was stopped.", remedy=f"Go on with: clip-browser resume {job['id']}"
        )


def show_job(terminal: Terminal, job: Job, follow_it: bool) -> int:
    """A queued job, or after following it its result. Raises the job's error."""
    if not follow_it:
        hint = f"To watch it: clip-browser jobs --watch, or clip-browser log {job['id']} --follow"
        told = f"Job {job['id']} ({job['kind']}) {status_text(job)}\n{hint}"
        terminal.answer(job, "\n".join([told, *job["notes"]]))
        return 0
    ended = follow(terminal, job["id"])
    told = "\n".join(
        [f"Job {ended['id']} ({ended['kind']}) has {ended['state']}.", *ended["notes"]]
        + ([figures(ended["result"])] if ended["result"] else [])
    )
    terminal.answer(ended, told)
    require_success(ended)
    return 0
