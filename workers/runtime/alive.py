"""Signs of life: files below `work/alive` that a worker touches from the loop that takes messages.

A health check looks at the age of the file, which needs no Python; the command stands in
docker-compose.yml. A process that lives but hangs, or has lost Redis, signs no more. A worker of one
process (the pool `solo`) signs between two messages.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, ClassVar

from celery import bootsteps

from common.settings import load_settings

EVERY_S = 5.0


def sign_file(work_dir: Path, name: str) -> Path:
    """Where a part signs: `alive/<name>@<host>`. Each container has a host name of its own."""
    return work_dir / "alive" / name


def sign(work_dir: Path, name: str) -> None:
    """Say that this part is at work. On a disk without room the time alone is written, which takes none."""
    path = sign_file(work_dir, name)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


class AliveSign(bootsteps.StartStopStep):
    """Touches the worker's file every five seconds, by a timer of the consumer's loop."""

    requires: ClassVar[set[str]] = {"celery.worker.consumer.tasks:Tasks"}

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self._timer: Any = None
        self._work_dir = load_settings().work_dir
        self._name = str(parent.hostname)

    def start(self, parent: Any) -> None:
        """Begin with the consumer."""
        sign(self._work_dir, self._name)
        self._timer = parent.timer.call_repeatedly(
            EVERY_S, sign, (self._work_dir, self._name), priority=10
        )

    def stop(self, parent: Any) -> None:
        """End with the consumer: it has lost Redis, or was asked to."""
        if self._timer is not None:
            self._timer.cancel()
        sign_file(self._work_dir, self._name).unlink(missing_ok=True)
