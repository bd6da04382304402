"""What a split freezes, what an augmentation proposes of it, and what train.csv becomes."""

from __future__ import annotations

import hashlib
import time

import numpy as np
import pytest
from sqlalchemy import delete, update

from common.captions.csv_files import read_rows
from common.datasets.changes import touch_variants
from common.datasets.snapshots import load_snapshot
from common.db.tables import Caption, Dataset, Image, Model, SearchIndex, Variant, now
from common.errors import NotFound
from tests.workers.augment.variant_data import (
    BIRDS,
    add_caption,
    lineage_of,
    make_birds,
    propose,
    run,
    split,
    variants_of,
)
from tests.workers.conftest import Backstage, wait_until
from workers.augment.train_csv import refresh_train_csv, write_train_csv
from workers.augment.variant_rows import PORTION
from workers.cpu.augment.job import augment_with_synonyms
from workers.gpu.training.inputs import read_training_rows
from workers.runtime.job_context import JobContext
from workers.search import faiss_index

TRAIN_CSV = f"datasets/{BIRDS}/train.csv"


def train_rows(stage: Backstage) -> list[tuple[str, str]]:
    return read_rows(stage.services.store.get_bytes(TRAIN_CSV))


def decide(stage: Backstage, variant: Variant, state: str, text: str | None = None) -> None:
    with stage.services.sessions() as session:
        row = session.get_one(Variant, variant.id)
        row.state, row.decided_by, row.decided_at = state, "eve", now()
        row.text = text or row.text
        touch_variants(session, BIRDS)


def two(caption: str) -> list[str]:
    return [f"a {caption}", f"the {caption}"]


# -- the split


def test_a_split_freezes_every_caption_with_its_revision_under_the_hash_of_the_file(
    any_stage: Backstage,
) -> None:
    make_birds(any_stage)
    add_caption(any_stage, 3, 2, "a third bird")
    result = split(any_stage)
    key = f"datasets/{BIRDS}/snapshots/{result['snapshot_id']}.jsonl"
    sha256 = hashlib.sha256(any_stage.services.store.get_bytes(key)).hexdigest()
    assert (result["sha256"], result["snapshot_id"]) == (sha256, sha256[:16])
    frozen = load_snapshot(any_stage.services.store, BIRDS, result["snapshot_id"])
    assert len(frozen) == result["train_rows"] + result["val_rows"] == 11
    assert [row[2:5] for row in frozen if row.image_id == 3] == [
        (0, 1, "bird number 3"),
        (2, 1, "a third bird"),
    ]
    assert len({row.side for row in frozen if row.image_id == 3}) == 1
    for name, side in (("train_original.csv", "train"), ("val.csv", "val")):
        rows = read_rows(any_stage.services.store.get_bytes(f"datasets/{BIRDS}/{name}"))
        assert rows == [(row.path, row.text) for row in frozen if row.side == side]


def test_the_same_captions_and_seed_give_the_same_snapshot_and_other_ones_another(
    any_stage: Backstage,
) -> None:
    make_birds(any_stage, 30)
    first = split(any_stage, seed=1)
    again = split(any_stage, seed=1)
    assert again["snapshot_id"] == first["snapshot_id"]
    assert split(any_stage, seed=2)["snapshot_id"] != first["snapshot_id"]
    with any_stage.services.sessions() as session:
        session.execute(update(Caption).where(Caption.image_id == 5).values(revision=2))
    changed = split(any_stage, seed=1)
    assert changed["snapshot_id"] != first["snapshot_id"]  # the same words, saved anew
    assert changed["train_images"] == first["train_images"]


def test_a_split_by_folder_or_tag_shows_the_share_of_each(any_stage: Backstage) -> None:
    make_birds(any_stage, 40)
    by_folder = split(any_stage, stratify="folder")
    assert by_folder["strata"] == [
        {"name": "gulls", "train": 16, "val": 4},
        {"name": "owls", "train": 16, "val": 4},
    ]
    with any_stage.services.sessions() as session:
        session.execute(update(Image).where(Image.id <= 10).values(tag="night"))
    by_tag = split(any_stage, stratify="tag")
    assert [(one["name"], one["val"]) for one in by_tag["strata"]] == [
        ("(no tag)", 6),
        ("night", 2),
    ]
    assert split(any_stage)["strata"] == []


