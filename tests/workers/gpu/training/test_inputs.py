"""What a run goes on with: what it began with, or not at all."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from common.db.tables import Image, Job
from common.jobs import leases, states
from tests.workers.augment.variant_data import BIRDS, make_birds, propose, run, split
from tests.workers.conftest import Backstage
from workers.augment.training_data import read_split
from workers.gpu.training.inputs import take_inputs
from workers.runtime.job_context import JobContext, JobStopped
from workers.runtime.job_runs import run_leased

INPUTS = "runs/{}/inputs.json"


def prepared(stage: Backstage) -> None:
    make_birds(stage, 20)
    with stage.services.readers() as session:
        for image in session.scalars(select(Image)):
            stage.services.store.put_bytes(image.key, b"a picture")
    split(stage, seed=1)
    propose(stage, lambda text: [f"{text} again"])


def learned(ctx: JobContext) -> dict[str, Any]:
    inputs, _ = take_inputs(ctx, BIRDS)
    return {"train": inputs.train, "val": inputs.val, "snapshot": inputs.lineage["snapshot_id"]}


def stopped(ctx: JobContext) -> dict[str, Any]:
    raise JobStopped(learned(ctx))


def resumed(stage: Backstage, job_id: str, body: Any = learned) -> Job:
    with stage.services.sessions() as session:
        states.requeue(session, job_id, fresh=False)
    with stage.services.sessions() as session:
        held = leases.take(session, job_id, "here", 30.0)
    assert held is not None
    run_leased(stage.services, held, body)
    return stage.job(job_id)


def test_a_run_goes_on_with_the_captions_and_the_split_that_it_began_with(
    any_stage: Backstage,
) -> None:
    prepared(any_stage)
    begun = run(any_stage, stopped, "train")
    assert begun.state == "stopped"
    split(any_stage, seed=2)
    done = resumed(any_stage, begun.id)
    assert (done.state, done.result) == ("succeeded", begun.result)


def test_a_run_whose_images_were_deleted_meanwhile_says_that_it_cannot_go_on(
    stage: Backstage,
) -> None:
    prepared(stage)
    begun = run(stage, stopped, "train")
    assert begun.result is not None
    gone = next(iter(begun.result["train"]))
    stage.services.store.delete(f"datasets/{BIRDS}/{gone}")
    failed = resumed(stage, begun.id)
    assert failed.error is not None
    assert failed.error["code"] == "cannot_resume"
    assert "1 of the 20 images" in failed.error["message"]
    assert "Retry it" in failed.error["remedy"]


def test_a_run_whose_captions_are_gone_from_the_store_says_that_it_cannot_go_on(
    stage: Backstage,
) -> None:
    prepared(stage)
    begun = run(stage, stopped, "train")
    stage.services.store.delete(INPUTS.format(begun.id))
    failed = resumed(stage, begun.id)
    assert failed.error is not None
    assert failed.error["code"] == "cannot_resume"


def test_an_augmentation_does_not_go_on_with_another_split(stage: Backstage) -> None:
    prepared(stage)

    def paraphrase(ctx: JobContext) -> dict[str, Any]:
        raise JobStopped({"snapshot": read_split(ctx).snapshot_id})

    begun = run(stage, paraphrase, "augment", method="synonyms")
    assert resumed(stage, begun.id, paraphrase).state == "stopped"
    split(stage, seed=2)
    failed = resumed(stage, begun.id, paraphrase)
    assert failed.error is not None
    assert failed.error["code"] == "cannot_resume"
