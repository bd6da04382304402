"""The map job on a real worker process, from an index in the store to the map in the store."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from common.db.tables import Image
from common.jobs import states
from tests.captions import put_caption
from tests.workers import search_data
from tests.workers.conftest import Backstage
from workers.search import faiss_index

KINDS = ["a red circle", "two blue squares", "green stars"]
MODEL = "clip-browser-small/untrained"


def add_clustered_index(stage: Backstage, per_kind: int) -> list[int]:
    """A dataset of three kinds of images, and an index whose embeddings keep them apart; the ids."""
    ids = search_data.add_dataset(stage.services, per_kind * 3)
    rng = np.random.default_rng(0)
    rows = np.repeat(rng.normal(size=(3, 16)), per_kind, axis=0)
    rows = rows + 0.1 * rng.normal(size=rows.shape)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    folder = stage.folder / "index"
    faiss_index.build(folder, rows, np.array(ids), {})
    prefix = f"indexes/{search_data.DATASET}/small/one"
    stage.services.store.put_folder(prefix, folder)
    search_data.point_at(stage.services, search_data.DATASET, MODEL, prefix, len(ids), 16)
    with stage.services.sessions() as session:
        for number, image_id in enumerate(ids):
            put_caption(session, session.get_one(Image, image_id), KINDS[number // per_kind])
    return ids


def make_map(stage: Backstage, **params: Any) -> str:
    """A map job of the dataset, sent to the workers; its id."""
    with stage.services.sessions() as session:
        job = states.create_job(
            session, "map", dataset_id=search_data.DATASET, params=params, created_by="anna"
        )
    stage.services.queue.send_job(job, stage.services.sessions)
    return job.id


def test_a_map_of_sixty_images_has_their_three_kinds_as_named_groups(stage: Backstage) -> None:
    ids = add_clustered_index(stage, 20)
    with stage.services.sessions() as session:
        session.delete(session.get_one(Image, ids[0]))
    stage.start_worker("cpu")
    job_id = make_map(stage)
    job = stage.wait_for(job_id, "succeeded", "failed")
    assert job.error is None
    assert job.result == {"points": 59, "clusters": 3, "model": MODEL}
    key = f"maps/{search_data.DATASET}/clip-browser-small_untrained.json"
    drawn = json.loads(stage.services.store.get_bytes(key))
    assert drawn["model"] == MODEL
    assert {point[3] for point in drawn["points"]} == set(ids[1:])
    assert sorted(group["size"] for group in drawn["clusters"]) == [19, 20, 20]
    names = {group["id"]: group["label"] for group in drawn["clusters"]}
    for _, _, cluster, image_id in drawn["points"]:
        kind = KINDS[ids.index(image_id) // 20]
        assert set(names[cluster].split(", ")) <= set(kind.split())


@pytest.mark.parametrize("model", [None, MODEL])
def test_a_map_without_an_index_says_what_to_do(stage: Backstage, model: str | None) -> None:
    search_data.add_dataset(stage.services, 2)
    stage.start_worker("cpu")
    job_id = make_map(stage, model=model)
    job = stage.wait_for(job_id, "failed", "succeeded")
    assert job.error is not None
    assert job.error["code"] == "no_index"
    assert "index" in job.error["remedy"]
