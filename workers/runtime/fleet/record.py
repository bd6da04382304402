"""What a worker tells of itself: `build_record`, and the state that it puts itself into."""

from __future__ import annotations

import importlib.util
import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from celery.worker import state as celery_state

from common.augment.language_models import find_language_model
from common.gpus import read_gpus
from common.jobs.workers import RUN, STOP, asked_state
from common.messaging.broker import GPU
from common.messaging.live_workers import STUCK, WAITING
from common.settings import Settings
from workers.runtime.fleet.activity import loading_now, waits_for_gpu

Message = dict[str, Any]


@dataclass(frozen=True)
class Loop:
    """What is known of the loop that takes messages.

    attached: it has a connection. silent_s: since it was last round. blocks: it runs the messages itself.
    """

    attached: bool
    silent_s: float
    blocks: bool


def list_messages() -> list[Message]:
    """`[{name, since}]` of the messages that this worker works on now, the oldest first."""
    try:
        active = list(celery_state.active_requests)
    except RuntimeError:  # one came or went just now
        active = list(celery_state.active_requests.copy())
    begun = [(one.time_start or datetime.now(UTC).timestamp(), str(one.name)) for one in active]
    return [
        {"name": name, "since": datetime.fromtimestamp(at, UTC).isoformat()}
        for at, name in sorted(begun)
    ]


def state_of(
    loop: Loop, messages: list[Message], stuck_after_s: float, ending: bool, asked: str
) -> str:
    """starting, waiting (for its GPU), loading, ready, busy, draining, drained, paused, stuck (its loop hangs) or stopping."""
    if ending or asked == STOP:
        return "stopping"
    if not loop.attached:
        return "starting"
    if loop.silent_s > stuck_after_s and not (loop.blocks and messages):
        return STUCK
    if asked != RUN:
        return asked_state(asked, bool(messages))
    if messages and waits_for_gpu():
        return WAITING
    if loading_now():
        return "loading"
    return "busy" if messages else "ready"


def build_facts(settings: Settings, name: str, queues: list[str]) -> dict[str, Any]:
    """What does not change while a worker runs."""
    return {
        "name": name,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "queues": queues,
        "gpu": os.environ.get("CLIP_BROWSER_GPU"),
        "gpus": _list_gpus(settings) if GPU in queues else [],
    }


def _list_gpus(settings: Settings) -> list[dict[str, Any]]:
    """`[{index, name, memory_gb}]` of this host, as far as trainings may use them."""
    if settings.device == "cpu":
        return []
    return [{name: gpu[name] for name in ("index", "name", "memory_gb")} for gpu in read_gpus()]


def read_llm(settings: Settings) -> dict[str, bool]:
    """`{vllm, here}`: whether vLLM is installed in this environment, and the model on this machine."""
    return {
        "vllm": _has_vllm(),
        "here": find_language_model(settings.llm_model, settings.weights_dir) is not None,
    }


@lru_cache(maxsize=1)
def _has_vllm() -> bool:
    return importlib.util.find_spec("vllm") is not None
