"""What beat asks for: the reaper, and index.csv files that lag behind."""

from __future__ import annotations

from sqlalchemy import select, update

from common import jobs
from common.csvfiles import write_rows
from common.queue import REAP, REFRESH_INDEX_CSV, SWEEP_STORE
from common.schema import Dataset, Image
from workers.app import app
from workers.runner import send_quietly, settle_followers
from workers.services import Services, services

RESEND_AFTER_S = 60.0


@app.task(name=REAP)
def reap() -> None:
    """Queue again what lost its worker; send again what lost its message."""
    reap_once(services())


def reap_once(parts: Services) -> None:
    """One look at all jobs; see `jobs.reap` and `jobs.unsent`."""
    with parts.sessions() as session:
        again, ended = jobs.reap(session)
        waiting = jobs.unsent(session, RESEND_AFTER_S)
    for job in ended:
        parts.events.job(job)
        settle_followers(parts, job)
    for job in again:
        parts.events.job(job)
    for job in {job.id: job for job in [*again, *waiting]}.values():
        send_quietly(parts, job)


@app.task(name=REFRESH_INDEX_CSV)
def refresh_index_csv() -> None:
    """Write the index.csv of each dataset whose captions have changed since it was written."""
    parts = services()
    with parts.readers() as session:
        stale = session.scalars(
            select(Dataset.id).where(Dataset.index_csv_seq < Dataset.caption_seq)
        ).all()
    for dataset_id in stale:
        write_index_csv(parts, dataset_id)


def write_index_csv(parts: Services, dataset_id: str) -> None:
    """Write `datasets/<id>/index.csv` whole, then note up to which change it is current."""
    with parts.readers() as session:
        seq = session.scalar(select(Dataset.caption_seq).where(Dataset.id == dataset_id))
        images = session.scalars(
            select(Image)
            .where(Image.dataset_id == dataset_id, Image.revision > 0)
            .order_by(Image.id)
        ).all()
    rows = ((f"images/{image.sha256}.{image.ext}", image.caption or "") for image in images)
    parts.store.put_bytes(f"datasets/{dataset_id}/index.csv", write_rows(rows), "text/csv")
    with parts.sessions() as session:
        session.execute(
            update(Dataset)
            .where(Dataset.id == dataset_id, Dataset.index_csv_seq < seq)
            .values(index_csv_seq=seq)
        )


@app.task(name=SWEEP_STORE)
def sweep_store() -> None:
    """Remove what writers that were killed left half-written in the artifact store."""
    services().store.sweep_unfinished()
