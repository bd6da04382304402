"""Images that a job left out since they could not be read: named, with the reason, as people know them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from common.db.tables import Image
from common.errors import InvalidInput
from workers.gpu.config import TrainItem
from workers.runtime.job_context import JobContext

SHOWN = 100  # in a job's result
NAMED = 3  # in a sentence


def read_names(ctx: JobContext, dataset_id: str) -> dict[str, str]:
    """{path as in train.csv: what people call the image} of a dataset."""
    found = select(Image.sha256, Image.ext, Image.filename).where(Image.dataset_id == dataset_id)
    with ctx.reader() as session:
        return {f"images/{sha256}.{ext}": name for sha256, ext, name in session.execute(found)}


def as_skipped(items: Sequence[tuple[TrainItem, InvalidInput]]) -> dict[str, Any]:
    """`{skipped: [{name, reason}], skipped_count}` of what was left out, for a job's result."""
    shown = [
        {"name": item.shown_name, "reason": problem.message} for item, problem in items[:SHOWN]
    ]
    return {"skipped": shown, "skipped_count": len(items)}


def say_skipped(skipped: Sequence[dict[str, Any]], count: int, what: str) -> str:
    """One sentence: how many could not be read, and what became of them (`what`), the first ones by name.

    skipped: `[{name, reason}]`, of `count` that there were.
    """
    named = "; ".join(f"{each['name']} ({each['reason']})" for each in skipped[:NAMED])
    more = ", ..." if count > min(len(skipped), NAMED) else ""
    return f"{count:,} images could not be read and {what}: {named}{more}."
