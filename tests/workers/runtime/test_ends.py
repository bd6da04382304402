"""A worker's end is its last word, whatever of it is still under way."""

from __future__ import annotations

import os
import subprocess
import sys

from common.db.tables import Worker, now
from common.jobs import workers
from common.jobs.workers import Facts
from tests.workers.conftest import PATIENCE_S, Backstage

# The fleet is asked to end while its new member has not come to itself yet.
FLEET = """
import os, signal, time
from common.settings import load_settings
from workers.runtime.start import _Fleet

begin_session = os.setsid

def be_late():
    os.kill(os.getppid(), signal.SIGTERM)
    while not (fleet._stopping or signal.SIGTERM in signal.sigpending()):
        time.sleep(0.01)
    begin_session()

os.setsid = be_late
fleet = _Fleet(load_settings(), [])
fleet.add("member", lambda: print("works on", flush=True))
fleet.run()
"""


# One member has ended, and been buried, but not yet been crossed out.
BURIED = """
import os, signal, subprocess, sys
from common.settings import load_settings
from workers.runtime.start import _Fleet

gone, lives = (subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) for _ in range(2))
gone.communicate(b"\\n")
fleet = _Fleet(load_settings(), [])
fleet._alive = {gone.pid: "gone", lives.pid: "lives"}
signal.signal(signal.SIGTERM, fleet._stop)
os.kill(os.getpid(), signal.SIGTERM)
print(lives.wait())
"""


def test_a_look_that_was_under_way_brings_no_worker_back_that_has_left(
    any_stage: Backstage,
) -> None:
    facts = Facts("cpu@here", "here", os.getpid(), ["cpu"], workers.PREFORK, 1, now())
    with any_stage.services.sessions() as session:
        workers.register(session, facts)
        assert workers.see(session, facts, "busy", 1, [])
        workers.leave(session, facts)
        assert not workers.see(session, facts, "busy", 1, [])
    with any_stage.services.readers() as session:
        row = session.get_one(Worker, facts.name)
    assert (row.state, row.left_at is None) == ("left", False)


def test_a_member_of_a_fleet_that_is_asked_to_end_as_it_begins_does_not_work_on() -> None:
    run = subprocess.run(
        [sys.executable, "-c", FLEET], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (run.returncode, run.stdout) == (0, ""), run.stderr


def test_a_fleet_ends_all_its_members_also_where_one_has_ended_just_now() -> None:
    run = subprocess.run(
        [sys.executable, "-c", BURIED], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (run.returncode, run.stdout) == (0, "-15\n"), run.stderr
