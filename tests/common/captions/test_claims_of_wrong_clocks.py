"""Claims that are made and given back on machines whose clocks are wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from common.captions.claims import (
    Claimer,
    GiveBack,
    NextImages,
    claim_next,
    give_back,
)
from common.db.clock import read_clock
from common.db.engine import session_factory
from common.db.tables import Image
from tests.common.captions.cats import open_cats
from tests.system.chaos.everything.parts import Clock, make_clock

MINUTES = 5.0
IMAGE_ID = 2  # the first image is captioned
ADA, BOB = Claimer("ada", "a", MINUTES), Claimer("bob", "b", MINUTES)
# What a worker does for a captioner, on a machine of its own
CLAIM = """
import sys
from common.captions.claims import Claimer, NextImages, claim_next
from common.db.engine import open_engine, session_factory
with session_factory(open_engine(sys.argv[1]))() as session:
    claim_next(session, [NextImages("cats", Claimer("ada", "a", float(sys.argv[2])), None)])
"""
LATEST_END = """
import sys
from common.captions.claims import latest_end
from common.db.engine import open_engine
with open_engine(sys.argv[1]).connect() as connection:
    print(latest_end(connection, float(sys.argv[2])).isoformat())
"""


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    """The dataset "cats", of whose images the second is to be claimed."""
    engine = open_cats(postgres_url, IMAGE_ID)
    yield engine
    engine.dispose()


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    """Of another machine, to be set wrong."""
    made = make_clock(tmp_path)
    if made is None:
        pytest.skip("there is no C compiler")
    return made


def run_there(clock: Clock, shift_s: int, program: str, url: str) -> str:
    """What a program prints on a machine whose clock is wrong by so much."""
    clock.shift.write_text(f"{shift_s}\n")
    wrong = {"LD_PRELOAD": str(clock.library), "CLOCK_SHIFT_FILE": str(clock.shift)}
    command = [sys.executable, "-c", program, url, str(MINUTES)]
    return subprocess.run(
        command, env={**os.environ, **wrong}, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


@pytest.mark.parametrize("shift_s", [3600, -3600])
def test_a_claim_lasts_as_long_as_it_should_wherever_it_was_made(
    engine: Engine, postgres_url: str, clock: Clock, shift_s: int
) -> None:
    run_there(clock, shift_s, CLAIM, postgres_url)
    with session_factory(engine)() as session:
        until, moment = session.get_one(Image, IMAGE_ID).claim_until, read_clock(session)
        assert until is not None
        assert timedelta(minutes=MINUTES - 1) < until - moment <= timedelta(minutes=MINUTES)
        assert claim_next(session, [NextImages("cats", BOB, None)]) == [[]]


def test_a_claim_ends_when_a_machine_whose_clock_is_behind_gives_it_back(
    engine: Engine, postgres_url: str, clock: Clock
) -> None:
    with session_factory(engine)() as session:
        claim_next(session, [NextImages("cats", ADA, None)])
    until = datetime.fromisoformat(run_there(clock, -3600, LATEST_END, postgres_url).strip())
    with session_factory(engine)() as session:
        give_back(session, [GiveBack(IMAGE_ID, ADA.name, ADA.holder, until)])
        assert session.get_one(Image, IMAGE_ID).claimed_by is None
