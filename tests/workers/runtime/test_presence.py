"""A worker says what it does, also while its loop is busy or hangs: presence has a thread of its own."""

from __future__ import annotations

import os
import signal
from datetime import datetime
from pathlib import Path
from typing import Any

from common.db.tables import now
from common.messaging.broker import SEARCH
from common.messaging.live_workers import count_places, read_workers
from tests.workers import search_data
from tests.workers.conftest import PATIENCE_S, Backstage, open_backstage, wait_until
from tests.workers.probe_kinds import LOADS
from workers.runtime.alive import EVERY_S, sign_file

UNTRAINED = "clip-browser-small/untrained"


def record_of(stage: Backstage, name: str = "w0@test") -> dict[str, Any] | None:
    found = read_workers(stage.services.queue.redis)
    return next((record for record in found if record["name"] == name), None)


def wait_for_state(stage: Backstage, *states: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        record = record_of(stage)
        return record if record and record["state"] in states else None

    found: dict[str, Any] = wait_until(look, what=f"becoming {states}")
    return found


def test_a_worker_whose_loop_is_busy_for_long_is_there_and_says_busy(stage: Backstage) -> None:
    stage.start_worker(SEARCH, "-P", "solo")
    stage.services.queue.send("probe.wait", [str(stage.gate)], SEARCH)
    record = wait_for_state(stage, "busy")
    assert record["messages"][0]["name"] == "probe.wait"
    wait_until(lambda: told_at(stage) > record["told_at"], what="a record that is newer")
    record = wait_for_state(stage, "busy")
    # Written while the loop had not been round since the message came.
    assert record["last_loop_at"] < record["messages"][0]["since"] < record["told_at"]
    stage.open_gate()
    wait_for_state(stage, "ready")


def told_at(stage: Backstage) -> str:
    record = record_of(stage)
    assert record is not None
    return str(record["told_at"])


def test_a_search_worker_loads_the_model_of_the_newest_index_at_its_start(stage: Backstage) -> None:
    search_data.add_dataset(stage.services, 4)
    search_data.add_index(stage.services, UNTRAINED, UNTRAINED)
    held = stage.settings.data_dir / LOADS
    held.touch()
    stage.start_worker(SEARCH, "-P", "solo")
    assert wait_for_state(stage, "loading")["loading"] == UNTRAINED
    held.unlink()
    assert wait_for_state(stage, "ready")["loading"] is None


def test_a_worker_whose_loop_hangs_is_shown_and_takes_no_part(tmp_path: Path) -> None:
    """After half a lease, which is longer than the time between two of its signs."""
    with open_backstage(tmp_path, "", lease_s=2.4 * EVERY_S) as stage:
        stage.start_worker("cpu")
        ready = wait_for_state(stage, "ready")
        assert count_places([ready], "cpu") == 1
        signed = sign_file(stage.settings.work_dir, "w0@test")
        # The loop signs at its own first turn, and another thread said that the worker is ready.
        wait_until(signed.exists, what="the sign of its loop")
        os.kill(ready["pid"], signal.SIGUSR2)
        log = (stage.folder / "w0.log").read_text
        wait_until(lambda: "hangs" in log(), what="its hanging")
        began, last_sign = now(), signed.stat().st_mtime_ns

        def is_stuck() -> Any:
            record = wait_for_state(stage, "stuck")
            return record["last_loop_at"] < began.isoformat() < record["told_at"] and record

        stuck = wait_until(is_stuck)
        assert count_places([stuck], "cpu") == 0
        told = datetime.fromisoformat(stuck["told_at"])
        assert (told - datetime.fromisoformat(stuck["last_loop_at"])).total_seconds() > EVERY_S
        # The loop signs, and nobody in its place.
        assert signed.stat().st_mtime_ns == last_sign


def test_a_worker_that_ends_takes_its_record_along(stage: Backstage) -> None:
    worker = stage.start_worker("cpu")
    worker.send_signal(signal.SIGTERM)
    worker.wait(PATIENCE_S)
    assert record_of(stage) is None
