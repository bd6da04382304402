"""Blending, importing and training on, as jobs of a real GPU-queue worker (on the CPU)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from common.db.tables import Job, Model
from common.jobs import leases, states
from tests.workers.conftest import Backstage
from tests.workers.gpu.model_folders import write_tiny, zip_folder
from tests.workers.trainings import OVER, SMALL, log_of, open_training_stage, run, trained
from workers.gpu.models.import_job import import_model_folder
from workers.gpu.proof.recall import RECALLS
from workers.gpu.training.job import train_on_dataset
from workers.runtime.job_context import ChildLost, JobBody, JobContext
from workers.runtime.job_runs import run_leased
from workers.search.queries import Searcher


@pytest.fixture(scope="module")
def stage(tmp_path_factory: Any) -> Iterator[Backstage]:
    """A dataset 'shapes' of 60 images, and a worker for it."""
    with open_training_stage(tmp_path_factory.mktemp("models")) as opened:
        yield opened


@pytest.fixture(scope="module")
def base(stage: Backstage) -> str:
    """A model trained from scratch; its id."""
    return str(trained(stage, run(stage, "train", **SMALL, epochs=1, batch_size=16))["model_id"])


@pytest.fixture(scope="module")
def tuned(stage: Backstage, base: str) -> dict[str, Any]:
    """The result of a training on from it."""
    params = {"model": "clip-browser-small", "pretrained": base}
    return trained(
        stage, run(stage, "train", **params, epochs=2, batch_size=16, lr=1e-3, name="tuned on")
    )


def row_of(stage: Backstage, model_id: str) -> Model:
    with stage.services.readers() as session:
        return session.get_one(Model, model_id)


def record_of(stage: Backstage, model_id: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(
        stage.services.store.get_bytes(f"models_finetuned/{model_id}/training.json")
    )
    return made


def upload(stage: Backstage, archive: Path) -> str:
    key = f"uploads/{archive.stem}/0/{archive.name}"
    stage.services.store.put_file(key, archive)
    return key


def failed(job: Job) -> dict[str, Any]:
    assert job.state == "failed"
    assert job.error is not None
    assert job.error["remedy"]
    return job.error


def test_training_on_names_what_it_began_with_and_measures_what_it_forgot(
    stage: Backstage, base: str, tuned: dict[str, Any]
) -> None:
    row = row_of(stage, tuned["model_id"])
    assert (row.source, row.pretrained) == ("trained", base)
    assert row.lineage is not None
    assert row.lineage["base_model"] == base
    assert row.lineage["snapshot_id"]
    assert row.metrics["forgetting"] == tuned["forgetting"]
    assert row.metrics["blends"] == tuned["blends"]
    assert tuned["recall_before"] == pytest.approx(
        row_of(stage, base).metrics["recall_after"], abs=0.09
    )


def test_a_blend_becomes_a_model_with_its_own_figures_and_lineage(
    stage: Backstage, base: str, tuned: dict[str, Any], tmp_path: Path
) -> None:
    import open_clip

    job = run(stage, "blend", model=tuned["model_id"], alpha=0.5, name="half way")
    result = trained(stage, job)
    assert result["measured"] is True
    assert set(result["recall_after"]) == set(RECALLS)
    known = [each for each in tuned["blends"] or [] if each["alpha"] == 0.5]
    for blend in known:
        assert {name: blend[name] for name in RECALLS} == pytest.approx(
            result["recall_after"], abs=0.09
        )
        assert blend["forgetting"] == pytest.approx(
            result["forgetting"]["after"]["t2i_r1"], abs=0.02
        )
    row = row_of(stage, result["model_id"])
    assert (row.source, row.name, row.dataset_id) == ("blended", "half way", "shapes")
    assert row.lineage is not None
    assert row.lineage["blend_of"] == tuned["model_id"]
    assert row.lineage["base_model"] == base
    assert row.lineage["alpha"] == 0.5
    stage.services.store.get_folder(f"models_finetuned/{row.id}", tmp_path / "m")
    open_clip.create_model_and_transforms(f"local-dir:{tmp_path / 'm'}", require_pretrained=True)
    assert f"50% of the way from {base}" in (tmp_path / "m/README.md").read_text()


def test_a_model_from_scratch_has_nothing_to_blend_with(stage: Backstage, base: str) -> None:
    error = failed(run(stage, "blend", model=base, alpha=0.5))
    assert error["code"] == "invalid_input"
    assert "random weights" in error["message"]


@pytest.mark.parametrize(
    ("params", "said"),
    [({"alpha": 1.5}, "alpha is 1.5"), ({}, "alpha"), ({"alpha": 0.5, "model": "gone"}, "gone")],
)
def test_a_blend_that_cannot_be_says_why(
    stage: Backstage, tuned: dict[str, Any], params: dict[str, Any], said: str
) -> None:
    error = failed(run(stage, "blend", **{"model": tuned["model_id"], **params}))
    assert said in error["message"]


def test_an_imported_model_is_searched_with_and_trained_on(
    stage: Backstage, tuned: dict[str, Any], tmp_path: Path
) -> None:
    folder = tmp_path / "m"
    stage.services.store.get_folder(f"models_finetuned/{tuned['model_id']}", folder)
    key = upload(stage, zip_folder(folder, tmp_path / "theirs.zip", "theirs"))
    taken = trained(stage, run(stage, "import_model", upload_key=key))
    assert not stage.services.store.exists(key)
    row = row_of(stage, taken["model_id"])
    assert (row.source, row.architecture, row.name) == (
        "imported", "clip-browser-small", "tuned on",
    )  # fmt: skip
    assert row.metrics["recall_after"] == tuned["recall_after"]
    assert row.dataset_id is None
    assert trained(stage, run(stage, "index", model=row.id))["images"] == 60
    query = {"dataset_id": "shapes", "model_id": row.id, "q": "a red circle", "k": 5, "reply": "x"}
    assert len(Searcher(stage.services).answer(query)["hits"]) == 5
    on = run(stage, "train", model="clip-browser-small", pretrained=row.id, epochs=1, lr=1e-5)
    result = trained(stage, on)
    assert result["recall_before"] == pytest.approx(tuned["recall_after"], abs=0.001)
    assert record_of(stage, result["model_id"])["lineage"]["base_model"] == row.id


def test_a_model_of_an_architecture_of_its_own_is_searched_with_trained_on_and_blended(
    stage: Backstage, tmp_path: Path
) -> None:
    key = upload(stage, zip_folder(write_tiny(tmp_path / "tiny"), tmp_path / "tiny.zip"))
    taken = trained(stage, run(stage, "import_model", upload_key=key, name="tiny ViT"))
    assert row_of(stage, taken["model_id"]).name == "tiny ViT"
    assert trained(stage, run(stage, "index", model=taken["model_id"]))["dim"] == 32
    query = {
        "dataset_id": "shapes",
        "model_id": taken["model_id"],
        "q": "a disc",
        "k": 3,
        "reply": "x",
    }
    assert len(Searcher(stage.services).answer(query)["hits"]) == 3
    params = {"model": taken["architecture"], "pretrained": taken["model_id"], "lr": 1e-3}
    done = trained(stage, run(stage, "train", **params, epochs=1, batch_size=16))
    assert done["architecture"] == "own-ViT"
    blended = trained(stage, run(stage, "blend", model=done["model_id"], alpha=0))
    assert blended["recall_after"] == pytest.approx(done["recall_before"], abs=0.001)


def lost_at_the_end(stage: Backstage, kind: str, body: JobBody, **params: Any) -> Job:
    """A job whose first execution is lost when all is done but the last word; the workers finish it."""

    def dies(ctx: JobContext) -> dict[str, Any]:
        body(ctx)
        raise ChildLost("killed before the job was closed")

    with stage.services.sessions() as session:
        job = states.create_job(
            session, kind, dataset_id="shapes", params=params, created_by="anna", max_attempts=2
        )
        held = leases.take(session, job.id, "here", 30.0)
    assert held is not None
    run_leased(stage.services, held, dies)
    return stage.wait_for(job.id, *OVER)


def test_a_worker_lost_between_registering_and_closing_registers_nothing_twice(
    stage: Backstage, tuned: dict[str, Any], tmp_path: Path
) -> None:
    folder = tmp_path / "m"
    stage.services.store.get_folder(f"models_finetuned/{tuned['model_id']}", folder)
    key = upload(stage, zip_folder(folder, tmp_path / "twice.zip", "twice"))
    training = {**SMALL, "epochs": 1, "batch_size": 16}
    for job in (
        lost_at_the_end(stage, "train", train_on_dataset, **training),
        lost_at_the_end(stage, "import_model", import_model_folder, upload_key=key),
    ):
        result = trained(stage, job)
        assert job.attempt == 2
        with stage.services.readers() as session:
            made = list(session.scalars(select(Model.id).where(Model.job_id == job.id)))
        assert made == [result["model_id"]]
        stored = {item.key.split("/")[1] for item in stage.services.store.list("models_finetuned")}
        assert result["model_id"] in stored
        assert log_of(stage, job.id).count("Training on") == (job.kind == "train")


def test_an_import_that_is_refused_says_why_and_leaves_nothing(
    stage: Backstage, tmp_path: Path
) -> None:
    folder = write_tiny(tmp_path / "tiny")
    (folder / "open_clip_model.safetensors").unlink()
    key = upload(stage, zip_folder(folder, tmp_path / "bad.zip"))
    error = failed(run(stage, "import_model", upload_key=key))
    assert error["code"] == "invalid_input"
    assert "open_clip_model.safetensors" in error["message"]
    assert not stage.services.store.exists(key)


def test_a_blend_whose_base_is_gone_says_so(
    stage: Backstage, base: str, tuned: dict[str, Any]
) -> None:
    with stage.services.sessions() as session:
        session.delete(session.get_one(Model, base))
    job = run(stage, "blend", model=tuned["model_id"], alpha=0.5)
    error = failed(job)
    assert error["code"] == "not_found", log_of(stage, job.id)
    assert base in error["message"]
