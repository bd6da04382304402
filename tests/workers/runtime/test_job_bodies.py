"""Each kind of job has a body on each of its queues, or the worker does not start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import Internal
from common.jobs.kinds import CPU, GPU, JOB_QUEUES, KINDS, JobKind
from common.settings import as_environment, load_settings
from tests.workers.probe_kinds import PROBES
from workers.cpu import tasks as _cpu  # noqa: F401 - registers its bodies
from workers.gpu import tasks as _gpu  # noqa: F401 - registers its bodies
from workers.runtime import job_bodies
from workers.runtime.job_bodies import check_bodies, kinds_on, load_body

OURS = [(kind, queue) for kind, queue in sorted(job_bodies._bodies) if kind not in PROBES]


@pytest.fixture
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registries without the kinds of tests, and what a test changes in them is undone."""
    ours = {name: kind for name, kind in KINDS.items() if name not in PROBES}
    monkeypatch.setattr(job_bodies, "KINDS", ours)
    monkeypatch.setattr(job_bodies, "_bodies", {key: job_bodies._bodies[key] for key in OURS})


@pytest.mark.usefixtures("_own_registry")
def test_every_kind_has_a_body_that_is_there() -> None:
    check_bodies(JOB_QUEUES)
    for kind, queue in OURS:
        assert callable(load_body(job_bodies._bodies[kind, queue]))
    assert "augment" in kinds_on(CPU) & kinds_on(GPU)


@pytest.mark.usefixtures("_own_registry")
def test_a_kind_without_a_body_is_named_but_only_on_the_queues_of_the_worker() -> None:
    job_bodies.KINDS["dream"] = JobKind("dream", "Dream", "common.jobs.params:Params", GPU)
    check_bodies([CPU, "captions"])
    with pytest.raises(Internal, match="No body does jobs of kind dream on queue gpu") as caught:
        check_bodies([GPU])
    assert "registry of kinds" in caught.value.remedy


@pytest.mark.usefixtures("_own_registry")
def test_a_body_without_a_kind_is_named() -> None:
    job_bodies.register_bodies(GPU, {"split": "workers.cpu.split.job:split_dataset"})
    with pytest.raises(Internal, match="jobs of kind split on queue gpu: no such kind goes there"):
        check_bodies([CPU])


def test_a_worker_whose_kind_has_no_body_does_not_start(tmp_path: Path, redis_url: str) -> None:
    words = """
from common.jobs.kinds import CPU, KINDS, JobKind
KINDS["dream"] = JobKind("dream", "Dream", "common.jobs.params:Params", CPU)
from workers.runtime.start import main
main()
"""
    settings = load_settings(data_dir=tmp_path, redis_url=redis_url, secret_key="k" * 32)
    run = subprocess.run(
        [sys.executable, "-c", words, "worker", "cpu"],
        env=as_environment(settings), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert run.returncode == 1
    assert "No body does jobs of kind dream on queue cpu" in run.stderr
