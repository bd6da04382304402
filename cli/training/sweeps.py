"""`train --sweep-lr`: one run for each of a few learning rates."""

from __future__ import annotations

import argparse
from typing import Any

from cli.jobs.params import Misuse
from cli.jobs.progress import follow_all, require_success, status_text
from cli.terminal import Terminal, figures


def start_sweep(
    terminal: Terminal, dataset_id: str, params: dict[str, Any], arguments: argparse.Namespace
) -> int:
    """Queue the runs; with --follow watch them to their end. Raises the first error of a run."""
    if arguments.after is not None or "lr" in params:
        raise Misuse(
            "--sweep-lr goes neither with --after nor with --lr.", remedy="Leave the other one out."
        )
    body = {"params": params, "lr": read_rates(arguments.sweep_lr)}
    sweep = terminal.client.post(f"/datasets/{dataset_id}/sweep", body)
    jobs = sweep["jobs"]
    if arguments.follow:
        jobs = follow_all(terminal, [job["id"] for job in jobs])
    lines = [f"Sweep {sweep['group_id']}"]
    for job in jobs:
        lines.append(f"Job {job['id']}, lr {job['params']['lr']:g}: {status_text(job)}")
        lines += [figures(job["result"])] if arguments.follow and job["result"] else []
    terminal.answer({**sweep, "jobs": jobs}, "\n".join(lines))
    for job in jobs if arguments.follow else ():
        require_success(job)
    return 0


def read_rates(text: str) -> list[float] | str:
    """`auto`, or the rates of `1e-5,3e-5`. Raises Misuse."""
    if text == "auto":
        return text
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as bad:
        raise Misuse(
            f"--sweep-lr is '{text}'.", remedy="Write auto, or rates with commas: 3e-6,1e-5,3e-5."
        ) from bad
