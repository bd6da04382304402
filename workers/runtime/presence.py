"""Workers tell that they are there, from inside the loop that takes messages.

A timer of the consumer's event loop writes the record, so a worker whose loop hangs or has lost
Redis disappears from the list even though its process lives.
"""

from __future__ import annotations

import importlib.util
import json
import os
import socket
from typing import Any, ClassVar

import redis as redis_client
from celery import bootsteps

from common.augment.language_models import find_language_model
from common.db.tables import now
from common.gpus import read_gpus
from common.messaging.live_workers import PREFIX
from common.settings import load_settings

EVERY_S = 5.0
KEPT_S = 16


class WorkerPresence(bootsteps.StartStopStep):
    """Writes `clip-browser:worker:<name>` to Redis every five seconds; it expires after sixteen."""

    requires: ClassVar[set[str]] = {"celery.worker.consumer.tasks:Tasks"}

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self._timer: Any = None
        self._since = now().isoformat()
        self._redis = redis_client.Redis.from_url(
            parent.app.conf.broker_url, socket_timeout=2, socket_connect_timeout=2
        )

    def start(self, parent: Any) -> None:
        """Begin with the consumer."""
        self._write(parent)
        self._timer = parent.timer.call_repeatedly(EVERY_S, self._write, (parent,), priority=10)

    def stop(self, parent: Any) -> None:
        """End with the consumer."""
        if self._timer is not None:
            self._timer.cancel()
        try:
            self._redis.delete(PREFIX + parent.hostname)
        except redis_client.RedisError:
            return

    def _write(self, consumer: Any) -> None:
        queues = sorted(queue.name for queue in consumer.task_consumer.queues)
        record = {
            "name": consumer.hostname,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "queues": queues,
            "concurrency": consumer.controller.concurrency,
            "started_at": self._since,
            "gpu": os.environ.get("CLIP_BROWSER_GPU"),
            "gpus": _list_gpus() if "gpu" in queues else [],
            "llm": _read_llm() if "gpu" in queues else None,
        }
        try:
            self._redis.set(PREFIX + consumer.hostname, json.dumps(record), ex=KEPT_S)
        except redis_client.RedisError:
            return


def _list_gpus() -> list[dict[str, Any]]:
    """`[{index, name, memory_gb}]` of this host, as far as trainings may use them."""
    if load_settings().device == "cpu":
        return []
    return [{name: gpu[name] for name in ("index", "name", "memory_gb")} for gpu in read_gpus()]


def _read_llm() -> dict[str, bool]:
    """`{vllm, here}`: whether vLLM is installed in this environment, and the model on this machine."""
    settings = load_settings()
    return {
        "vllm": importlib.util.find_spec("vllm") is not None,
        "here": find_language_model(settings.llm_model, settings.weights_dir) is not None,
    }
