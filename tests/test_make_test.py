"""`make test` takes each test once, and what measures times with nothing beside it."""

from __future__ import annotations

import os
import shlex
import subprocess
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parent.parent
OF_MAKE = ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "TESTS")  # when `make test` runs this very test


def pytest_runs() -> list[list[str]]:
    """What follows `pytest` in each of its commands."""
    told = subprocess.run(
        ["make", "--dry-run", "test"], cwd=ROOT, capture_output=True, text=True, check=True,
        env={name: value for name, value in os.environ.items() if name not in OF_MAKE},
    ).stdout.replace("\\\n", " ")  # fmt: skip
    commands = [line for line in told.splitlines() if " -m pytest " in line]
    return [shlex.split(command.partition(" -m pytest ")[2]) for command in commands]


def files_of(run: list[str]) -> set[Path]:
    folders = [ROOT / word for word in run if word.startswith("tests")]
    return {file for folder in folders for file in folder.rglob("test_*.py")}


def marks_of(run: list[str]) -> list[str]:
    return [after for word, after in pairwise(run) if word == "-m"]


def test_each_test_is_in_one_run_and_those_that_measure_times_have_theirs_to_themselves() -> None:
    beside, alone = pytest_runs()
    assert "--numprocesses" in beside
    assert "--numprocesses" not in alone
    assert (marks_of(beside), marks_of(alone)) == (["not timed"], ["timed"])
    assert "--ignore" not in beside + alone
    assert files_of(beside) == files_of(alone) == set((ROOT / "tests").rglob("test_*.py"))


def test_all_in_the_folder_of_timed_tests_are_marked() -> None:
    files = list((ROOT / "tests/system/timed").glob("test_*.py"))
    assert files
    assert all("\npytestmark = pytest.mark.timed\n" in file.read_text() for file in files)
