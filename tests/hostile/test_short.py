"""The short form of `make hostile`: pictures, zips, tables, models, names, requests and sockets from a seed."""

from __future__ import annotations

import json
import subprocess
import sys

COUNT = 60


def test_everything_hostile_is_taken_or_refused_with_a_reason_in_little_time_and_memory() -> None:
    asked = [sys.executable, "-m", "tests.hostile", "--count", str(COUNT)]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=280)
    tallies = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["faults"] for each in tallies] == [[]] * 7, done.stderr[-2000:]
    assert done.returncode == 0, done.stderr[-2000:]
    assert sum(each["taken"] + each["refused"] for each in tallies) == round(7.9 * COUNT)
    assert all(each["taken"] and each["refused"] for each in tallies)
