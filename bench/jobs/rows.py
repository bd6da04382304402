"""A database full of jobs, for measurements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import insert

from common.db.engine import SessionFactory
from common.db.tables import Dataset, Image, Job, now

PEOPLE = 50
PORTION = 5000
PARAMS = {"model": "ViT-B-32", "pretrained": "openai", "epochs": 10, "batch_size": 32}


@dataclass(frozen=True)
class Size:
    """How many jobs and workers there are."""

    finished: int
    waiting: int
    workers: int

    @classmethod
    def parse(cls, text: str) -> Size:
        """`finished:waiting:workers`."""
        return cls(*(int(part) for part in text.split(":")))


def fill(sessions: SessionFactory, size: Size) -> None:
    """A dataset `bench` of one image, and the jobs of PEOPLE people; each of the workers runs one already."""
    with sessions() as session:
        session.add(Dataset(id="bench", name="bench", created_by="p0", defaults={}))
        session.flush()
        session.add(
            Image(
                dataset_id="bench", sha256="0" * 64, ext="png", filename="a.png", width=1, height=1,
                size_bytes=1, phash="0" * 16, is_captioned=True,
            )
        )  # fmt: skip
    rows = [
        *(_row(number, "succeeded") for number in range(size.finished)),
        *(_row(size.finished + number, "queued") for number in range(size.waiting)),
        *(_row(10**9 + number, "running") for number in range(size.workers)),
    ]
    for start in range(0, len(rows), PORTION):
        with sessions() as session:
            session.execute(insert(Job), rows[start : start + PORTION])


def _row(number: int, state: str) -> dict[str, Any]:
    created = now() - timedelta(seconds=200_000 - number % 10**9)
    began = None if state == "queued" else created
    ended = created + timedelta(seconds=60) if state == "succeeded" else None
    return {
        "id": f"{number:012x}", "kind": "train", "queue": "gpu", "state": state, "params": PARAMS,
        "dataset_id": "bench", "created_by": f"p{number % PEOPLE}", "progress": {}, "notes": [],
        "created_at": created, "queued_at": created, "started_at": began, "finished_at": ended,
        "attempt": int(state != "queued"), "result": {"epochs_done": 10} if ended else None,
        "lease_owner": "bench" if state == "running" else None,
        "lease_until": now() + timedelta(days=1) if state == "running" else None,
    }  # fmt: skip
