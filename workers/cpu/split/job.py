"""The split job: freezes the captions as they are now, and parts them by image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import select

from common.captions.csv_files import write_rows
from common.captions.rows import StoredCaption, caption_rows
from common.datasets.snapshots import FrozenCaption, save_snapshot
from common.db.tables import Dataset, Image, Model, SearchIndex
from common.errors import ClipBrowserError, NoCaptions, NotFound
from workers.augment.train_csv import remove_train_csv
from workers.cpu.split.embedding_pairs import MIN_COSINE, NearPair, near_pairs
from workers.cpu.split.partition import Split, split_by_image
from workers.cpu.split.strata import Stratify, stratum_of
from workers.runtime.job_context import JobContext
from workers.search.faiss_index import load_embeddings
from workers.search.queries import fetch_index

OWN_MODEL_SHARE = 1 / 3
SHOWN_PAIRS = 12
SHOWN_STRATA = 50


@dataclass(frozen=True)
class Captioned:
    """The captions of a dataset at one moment. strata: of each image with a caption, if asked for."""

    rows: list[StoredCaption]
    caption_seq: int
    phashes: dict[int, str]
    strata: dict[int, str] | None


@dataclass(frozen=True)
class IndexPairs:
    """Near-duplicates by embedding, by which index, and why there are none."""

    pairs: list[NearPair] = field(default_factory=list)
    index: dict[str, Any] | None = None
    warning: str = ""


def split_dataset(ctx: JobContext) -> dict[str, Any]:
    """Freeze the captions in a snapshot, and write train_original.csv and val.csv from it.

    params: val_fraction, seed, group_near_duplicates, near_duplicate_method ("auto": also by the
    newest index; "hash": by the perceptual hash alone), stratify ("none", "folder", "tag"). An
    earlier train.csv is removed unless it was made from the very same snapshot: it may hold
    captions of images that are validation now. Raises NoCaptions, InvalidInput.
    """
    params = ctx.job.params
    dataset_id = str(ctx.job.dataset_id)
    ctx.report(message="looking for near-duplicates")
    found = _read(ctx, dataset_id, cast(Stratify, params.get("stratify", "none")))
    grouped = bool(params.get("group_near_duplicates", True))
    asked = grouped and params.get("near_duplicate_method", "auto") == "auto"
    near = _by_index(ctx, dataset_id) if asked else IndexPairs()
    split = split_by_image(
        [(image_id, found.phashes[image_id]) for image_id in dict.fromkeys(_ids(found))],
        float(params.get("val_fraction", 0.2)),
        int(params.get("seed", 0)),
        grouped,
        near=near.pairs,
        strata=found.strata,
    )
    written = _write(ctx, dataset_id, found, split)
    report = _report(split, near, grouped)
    for warning in report["warnings"]:
        ctx.note(warning)
    return {**report, **written, "caption_seq": found.caption_seq}


def _ids(found: Captioned) -> list[int]:
    return [row.image_id for row in found.rows]


def _read(ctx: JobContext, dataset_id: str, stratify: Stratify) -> Captioned:
    with ctx.reader() as session:
        dataset = session.get(Dataset, dataset_id)
        if dataset is None:
            raise NotFound(f"The dataset {dataset_id} was deleted.")
        rows = caption_rows(session, dataset_id)
        columns = select(Image.id, Image.phash, Image.filename, Image.tag)
        images = session.execute(columns.where(Image.dataset_id == dataset_id)).all()
    if not rows:
        raise NoCaptions("No index.csv found: this dataset has no captions yet.")
    captioned = {row.image_id for row in rows}
    strata = {
        image.id: stratum_of(image.filename, image.tag, stratify)
        for image in images
        if image.id in captioned
    }
    phashes = {image.id: image.phash for image in images}
    return Captioned(rows, dataset.caption_seq, phashes, None if stratify == "none" else strata)


def _by_index(ctx: JobContext, dataset_id: str) -> IndexPairs:
    """Near-duplicates by the newest index of a published model, else by that of an own one.

    A model trained on these captions has learned to put images of the same caption together, and
    joins ever more the less it learned from: where it joins OWN_MODEL_SHARE of the images or more,
    it is not followed. An index that cannot be read is no reason not to split.
    """
    with ctx.reader() as session:
        query = select(SearchIndex, Model.id).outerjoin(Model, Model.id == SearchIndex.model_id)
        newest = (Model.id.is_not(None), SearchIndex.created_at.desc(), SearchIndex.id.desc())
        found = session.execute(
            query.where(SearchIndex.dataset_id == dataset_id).order_by(*newest)
        ).first()
    if found is None:
        return IndexPairs()
    row, own_model = found
    try:
        embeddings, ids = load_embeddings(fetch_index(ctx.services, row.prefix))
    except ClipBrowserError as problem:
        return IndexPairs(warning=f"The index was left out of account: {problem.message}")
    ctx.report(message="comparing the embeddings")
    pairs = near_pairs(embeddings, ids)
    joined = len({image for pair in pairs for image in (pair.first, pair.second)})
    if own_model is not None and joined >= OWN_MODEL_SHARE * len(ids):
        return IndexPairs(
            warning=f"{row.model_id} was trained on these captions and sees {joined:,} of "
            f"{len(ids):,} images as near-duplicates of others, so they were told by their "
            "perceptual hash only. An index by a published model would tell more."
        )
    facts = {"model": row.model_id, "images": len(ids), "min_cosine": MIN_COSINE}
    return IndexPairs(pairs, facts)


def _write(ctx: JobContext, dataset_id: str, found: Captioned, split: Split) -> dict[str, Any]:
    """The snapshot and the two files; all captions of an image are on its side."""
    ctx.check_stop()
    val = set(split.val_ids)
    frozen = [
        FrozenCaption(
            row.image_id, row.path, row.slot, row.revision, row.text,
            "val" if row.image_id in val else "train",
        )
        for row in found.rows
    ]  # fmt: skip
    snapshot_id, sha256 = save_snapshot(ctx.store, dataset_id, frozen)
    if not _enter(ctx, dataset_id, snapshot_id):
        remove_train_csv(ctx.services, dataset_id)
    sides = {
        "train_original.csv": [(row.path, row.text) for row in frozen if row.side == "train"],
        "val.csv": [(row.path, row.text) for row in frozen if row.side == "val"],
    }
    for name, rows in sides.items():
        ctx.store.put_bytes(f"datasets/{dataset_id}/{name}", write_rows(rows), "text/csv")
    return {
        "train_rows": len(sides["train_original.csv"]),
        "val_rows": len(sides["val.csv"]),
        "snapshot_id": snapshot_id,
        "sha256": sha256,
    }


def _enter(ctx: JobContext, dataset_id: str, snapshot_id: str) -> bool:
    """Make a snapshot the dataset's; whether it was that before. The variants of another one go."""
    with ctx.session() as session:
        dataset = session.get(Dataset, dataset_id, with_for_update=True)
        if dataset is None:
            raise NotFound(f"The dataset {dataset_id} was deleted.")
        if dataset.snapshot_id == snapshot_id and dataset.variants_job_id is not None:
            return True
        dataset.snapshot_id = snapshot_id
        dataset.variants_job_id = dataset.train_rows = None
    return False


