"""The line of steps, from facts alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from api.datasets.steps import Facts, counts_of, steps_of
from common.db.tables import Job

START = datetime(2026, 11, 23, tzinfo=UTC)


def job(kind: str, at_min: int, state: str = "succeeded", **result: Any) -> Job:
    """A job that ran for half a minute from minute `at_min` on."""
    began = START + timedelta(minutes=at_min)
    return Job(
        id=f"{kind}{at_min}", kind=kind, state=state, result=result, started_at=began,
        finished_at=began + timedelta(seconds=30), error={"message": "it broke"},
    )  # fmt: skip


def states(facts: Facts) -> dict[str, str]:
    return {step.key: step.state for step in steps_of(facts)}


SPLIT = job("split", 1, train_images=8, val_images=2, train_rows=8, caption_seq=10)
BASE: dict[str, Any] = {"images": 10, "captioned": 10, "caption_seq": 10}


def test_an_empty_dataset_asks_for_images() -> None:
    facts = Facts(images=0, captioned=0, caption_seq=0)
    assert set(states(facts).values()) == {"empty"}
    assert steps_of(facts)[0].reason == "Upload images to begin."


def test_images_without_captions_wait_for_captions() -> None:
    found = states(Facts(images=10, captioned=4, caption_seq=4))
    assert (found["images"], found["captioned"], found["split"]) == ("done", "ready", "ready")
    assert states(Facts(images=10, captioned=0, caption_seq=0))["split"] == "empty"


def test_a_split_is_stale_after_another_caption() -> None:
    assert states(Facts(**BASE, succeeded={"split": SPLIT}))["split"] == "done"
    later = Facts(**(BASE | {"caption_seq": 11}), succeeded={"split": SPLIT})
    assert states(later)["split"] == "stale"


def test_a_new_split_makes_augmentation_and_training_stale() -> None:
    augment = job("augment", 2, rows=32, captions=8)
    train = job("train", 3, recall_before={"t2i_r1": 0.31}, recall_after={"t2i_r1": 0.584})
    done = {"split": SPLIT, "augment": augment, "train": train}
    found = steps_of(Facts(**BASE, succeeded=done))
    assert [step.state for step in found[2:5]] == ["done", "done", "done"]
    assert found[4].figure == "recall@1 31 % → 58 %"
    assert counts_of(Facts(**BASE, succeeded=done)).train_rows == 32
    again = done | {
        "split": job("split", 4, train_images=8, val_images=2, train_rows=8, caption_seq=10)
    }
    found = steps_of(Facts(**BASE, succeeded=again))
    assert [step.state for step in found[2:5]] == ["done", "stale", "stale"]
    assert counts_of(Facts(**BASE, succeeded=again)).train_rows == 8


def test_what_runs_and_what_failed_is_said_with_its_job() -> None:
    running = job("train", 5, state="running")
    failed = job("index", 6, state="failed")
    found = steps_of(
        Facts(
            **BASE, succeeded={"split": SPLIT}, active={"train": running}, failed={"index": failed}
        )
    )
    assert (found[4].state, found[4].job_id) == ("running", "train5")
    assert (found[5].state, found[5].reason) == ("failed", "it broke")


def test_an_index_is_stale_when_images_came_later() -> None:
    built = {"index_images": 10, "indexed_at": START, "index_model": "m", "index_job_id": "i"}
    assert states(Facts(**BASE, **built, newest_image_at=START))["index"] == "done"
    later = Facts(**BASE, **built, newest_image_at=START + timedelta(seconds=1))
    assert states(later)["index"] == "stale"
    assert states(later)["search"] == "ready"
