"""A split dataset to make variants of, on a stage without workers: jobs run in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import select

from common.db.tables import Dataset, Image, Job, Variant
from common.jobs import leases, states
from tests.captions import put_caption
from tests.workers.conftest import Backstage
from workers.augment.training_data import Proposal, propose_variants, read_split
from workers.cpu.split.job import split_dataset
from workers.runtime.job_context import JobContext
from workers.runtime.job_runs import run_leased

BIRDS = "birds"


def make_birds(stage: Backstage, number: int = 10, **first: Any) -> list[int]:
    """The dataset "birds" with captioned images 1 .. number that are all unlike each other.

    first: columns of the first image.
    """
    with stage.services.sessions() as session:
        session.add(Dataset(id=BIRDS, name="Birds", created_by="ada", defaults={}))
        session.flush()
        for at in range(1, number + 1):
            image = Image(
                id=at, dataset_id=BIRDS, sha256=f"{at:064x}", ext="png", width=1, height=1,
                size_bytes=1, filename=f"{'owls' if at % 2 else 'gulls'}/{at}.png",
                phash=f"{at * 2654435761 % 2**64:016x}{'80' * 6}",
            )  # fmt: skip
            session.add(image)
            put_caption(session, image, f"bird number {at}")
        for name, value in first.items():
            setattr(session.get_one(Image, 1), name, value)
    return list(range(1, number + 1))


def add_caption(stage: Backstage, image_id: int, slot: int, text: str) -> None:
    """A second, third ... caption."""
    with stage.services.sessions() as session:
        put_caption(session, session.get_one(Image, image_id), text, slot=slot)


def run(
    stage: Backstage, body: Callable[[JobContext], dict[str, Any]], kind: str, **params: Any
) -> Job:
    """A job of the dataset, run here and now."""
    with stage.services.sessions() as session:
        job = states.create_job(
            session, kind, dataset_id=BIRDS, params=params, created_by="ada", max_attempts=1
        )
    with stage.services.sessions() as session:
        held = leases.take(session, job.id, "here", 30.0)
    assert held is not None
    run_leased(stage.services, held, body)
    return stage.job(job.id)


def split(stage: Backstage, **params: Any) -> dict[str, Any]:
    """The result of a split."""
    job = run(stage, split_dataset, "split", **params)
    assert job.result is not None, job.error
    return job.result


def propose(
    stage: Backstage, texts: Callable[[str], Iterable[Any]], method: str = "synonyms", **params: Any
) -> dict[str, Any]:
    """The result of an augmentation: texts of each training caption, or (text, score) of it."""

    def body(ctx: JobContext) -> dict[str, Any]:
        ready = read_split(ctx)
        proposals = [
            Proposal(row, *(made if isinstance(made, tuple) else (made,)))
            for row, (_, caption) in enumerate(ready.train)
            for made in texts(caption)
        ]
        return propose_variants(ctx, ready, proposals, method=method, seed=3)

    job = run(stage, body, "augment", method=method, **params)
    assert job.result is not None, job.error
    return job.result


def variants_of(stage: Backstage, everything: bool = False) -> list[Variant]:
    """The variants that stand for review; everything: also those that are only remembered."""
    with stage.services.readers() as session:
        dataset = session.get_one(Dataset, BIRDS)
        query = select(Variant).where(Variant.dataset_id == BIRDS).order_by(Variant.id)
        if not everything:
            query = query.where(Variant.job_id == dataset.variants_job_id)
        return list(session.scalars(query))


def lineage_of(stage: Backstage) -> list[dict[str, Any]]:
    """The lines of train_lineage.jsonl."""
    data = stage.services.store.get_bytes(f"datasets/{BIRDS}/train_lineage.jsonl")
    return [json.loads(line) for line in data.splitlines()]
