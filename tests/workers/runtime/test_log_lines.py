"""What real workers, their children and beat say of themselves, read where it is written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from common.settings import as_environment
from tests.workers.conftest import PATIENCE_S, Backstage, kill_hard, open_backstage, wait_until

Line = dict[str, Any]
ALWAYS = {"time", "level", "part", "event", "message"}


def lines_of(path: Path) -> list[Line]:
    """All whole lines of a process's standard output and error; fails where one is not of JSON."""
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]


def told(path: Path, event: str, **facts: Any) -> Line | None:
    """The last line of this event with these facts."""
    found = [
        line for line in lines_of(path)
        if line["event"] == event and facts.items() <= line.items()
    ]  # fmt: skip
    return found[-1] if found else None


def start_beat(stage: Backstage, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as handle:
        return subprocess.Popen(
            [sys.executable, "-m", "workers.runtime.start", "beat"],
            env=as_environment(stage.settings), stdout=handle, stderr=handle,
        )  # fmt: skip


def test_workers_children_and_beat_say_what_happens_in_lines_of_json(tmp_path: Path) -> None:
    with open_backstage(tmp_path, "", log_format="json", max_attempts=3) as stage:
        beat_log, first_log, second_log = (tmp_path / f"{n}.log" for n in ("beat", "w0", "w1"))
        beat = start_beat(stage, beat_log)
        try:
            first = stage.start_worker("cpu")
            start = told(first_log, "process_started")
            assert start is not None
            assert (start["part"], start["worker"], start["pid"]) == (
                "worker",
                "w0@test",
                first.pid,
            )
            assert start["queues"] == "cpu"
            wait_until(lambda: told(beat_log, "worker_joined", worker="w0@test"), what="its coming")

            done, failing = stage.make(), stage.make(fail=True)
            stage.wait_for(done, "succeeded")
            stage.wait_for(failing, "failed")
            begun = wait_until(lambda: told(first_log, "job_begun", job=done))
            assert (begun["kind"], begun["user"], begun["attempt"]) == ("practice", "anna", 1)
            ended = wait_until(lambda: told(first_log, "job_ended", job=done))
            assert (ended["state"], ended["worker"]) == ("succeeded", "w0@test")
            assert 0 <= ended["seconds"] < 30
            wait_until(lambda: told(first_log, "job_ended", job=failing, code="no_captions"))

            job_id = stage.make("probe_child", steps=100_000)
            wait_until(lambda: len(stage.children()) == 1, what="its child")
            kill_hard(stage.children()[0])
            killed = wait_until(lambda: told(first_log, "child_killed", job=job_id))
            assert (killed["exit_code"], killed["level"]) == (-9, "error")
            wait_until(lambda: told(first_log, "job_retried", job=job_id))

            wait_until(lambda: len(stage.children()) == 2, what="its child")
            stage.lose(first, job_id)
            wait_until(lambda: told(beat_log, "job_lost", job=job_id, attempt=2))
            wait_until(lambda: told(beat_log, "worker_left", worker="w0@test"))

            second = stage.start_worker("cpu")
            wait_until(lambda: told(second_log, "job_begun", job=job_id, attempt=3))
            second.terminate()
            wait_until(lambda: told(second_log, "job_requeued", job=job_id))
            second.wait(PATIENCE_S)
            assert told(second_log, "process_ended", worker="w1@test")
        finally:
            beat.terminate()
            beat.wait(PATIENCE_S)
        for log in (beat_log, first_log, second_log):
            assert log.read_text("utf-8").endswith("\n")
            lines = lines_of(log)
            assert all(line.keys() >= ALWAYS for line in lines)
            assert stage.settings.secret_key not in log.read_text("utf-8")
        assert told(beat_log, "process_started", part="beat", pid=beat.pid)
