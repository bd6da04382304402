"""train.csv: the training captions of the split's snapshot, each followed by its standing variants.

It belongs to the snapshot: a caption that was changed afterwards is in it as it was frozen, and so
are its variants, until the captions are split again. Beside it lies `train_lineage.jsonl`, whose
line n tells where row n comes from; the CSV itself stays plain. Both are written whole, and anew
after each decision on a variant, as index.csv is after each caption.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.augment.variants import STANDING
from common.captions.csv_files import write_rows
from common.datasets.changes import is_due
from common.datasets.snapshots import JSON_LINES, FrozenCaption, load_snapshot
from common.db.tables import Dataset, Variant, now
from common.errors import NotFound
from workers.runtime.services import Services

MAX_LAG_S = 5.0  # train.csv is written at least so often while somebody decides all the time
FILES = ("train.csv", "train_lineage.jsonl")

Row = tuple[str, str]  # (path below datasets/<id>/, caption)


class StandingVariant(NamedTuple):
    """What train.csv takes of a variant."""

    image_id: int
    slot: int
    text: str
    method: str
    model: str | None
    seed: int
    score: float | None
    state: str
    job_id: str


def stale_datasets(session: Session) -> list[str]:
    """The datasets whose train.csv is behind and that nobody is deciding on at this moment."""
    due = is_due(Dataset.variants_changed_at, Dataset.variants_stale_since, MAX_LAG_S)
    behind = Dataset.train_csv_seq < Dataset.variants_seq
    return list(session.scalars(select(Dataset.id).where(behind, due)))


def refresh_train_csv(services: Services, dataset_id: str) -> None:
    """Write train.csv if it is behind the variants. Raises NotFound, StoreUnavailable."""
    with services.readers() as session:
        behind = session.scalar(
            select(Dataset.train_csv_seq < Dataset.variants_seq).where(Dataset.id == dataset_id)
        )
    if behind:
        write_train_csv(services, dataset_id)


def write_train_csv(services: Services, dataset_id: str) -> int | None:
    """Write train.csv and its lineage; how many rows, None when there is nothing to write.

    A split that ends meanwhile wins: what was written from the captions before it is removed again,
    since some of them may be validation now.
    """
    while True:
        with services.readers() as session:
            dataset = session.get(Dataset, dataset_id)
            if dataset is None:
                return None
            variants = _standing(session, dataset)
        rows = None
        if dataset.variants_job_id is not None:
            composed, lineage = _composed(services, dataset, variants)
            _put(services, dataset_id, composed, lineage)
            rows = len(composed)
        outcome = _settled(services, dataset, rows)
        if outcome == "gone":
            remove_train_csv(services, dataset_id)
            return None
        if outcome == "done":
            return rows


def remove_train_csv(services: Services, dataset_id: str) -> None:
    """Remove train.csv and its lineage, if they are there."""
    for name in FILES:
        services.store.delete(f"datasets/{dataset_id}/{name}")


def compose(
    captions: Iterable[FrozenCaption], variants: Iterable[StandingVariant], snapshot_id: str
) -> tuple[list[Row], list[dict[str, Any]]]:
    """(rows of train.csv, what train_lineage.jsonl says of each). captions: those to train on.

    Each caption comes first, its variants after it; a text that its image has already is left out:
    several captions of an image may lead to the same words.
    """
    captions = list(captions)
    seen = {(caption.path, caption.text) for caption in captions}
    of_caption: dict[tuple[int, int], list[StandingVariant]] = {}
    for variant in variants:
        of_caption.setdefault((variant.image_id, variant.slot), []).append(variant)
    rows: list[Row] = []
    lineage: list[dict[str, Any]] = []
    for caption in captions:
        rows.append((caption.path, caption.text))
        lineage.append(_origin(caption, None, snapshot_id))
        for variant in of_caption.get((caption.image_id, caption.slot), ()):
            row = (caption.path, variant.text)
            if row not in seen:
                seen.add(row)
                rows.append(row)
                lineage.append(_origin(caption, variant, snapshot_id))
    return rows, lineage


def _origin(
    caption: FrozenCaption, variant: StandingVariant | None, snapshot_id: str
) -> dict[str, Any]:
    """A line of the lineage. The score of an edited variant is null: it was that of other words."""
    is_edited = variant is not None and variant.state == "edited"
    method = "original" if variant is None else "edited" if is_edited else variant.method
    return {
        "image_id": caption.image_id,
        "slot": caption.slot,
        "source_revision": caption.revision,
        "method": method,
        "model": variant.model if variant else None,
        "seed": variant.seed if variant else None,
        "score": variant.score if variant and not is_edited else None,
        "job_id": variant.job_id if variant else None,
        "snapshot_id": snapshot_id,
    }


def _standing(session: Session, dataset: Dataset) -> list[StandingVariant]:
    if dataset.variants_job_id is None:
        return []
    columns = (getattr(Variant, name) for name in StandingVariant._fields)
    found = session.execute(
        select(*columns)
        .where(
            Variant.dataset_id == dataset.id,
            Variant.job_id == dataset.variants_job_id,
            Variant.state.in_(STANDING),
        )
        .order_by(Variant.id)
    )
    return [StandingVariant(*row) for row in found]


def _composed(
    services: Services, dataset: Dataset, variants: Sequence[StandingVariant]
) -> tuple[list[Row], list[dict[str, Any]]]:
    snapshot_id = dataset.snapshot_id or ""
    frozen = load_snapshot(services.store, dataset.id, snapshot_id)
    captions = (caption for caption in frozen if caption.side == "train")
    return compose(captions, variants, snapshot_id)


def _put(
    services: Services, dataset_id: str, rows: Iterable[Row], lineage: Iterable[dict[str, Any]]
) -> None:
    lines = "".join(json.dumps(line) + "\n" for line in lineage)
    folder = f"datasets/{dataset_id}"
    services.store.put_bytes(f"{folder}/train_lineage.jsonl", lines.encode(), JSON_LINES)
    services.store.put_bytes(f"{folder}/train.csv", write_rows(rows), "text/csv")


def _settled(
    services: Services, seen: Dataset, rows: int | None
) -> Literal["done", "gone", "again"]:
    """Note up to which change the files are current: "done", "gone" (a split), or "again"."""
    with services.sessions() as session:
        dataset = session.get(Dataset, seen.id, with_for_update=True)
        if dataset is None:
            return "gone"
        moved = (dataset.snapshot_id, dataset.variants_job_id) != (
            seen.snapshot_id,
            seen.variants_job_id,
        )
        if moved or dataset.train_csv_seq > seen.variants_seq:
            return "gone" if dataset.variants_job_id is None else "again"
        dataset.train_csv_seq, dataset.train_rows = seen.variants_seq, rows
        is_current = dataset.variants_seq == seen.variants_seq
        dataset.variants_stale_since = None if is_current else now()
    return "gone" if rows is None else "done"


def lineage_snapshot(services: Services, dataset_id: str) -> str | None:
    """The snapshot that the stored train.csv was made from; None when there is none, or no lineage."""
    try:
        with services.store.open(f"datasets/{dataset_id}/train_lineage.jsonl") as lines:
            return str(json.loads(lines.readline())["snapshot_id"])
    except (NotFound, ValueError, KeyError):
        return None
