"""The kinds of the jobs that exist for tests alone; their bodies are in `probe_jobs`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from common.jobs.kinds import CPU, KINDS, JobKind

PROBES = ("practice", "probe_child")
# While this file is in the data directory, a model that is being loaded is not ready.
LOADS = "loads"
# `UNIT DONE` in this file of the data directory: a job that reports so much waits, see `Backstage.hold_jobs`.
HOLDS = "holds"


class AnyParams(BaseModel):
    """Whatever a test gives."""

    model_config = ConfigDict(extra="allow")


for name in PROBES:
    KINDS[name] = JobKind(name, name, "tests.workers.probe_kinds:AnyParams", CPU)
