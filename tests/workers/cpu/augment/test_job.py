"""Augmentation with a shared synonym map and a dataset's own, by a real worker process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.augment.synonym_files import SHARED_KEY, own_key
from common.captions.csv_files import read_rows
from common.db.tables import Job
from tests.workers.conftest import Backstage, open_backstage
from tests.workers.cpu.test_dataset_jobs import make_dataset, run


@pytest.fixture(scope="module")
def worked(tmp_path_factory: Any) -> Iterator[Backstage]:
    """A stage with one CPU worker."""
    folder: Path = tmp_path_factory.mktemp("synonyms")
    with open_backstage(folder, "") as stage:
        stage.start_worker("cpu")
        yield stage


def split_sample(stage: Backstage, name: str) -> str:
    """A dataset of shapes that has been split."""
    dataset = make_dataset(stage, name)
    run(stage, "sample", dataset, count=60, seed=2)
    assert run(stage, "split", dataset, seed=1).state == "succeeded"
    return dataset


def augment(stage: Backstage, dataset: str, **params: Any) -> tuple[Job, set[str]]:
    """The job, and the words of train.csv that train_original.csv does not have."""
    job = run(stage, "augment", dataset, method="synonyms", **params)
    texts = [
        {
            word
            for _, text in read_rows(stage.services.store.get_bytes(key))
            for word in text.split()
        }
        for key in (f"datasets/{dataset}/train.csv", f"datasets/{dataset}/train_original.csv")
    ]
    return job, texts[0] - texts[1]


def test_a_datasets_entries_win_over_the_shared_ones_in_its_training_rows(
    worked: Backstage,
) -> None:
    store = worked.services.store
    mine, other = split_sample(worked, "mine"), split_sample(worked, "other")
    store.put_bytes(SHARED_KEY, b'{"small": ["petite"], "one": ["single"], "on": ["upon"]}')
    store.put_bytes(own_key(mine), b'{"Small": ["wee"], "on": []}')
    try:
        assert augment(worked, mine)[1] == {"wee", "single"}
        assert augment(worked, other)[1] == {"petite", "single", "upon"}
    finally:
        store.delete(SHARED_KEY)


def test_with_no_map_saved_the_projects_own_is_used_and_short_captions_are_counted(
    worked: Backstage,
) -> None:
    dataset = split_sample(worked, "plain")
    job, words = augment(worked, dataset, per_caption=2)
    assert {"disc", "oblong", "sizeable"} & words
    assert job.result is not None
    assert job.result["captions"] > 0


def test_a_map_that_was_broken_by_hand_ends_the_job_with_its_problems(worked: Backstage) -> None:
    dataset = split_sample(worked, "broken")
    worked.services.store.put_bytes(own_key(dataset), b'{"red": "crimson", "big": ["big"]}')
    job = run(worked, "augment", dataset, method="synonyms")
    assert job.state == "failed"
    assert job.error is not None
    assert job.error["code"] == "invalid_input"
    assert "synonym map of this dataset" in job.error["message"]
    assert len(job.error["details"]["problems"]) == 2
