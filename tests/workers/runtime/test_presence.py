"""A worker says what it does, also while its loop is busy or hangs: presence has a thread of its own."""

from __future__ import annotations

import os
import signal
from datetime import datetime
from typing import Any

from common.messaging.broker import SEARCH
from common.messaging.live_workers import PREFIX, count_places, read_workers
from tests.workers import search_data
from tests.workers.conftest import Backstage, wait_until
from workers.runtime.alive import sign_file

UNTRAINED = "clip-browser-small/untrained"


def record_of(stage: Backstage, name: str = "w0@test") -> dict[str, Any] | None:
    found = read_workers(stage.services.queue.redis)
    return next((record for record in found if record["name"] == name), None)


def wait_for_state(stage: Backstage, *states: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        record = record_of(stage)
        return record if record and record["state"] in states else None

    found: dict[str, Any] = wait_until(look, 30, f"becoming {states}")
    return found


def test_a_worker_whose_loop_is_busy_for_long_is_there_and_says_busy(stage: Backstage) -> None:
    stage.start_worker(SEARCH, "-P", "solo")
    stage.services.queue.send("probe.sleep", [8.0], SEARCH)
    record = wait_for_state(stage, "busy")
    assert record["messages"][0]["name"] == "probe.sleep"
    least_ms = 16_000

    def look() -> bool:
        nonlocal least_ms
        least_ms = min(least_ms, int(stage.services.queue.redis.pttl(f"{PREFIX}w0@test")))
        return record_of(stage, "w0@test")["state"] == "ready"  # type: ignore[index]

    wait_until(look, 20)
    # Written by the loop that sleeps, it would have had 16 - 8 s left, or less.
    assert least_ms > 9_500


def test_a_search_worker_loads_the_model_of_the_newest_index_at_its_start(stage: Backstage) -> None:
    search_data.add_dataset(stage.services, 4)
    search_data.add_index(stage.services, UNTRAINED, UNTRAINED)
    stage.start_worker(SEARCH, "-P", "solo")
    assert wait_for_state(stage, "loading")["loading"] == UNTRAINED
    assert wait_for_state(stage, "ready")["loading"] is None


def test_a_worker_whose_loop_hangs_is_shown_and_takes_no_part(stage: Backstage) -> None:
    stage.start_worker("cpu")
    ready = wait_for_state(stage, "ready")
    assert count_places([ready], "cpu") == 1
    signed = sign_file(stage.settings.work_dir, "w0@test")
    # The loop signs at its own first turn, and another thread said that the worker is ready.
    wait_until(signed.exists, 30, "the sign of its loop")
    os.kill(ready["pid"], signal.SIGUSR2)
    stuck = wait_for_state(stage, "stuck")
    assert stuck["last_loop_at"] < stuck["told_at"]
    assert count_places([stuck], "cpu") == 0
    last_loop = datetime.fromisoformat(stuck["last_loop_at"]).timestamp()
    assert signed.stat().st_mtime < last_loop + 1  # the loop signs, and nobody in its place


def test_a_worker_that_ends_takes_its_record_along(stage: Backstage) -> None:
    worker = stage.start_worker("cpu")
    worker.send_signal(signal.SIGTERM)
    worker.wait(20)
    assert record_of(stage) is None