def test_a_split_says_by_what_it_told_near_duplicates_and_shows_pairs(stage: Backstage) -> None:
    make_birds(stage, 12, phash=f"{2 * 2654435761 % 2**64:016x}{'80' * 6}")
    result = split(stage)
    assert (result["near_duplicate_method"], result["index"]) == ("perceptual hash", None)
    assert result["pairs"] == [{"images": [1, 2], "bits": 0, "cosine": None}]
    assert (result["groups_kept_together"], result["images_in_groups"]) == (1, 2)
    parted = split(stage, group_near_duplicates=False)
    assert (parted["near_duplicate_method"], parted["pairs"]) == ("none", [])


# -- variants and train.csv


def test_train_csv_has_each_caption_then_its_variants_and_the_lineage_of_each_row(
    any_stage: Backstage,
) -> None:
    make_birds(any_stage)
    frozen = split(any_stage)
    result = propose(any_stage, lambda text: [(f"a {text}", 0.9), (f"the {text}", 0.7)], "llm")
    assert (result["captions"], result["variants"], result["rows"]) == (8, 16, 24)
    assert result["snapshot_id"] == frozen["snapshot_id"]
    rows, lineage = train_rows(any_stage), lineage_of(any_stage)
    assert len(rows) == len(lineage) == 24
    assert rows[1] == (rows[0][0], f"a {rows[0][1]}")
    assert [line["method"] for line in lineage[:4]] == ["original", "llm", "llm", "original"]
    assert [line["score"] for line in lineage[:4]] == [None, 0.9, 0.7, None]
    job_id = variants_of(any_stage)[0].job_id
    assert lineage[1] == {
        "image_id": lineage[0]["image_id"], "slot": 0, "source_revision": 1, "method": "llm",
        "model": None, "seed": 3, "score": 0.9, "job_id": job_id,
        "snapshot_id": frozen["snapshot_id"],
    }  # fmt: skip


def test_what_says_nothing_new_is_left_out_and_what_is_short_is_counted(
    any_stage: Backstage,
) -> None:
    make_birds(any_stage, 5)
    split(any_stage)
    result = propose(
        any_stage, lambda text: [text, f" a\t{text} ", f"a {text}", "", " \n"], per_caption=2
    )
    assert (result["variants"], result["short"]) == (4, 4)
    assert {row.text for row in variants_of(any_stage)} == {
        f"a {text}" for _, text in train_rows(any_stage)[::2]
    }


def test_a_rejected_variant_leaves_train_csv_an_edited_one_is_in_it_as_edited(
    any_stage: Backstage,
) -> None:
    make_birds(any_stage, 5)
    split(any_stage)
    propose(any_stage, two)
    first, second, *_ = variants_of(any_stage)
    decide(any_stage, first, "rejected")
    decide(any_stage, second, "edited", "a small bird")
    refresh_train_csv(any_stage.services, BIRDS)
    rows, lineage = train_rows(any_stage), lineage_of(any_stage)
    assert len(rows) == len(lineage) == 11
    assert [text for _, text in rows[:2]] == [first.source_text, "a small bird"]
    assert (lineage[1]["method"], lineage[1]["score"]) == ("edited", None)
    with any_stage.services.readers() as session:
        assert session.get_one(Dataset, BIRDS).train_rows == 11


