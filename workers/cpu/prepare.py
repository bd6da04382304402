"""From captions to training data: the split, and variants by synonyms."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from sqlalchemy import select

from common.caption_rows import StoredCaption, caption_rows
from common.csvfiles import write_rows
from common.errors import NoCaptions, NotFound
from common.schema import Dataset, Image
from workers.cpu.split import Split, split_by_image
from workers.cpu.synonyms import augment_captions, load_synonym_map
from workers.runner import JobContext
from workers.training_data import read_split, write_train_csv

SYNONYM_MAP = Path(__file__).parents[2] / "manual_synonym_map.json"


def split_dataset(ctx: JobContext) -> dict[str, Any]:
    """Write train_original.csv and val.csv from the captions as they are now.

    params: val_fraction, seed, group_near_duplicates. An earlier train.csv is removed: it may hold
    captions of images that are validation now. Raises NoCaptions.
    """
    dataset_id = str(ctx.job.dataset_id)
    ctx.report(message="looking for near-duplicates")
    with ctx.reader() as session:
        dataset = session.get(Dataset, dataset_id)
        if dataset is None:
            raise NotFound(f"The dataset {dataset_id} was deleted.")
        caption_seq = dataset.caption_seq
        rows = caption_rows(session, dataset_id)
        marks = select(Image.id, Image.phash).where(Image.dataset_id == dataset_id)
        phashes = {image.id: image.phash for image in session.execute(marks)}
    if not rows:
        raise NoCaptions("No index.csv found: this dataset has no captions yet.")
    params = ctx.job.params
    split = split_by_image(
        [(image_id, phashes[image_id]) for image_id in dict.fromkeys(row.image_id for row in rows)],
        float(params.get("val_fraction", 0.2)),
        int(params.get("seed", 0)),
        bool(params.get("group_near_duplicates", True)),
    )
    return {**_write(ctx, dataset_id, rows, split), "caption_seq": caption_seq}


def _write(
    ctx: JobContext, dataset_id: str, rows: list[StoredCaption], split: Split
) -> dict[str, Any]:
    """The two files; all captions of an image are on its side."""
    val = set(split.val_ids)
    sides = {
        "train_original.csv": [(row.path, row.text) for row in rows if row.image_id not in val],
        "val.csv": [(row.path, row.text) for row in rows if row.image_id in val],
    }
    files = {name: write_rows(side) for name, side in sides.items()}
    ctx.store.delete(f"datasets/{dataset_id}/train.csv")
    for name, data in files.items():
        ctx.store.put_bytes(f"datasets/{dataset_id}/{name}", data, "text/csv")
    for warning in split.warnings:
        ctx.note(warning)
    return {
        "train_images": len(split.train_ids),
        "val_images": len(split.val_ids),
        "train_rows": len(sides["train_original.csv"]),
        "val_rows": len(sides["val.csv"]),
        "groups_kept_together": split.groups_kept_together,
        "pairs": split.pairs[:20],
        "snapshot_id": hashlib.sha256(b"\0".join(files.values())).hexdigest()[:16],
        "warnings": split.warnings,
    }


def augment_with_synonyms(ctx: JobContext) -> dict[str, Any]:
    """Write train.csv: the training captions and up to `per_caption` variants of each.

    params: per_caption, seed. Raises NoSplit, and InvalidInput when the synonym map is broken.
    """
    split = read_split(ctx)
    mapping = load_synonym_map(SYNONYM_MAP.read_bytes())
    outcome = augment_captions(
        split.train,
        mapping,
        int(ctx.job.params.get("per_caption", 3)),
        int(ctx.job.params.get("seed", 0)),
        report=lambda done: ctx.report(done=done, total=len(split.train), unit="captions"),
        should_stop=lambda: ctx.stop_requested is not None,
    )
    ctx.check_stop()
    variants = [texts for _, texts in outcome.variants]
    return write_train_csv(ctx, split, variants, method="synonyms")
