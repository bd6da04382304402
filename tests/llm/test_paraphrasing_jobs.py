"""Paraphrases as jobs of a real GPU-queue worker, written by a real model through real vLLM."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from common.captions.csv_files import read_rows
from common.db.tables import Dataset, Job, Variant
from common.jobs import states
from tests.workers.conftest import Backstage, Worker, kill_hard, open_backstage, wait_until
from tests.workers.paraphrase.hub_server import MODEL, hub_server
from workers.paraphrase.answers_file import Done
from workers.paraphrase.filter import check
from workers.paraphrase.sentence_encoder import SentenceEncoder

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def hub(model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A hub that offers the model; its name there."""
    files = {path.name: path.read_bytes() for path in model.iterdir()}
    with hub_server(files) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.delenv("HF_HUB_OFFLINE")
        yield MODEL


@pytest.fixture
def stage(tmp_path: Path, hub: str) -> Iterator[Backstage]:
    """A split dataset 'shapes' and workers that know the model."""
    with open_backstage(tmp_path, "", llm_model=hub, lease_s=10.0) as opened:
        opened.start_worker("cpu")
        with opened.services.sessions() as session:
            session.add(Dataset(id="shapes", name="Shapes", created_by="anna", defaults={}))
        for kind, params in (("sample", {"count": 30}), ("split", {})):
            job_id = send(opened, kind, **params)
            assert (
                opened.wait_for(job_id, "succeeded", "failed", timeout_s=120).state == "succeeded"
            )
        opened.start_beat()
        yield opened


def send(stage: Backstage, kind: str, **params: object) -> str:
    with stage.services.sessions() as session:
        job = states.create_job(
            session, kind, dataset_id="shapes", params=dict(params), created_by="anna"
        )
    stage.services.queue.send_job(job, stage.services.sessions)
    return job.id


def children_of(worker: Worker) -> list[psutil.Process]:
    """The paraphrasing children below a worker, and what they have started."""
    below = psutil.Process(worker.pid).children(recursive=True)
    return [child for child in below if "workers.gpu.llm.child" in " ".join(child.cmdline())]


def lines_of(stage: Backstage, job_id: str) -> dict[str, Done]:
    """What the job's file says now."""
    found = list((stage.settings.work_dir / job_id).glob("paraphrases-*.jsonl"))
    done: dict[str, Done] = {}
    for line in found[0].read_text("utf-8").splitlines() if found else []:
        try:
            told = json.loads(line)
        except ValueError:
            continue  # being written
        done[told["caption"]] = Done(told["caption"], [], told["rounds"])
    return done


def unit_of(stage: Backstage, job_id: str) -> str | None:
    """What the job's progress counts now."""
    return (stage.job(job_id).progress or {}).get("unit")


def wait_for_lines(stage: Backstage, job_id: str, more_than: int) -> int:
    """How many captions have been answered, once they are more."""
    wait_until(
        lambda: len(lines_of(stage, job_id)) > more_than or stage.job(job_id).state == "failed",
        300, "an answer", every_s=0.1,
    )  # fmt: skip
    return len(lines_of(stage, job_id))


def variants_of(stage: Backstage, job: Job) -> list[Variant]:
    with stage.services.readers() as session:
        return list(session.scalars(select(Variant).where(Variant.job_id == job.id)))


def test_a_job_that_is_killed_stopped_and_resumed_asks_on_and_leaves_no_process(
    stage: Backstage,
) -> None:
    worker = stage.start_worker("gpu")
    job_id = send(stage, "augment", method="llm", per_caption=2)

    wait_until(lambda: unit_of(stage, job_id) == "MB", 60, "the download", every_s=0.02)
    answered = wait_for_lines(stage, job_id, 2)
    (child,) = [one for one in children_of(worker) if one.ppid() != 1][:1]
    memory_gb = sum(one.memory_info().rss for one in children_of(worker)) / 1e9
    assert memory_gb > 0.5  # the model is in the child
    kill_hard(child.pid)  # ... as the out-of-memory killer would

    wait_until(lambda: stage.job(job_id).attempt == 2, 60, "the second attempt")
    before_stop = wait_for_lines(stage, job_id, answered)
    assert before_stop > answered
    with stage.services.sessions() as session:
        states.request_stop(session, job_id, "save")
    asked_at = time.monotonic()
    stopped = stage.wait_for(job_id, "stopped", "succeeded", "failed")
    assert time.monotonic() - asked_at < 10
    assert stopped.state == "stopped", stopped.error
    kept = lines_of(stage, job_id)
    assert len(kept) >= before_stop
    assert children_of(worker) == []

    with stage.services.sessions() as session:
        job = states.requeue(session, job_id, fresh=False)
    stage.services.queue.send_job(job, stage.services.sessions)
    wait_until(lambda: len(lines_of(stage, job_id)) > len(kept), 300, "more answers", every_s=0.1)
    on = lines_of(stage, job_id)
    assert all(on[caption].rounds >= done.rounds for caption, done in kept.items())
    done_job = stage.wait_for(job_id, "succeeded", "failed", timeout_s=400)
    assert done_job.state == "succeeded", done_job.error
    check_result(stage, done_job)
    assert children_of(worker) == []
    check_that_the_worker_has_no_model(worker)


def check_result(stage: Backstage, job: Job) -> None:
    """Each caption kept, each standing variant fit, and the file in step with both."""
    assert job.result is not None
    rows = read_rows(stage.services.store.get_bytes("datasets/shapes/train.csv"))
    original = read_rows(stage.services.store.get_bytes("datasets/shapes/train_original.csv"))
    variants = variants_of(stage, job)
    standing = [one for one in variants if one.state == "proposed"]
    assert standing
    assert len(rows) == len(original) + len(standing) == job.result["rows"]
    assert set(original) <= set(rows)
    encoder = SentenceEncoder()
    for one in variants:
        assert check(one.source_text, one.text, encoder).kept or one.state == "rejected"
        assert one.method == "llm"
    assert 0 < job.result["first_kept"] <= job.result["first_tries"]


def check_that_the_worker_has_no_model(worker: Worker) -> None:
    """Neither torch nor vLLM was ever loaded by the worker or its pool process."""
    for process in [psutil.Process(worker.pid), *psutil.Process(worker.pid).children()]:
        assert process.memory_info().rss < 600e6
        loaded = Path(f"/proc/{process.pid}/maps").read_text()
        assert "libtorch" not in loaded