def test_a_new_run_replaces_the_proposals_and_keeps_what_people_decided_on_the_same_words(
    any_stage: Backstage,
) -> None:
    make_birds(any_stage, 5)
    split(any_stage)
    propose(any_stage, two)
    first, second, third, *_ = variants_of(any_stage)
    decide(any_stage, first, "rejected")
    decide(any_stage, second, "edited", "a small bird")
    decide(any_stage, third, "accepted")
    result = propose(any_stage, lambda text: [f"a {text}", f"one {text}"], "llm")
    assert result["kept_decisions"] == 2
    found = {row.proposed: row for row in variants_of(any_stage)}
    assert len(found) == 8
    assert (found[first.proposed].state, found[first.proposed].decided_by) == ("rejected", "eve")
    assert found[third.proposed].state == "accepted"
    assert second.proposed not in found
    assert first.proposed not in {text for _, text in train_rows(any_stage)}
    assert len(variants_of(any_stage, everything=True)) == 9  # the edited one is remembered
    assert propose(any_stage, two)["kept_decisions"] == 3
    again = {row.proposed: row for row in variants_of(any_stage)}
    assert (again[second.proposed].state, again[second.proposed].text) == ("edited", "a small bird")
    assert len(variants_of(any_stage, everything=True)) == 8


def test_a_decision_on_another_revision_of_the_caption_is_not_taken_over(
    any_stage: Backstage,
) -> None:
    make_birds(any_stage, 5)
    split(any_stage)
    propose(any_stage, two)
    for variant in variants_of(any_stage):
        decide(any_stage, variant, "rejected")
    with any_stage.services.sessions() as session:
        session.execute(update(Caption).values(revision=2))
    split(any_stage)
    assert propose(any_stage, two)["kept_decisions"] == 0


def test_a_new_split_removes_train_csv_and_the_same_one_leaves_it(any_stage: Backstage) -> None:
    make_birds(any_stage, 30)
    split(any_stage, seed=1)
    propose(any_stage, two)
    split(any_stage, seed=1)
    assert len(train_rows(any_stage)) == 72
    split(any_stage, seed=2)
    assert not any_stage.services.store.exists(TRAIN_CSV)
    assert write_train_csv(any_stage.services, BIRDS) is None
    assert not any_stage.services.store.exists(TRAIN_CSV)
    assert variants_of(any_stage) == []


def test_a_training_never_reads_a_train_csv_of_another_snapshot(stage: Backstage) -> None:
    make_birds(stage, 30)
    split(stage, seed=1)
    propose(stage, two)
    old = {name: stage.services.store.get_bytes(f"datasets/{BIRDS}/{name}")
           for name in ("train.csv", "train_lineage.jsonl")}  # fmt: skip
    split(stage, seed=2)
    for name, data in old.items():  # as if a writer that was killed had been late
        stage.services.store.put_bytes(f"datasets/{BIRDS}/{name}", data)

    def body(ctx: JobContext) -> dict[str, object]:
        train, val = read_training_rows(ctx, BIRDS)
        return {"shared": sorted(set(train) & set(val)), "rows": sum(map(len, train.values()))}

    assert run(stage, body, "train").result == {"shared": [], "rows": 24}


def test_variants_of_an_image_that_is_deleted_go_with_it(any_stage: Backstage) -> None:
    make_birds(any_stage, 5)
    split(any_stage)
    propose(any_stage, two)
    gone = variants_of(any_stage)[0].image_id
    with any_stage.services.sessions() as session:
        session.execute(delete(Image).where(Image.id == gone))
    assert gone not in {row.image_id for row in variants_of(any_stage)}
    write_train_csv(any_stage.services, BIRDS)
    assert len(train_rows(any_stage)) == 10


def test_more_than_a_portion_is_stored_whole(stage: Backstage) -> None:
    make_birds(stage, 30)
    split(stage)
    per_caption = PORTION // 24 + 1
    result = propose(stage, lambda text: [f"{text} {n}" for n in range(per_caption)])
    assert result["variants"] == 24 * per_caption > PORTION
    assert len(variants_of(stage, everything=True)) == 24 * per_caption


def test_a_split_that_ends_while_variants_are_made_wins(any_stage: Backstage) -> None:
    make_birds(any_stage, 30)
    split(any_stage, seed=1)

    def texts(caption: str) -> list[str]:
        with any_stage.services.sessions() as session:
            session.execute(update(Dataset).values(snapshot_id="another"))
        return two(caption)

    with pytest.raises(AssertionError, match="split again"):
        propose(any_stage, texts)
    with pytest.raises(NotFound):
        train_rows(any_stage)


