"""Nothing that was typed is lost, doubled or overwritten, whatever part is killed; see tests/system/chaos."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.system.chaos.stage import Plan
from tests.system.chaos.story import play

pytestmark = pytest.mark.timed


@pytest.mark.parametrize(("seconds", "everything"), [(60, False), (45, True)])
def test_nothing_typed_is_lost_while_parts_are_killed_and_connections_cut(
    tmp_path: Path, seconds: int, everything: bool
) -> None:
    seed = secrets.token_hex(3)
    again = f'make chaos ARGS="--seconds {seconds} --seed {seed}{" --everything" if everything else ""}"'
    print(f"seed {seed}; again: {again}")
    report = play(Plan(seconds, seed, everything=everything), tmp_path)
    print(report.summary)
    assert report.problems == [], f"{again}\n" + "\n".join(report.problems[:50])
