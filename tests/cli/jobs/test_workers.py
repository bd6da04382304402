"""Workers in the terminal: what they do, asking them, limits, logs."""

from __future__ import annotations

import time

from tests.cli.conftest import Call
from tests.workers.conftest import wait_until


def test_a_worker_is_listed_paused_and_let_go_on(call: Call) -> None:
    [worker] = call("workers", "--json").json
    name = worker["name"]
    assert name.startswith("cpu-captions-search@")
    assert name in call("workers", "list").out
    until = time.monotonic() + 60
    while (paused := call("workers", "pause", name)).code and time.monotonic() < until:
        time.sleep(0.2)  # its row comes a moment after its record
    assert paused.out.strip() == f"Worker {name}: paused"
    assert call("workers", "list", "--json").json[0]["asked_by"] == "admin"
    assert call("workers", "resume", name, "--json").json["asked"] == "run"

    def has_said_so() -> bool:
        log = call("workers", "log", name, "--json").json
        return any("process_started" in line for line in log["lines"])

    wait_until(has_said_so, what="the line of its start")
    there = call("workers", "forget", name)
    assert there.code == 1
    assert "Stop it first." in there.err


def test_a_queue_is_limited_and_let_go(call: Call) -> None:
    assert "all kinds 2" in call("limit", "cpu", "2").out
    assert "map 1" in call("limit", "cpu", "1", "--kind", "map").out
    call("limit", "cpu", "none", "--kind", "map")
    assert call("limit", "cpu", "none", "--json").json["limits"] == []
    assert call("limit", "cpu", "two").code == 2