def test_synonyms_become_variants_with_the_words_of_the_map(any_stage: Backstage) -> None:
    make_birds(any_stage, 5)
    with any_stage.services.sessions() as session:
        session.execute(update(Caption).values(text="a big red car"))
    split(any_stage)
    job = run(any_stage, augment_with_synonyms, "augment", method="synonyms", per_caption=2, seed=7)
    assert job.result is not None, job.error
    assert (job.result["method"], job.result["seed"]) == ("synonyms", 7)
    found = variants_of(any_stage)
    assert len(found) == job.result["variants"] > 0
    assert {(row.method, row.seed, row.score) for row in found} == {("synonyms", 7, None)}


@pytest.mark.timed
def test_train_csv_follows_a_decision_within_two_seconds(any_stage: Backstage) -> None:
    make_birds(any_stage, 5)
    split(any_stage)
    propose(any_stage, two)
    any_stage.start_beat()
    any_stage.start_worker("maintenance")
    first, second, *_ = variants_of(any_stage)
    decide(any_stage, first, "rejected")
    wait_until(
        lambda: len(train_rows(any_stage)) == 11, what="train.csv"
    )  # all processes are there
    decide(any_stage, second, "rejected")
    began = time.monotonic()
    wait_until(lambda: len(train_rows(any_stage)) == 10, what="train.csv", every_s=0.02)
    assert time.monotonic() - began < 2


def test_near_duplicates_that_only_the_index_shows_are_kept_together(any_stage: Backstage) -> None:
    make_birds(any_stage, 20)
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(20, 32)).astype(np.float32)
    rows[10:15] = rows[:5] + rng.normal(size=(5, 32)).astype(np.float32) * 0.02
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    folder = any_stage.folder / "index"
    faiss_index.build(folder, rows, np.arange(1, 21), {"model_id": "m"})
    any_stage.services.store.put_folder("indexes/birds/m/1", folder)
    with any_stage.services.sessions() as session:
        session.add(
            SearchIndex(
                dataset_id=BIRDS, model_id="m", prefix="indexes/birds/m/1", images=20, dim=32
            )
        )
    result = split(any_stage)
    assert result["near_duplicate_method"] == "perceptual hash and embeddings"
    assert result["index"] == {"model": "m", "images": 20, "min_cosine": 0.97}
    assert result["groups_kept_together"] == 5
    assert {tuple(pair["images"]) for pair in result["pairs"]} == {
        (at, at + 10) for at in range(1, 6)
    }
    assert all(pair["bits"] is None and pair["cosine"] > 0.97 for pair in result["pairs"])
    frozen = load_snapshot(any_stage.services.store, BIRDS, result["snapshot_id"])
    side = {row.image_id: row.side for row in frozen}
    assert all(side[at] == side[at + 10] for at in range(1, 6))
    assert split(any_stage, near_duplicate_method="hash")["groups_kept_together"] == 0
    any_stage.services.store.delete_prefix("indexes/birds/m/1")
    without = split(any_stage)
    assert (without["near_duplicate_method"], without["index"]) == ("perceptual hash", None)


def test_a_model_tuned_on_the_captions_is_not_followed_where_it_sees_many_images_alike(
    stage: Backstage,
) -> None:
    make_birds(stage, 20)
    rows = np.random.default_rng(0).normal(size=(20, 32)).astype(np.float32)
    rows[:8] = rows[0]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    faiss_index.build(stage.folder / "index", rows, np.arange(1, 21), {})
    stage.services.store.put_folder("indexes/birds/own/1", stage.folder / "index")
    index = {"dataset_id": BIRDS, "prefix": "indexes/birds/own/1", "images": 20, "dim": 32}
    with stage.services.sessions() as session:
        session.add(Model(id="own", name="own", architecture="x", folder="x", created_by="ada"))
        session.add(SearchIndex(model_id="own", **index))
    result = split(stage)
    assert (result["groups_kept_together"], result["index"]) == (0, None)
    assert "trained on these captions" in result["warnings"][-1]
    with stage.services.sessions() as session:
        session.add(SearchIndex(model_id="ViT-B-32/openai", **index))
    result = split(stage)
    assert result["groups_kept_together"] == 1
    assert result["index"]["model"] == "ViT-B-32/openai"
