"""What a training will do, said before it is queued."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from cli.jobs.progress import duration
from cli.terminal import Terminal
from common.errors import ClipBrowserError

# The settings that change steps, time or memory.
PLANNED = (
    "model", "pretrained", "epochs", "batch_size", "lr", "warmup", "precision", "gpus",
)  # fmt: skip


def say_plan(terminal: Terminal, dataset_id: str, params: dict[str, Any]) -> None:
    """Steps, time and memory of a run, and what to beware of; on stderr.

    What is wrong with the params is left to the answer of the job itself.
    """
    asked = {name: _text(params[name]) for name in PLANNED if name in params}
    with contextlib.suppress(ClipBrowserError):
        plan = terminal.client.get(f"/datasets/{dataset_id}/train-plan", **asked)
        terminal.say(plan_line(plan))
        for warning in plan["warnings"]:
            terminal.say(f"Note: {warning}")


def plan_line(plan: dict[str, Any]) -> str:
    """`310 steps, about 2 min on NVIDIA H100, about 4 GB of memory; lr 1e-05, warmup 31`."""
    settings = plan["settings"]
    seconds, memory_gb = plan["estimated_s"], plan["memory_gb"]
    time = f"about {duration(seconds)}" if seconds is not None else "nobody knows how long"
    memory = f", about {memory_gb:g} GB of memory" if memory_gb is not None else ""
    return (
        f"{plan['steps']:,} steps, {time} on {plan['device_name']}{memory}; batch size "
        f"{settings['batch_size']['value']}, lr {settings['lr']['value']:g}, warmup "
        f"{settings['warmup']['value']:,}"
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
