"""Augmentation with a language model as a job of a real GPU-queue worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from common.captions.csv_files import read_rows
from common.db.tables import Dataset, Job
from common.jobs import states
from tests.workers.conftest import Backstage, open_backstage
from tests.workers.gpu.llm.chat_server import ChatServer, Reply, chat_server


@pytest.fixture
def chat() -> Iterator[ChatServer]:
    """A small real chat endpoint."""
    with chat_server() as server:
        yield server


@pytest.fixture
def stage(tmp_path: Path, chat: ChatServer) -> Iterator[Backstage]:
    """A split dataset 'shapes', and workers that know the endpoint."""
    with open_backstage(
        tmp_path, "", llm_base_url=chat.address, llm_private_addresses=True
    ) as opened:
        opened.start_worker("cpu")
        opened.start_worker("gpu")
        with opened.services.sessions() as session:
            session.add(Dataset(id="shapes", name="Shapes", created_by="anna", defaults={}))
        for kind, params in (("sample", {"count": 20}), ("split", {})):
            assert run(opened, kind, **params).state == "succeeded"
        yield opened


def run(stage: Backstage, kind: str, **params: object) -> Job:
    with stage.services.sessions() as session:
        job = states.create_job(
            session, kind, dataset_id="shapes", params=dict(params), created_by="anna"
        )
    stage.services.queue.send_job(job, stage.services.sessions)
    return stage.wait_for(job.id, "succeeded", "failed", "stopped")


def test_train_csv_gets_each_caption_and_its_fit_paraphrases(stage: Backstage) -> None:
    job = run(stage, "augment", method="llm", per_caption=2)
    assert job.state == "succeeded", job.error
    assert job.result is not None
    assert job.queue == "gpu"
    original = read_rows(stage.services.store.get_bytes("datasets/shapes/train_original.csv"))
    rows = read_rows(stage.services.store.get_bytes("datasets/shapes/train.csv"))
    assert job.result["variants"] == 2 * len(original)
    assert len(rows) == 3 * len(original)
    assert [rows[0], rows[3]] == original[:2]
    assert {path for path, _ in rows} == {path for path, _ in original}


def test_an_endpoint_that_refuses_leaves_no_train_csv_and_offers_synonyms(
    stage: Backstage, chat: ChatServer
) -> None:
    chat.always = Reply(status=500)
    job = run(stage, "augment", method="llm")
    assert job.state == "failed"
    assert job.error is not None
    assert job.error["code"] == "llm_failed"
    assert "synonyms" in job.error["remedy"]
    assert not stage.services.store.exists("datasets/shapes/train.csv")
