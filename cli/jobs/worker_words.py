"""The words of `clip-browser workers`; what they do stands in `cli/jobs/workers.py`."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable

_ORDERS = (
    ("drain", "let workers end what they run and take nothing more, until they end"),
    ("pause", "let workers take nothing more, also when they are started anew"),
    ("resume", "let workers take work again"),
    ("stop", "end workers; what they run is saved and goes back to its queue"),
    ("forget", "take workers that have gone off the list"),
)


def add_worker_actions(add: Callable[[str, str, str], ArgumentParser]) -> None:
    """add: a subcommand by its name, its function as `module:function`, and what it does."""
    add("list", "cli.jobs.workers:list_workers", "what each worker does, and since when")
    for name, text in _ORDERS:
        add(name, "cli.jobs.workers:steer", text).add_argument("worker", nargs="+")
    size = add("resize", "cli.jobs.workers:resize", "let a CPU worker run so many jobs at once")
    size.add_argument("worker")
    size.add_argument("concurrency", type=int, metavar="N")
    log = add("log", "cli.jobs.workers:show_log", "the last log lines of a worker")
    log.add_argument("worker")