def _report(split: Split, near: IndexPairs, grouped: bool) -> dict[str, Any]:
    strata = [count._asdict() for count in split.strata]
    is_blind = bool(near.pairs) and not split.near
    index = None if is_blind else near.index
    method = "perceptual hash and embeddings" if index else "perceptual hash"
    return {
        "train_images": len(split.train_ids),
        "val_images": len(split.val_ids),
        "groups_kept_together": split.groups_kept_together,
        "images_in_groups": sum(map(len, split.groups)),
        "near_duplicate_method": method if grouped else "none",
        "index": index,
        "pairs": _shown_pairs(split),
        "strata": strata[:SHOWN_STRATA],
        "strata_count": len(strata),
        "warnings": split.warnings + [near.warning] * bool(near.warning),
    }


def _shown_pairs(split: Split) -> list[dict[str, Any]]:
    """A few pairs to look at, half of them by each measure if there are enough."""
    by_hash = {(first, second): bits for first, second, bits in split.pairs}
    cosines = {(pair.first, pair.second): pair.cosine for pair in split.near}
    by_embedding = [pair for pair in cosines if pair not in by_hash]
    half = SHOWN_PAIRS // 2
    shown = list(by_hash)[: max(half, SHOWN_PAIRS - len(by_embedding))]
    shown += by_embedding[: SHOWN_PAIRS - len(shown)]
    return [
        {"images": list(pair), "bits": by_hash.get(pair), "cosine": cosines.get(pair)}
        for pair in shown
    ]
