"""Reads what the service holds: straight from its database and its artifact store, and as the API says."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from common.captions.csv_files import read_rows
from common.db.engine import SessionFactory, open_engine, reader_factory
from common.db.tables import Caption, CaptionRevision, Image, now
from common.store import open_store
from tests.system.chaos.history import Head, Holdings, Revision
from tests.system.chaos.stage import Stage

INDEX_TIMEOUT_S = 15.0
AT_ONCE = 8


class Ledger:
    """The books of one dataset of a stack."""

    def __init__(self, stage: Stage, dataset_id: str) -> None:
        self._readers: SessionFactory = reader_factory(open_engine(stage.database_url))
        self._stack, self._dataset_id = stage.stack, dataset_id
        self._store = open_store(stage.store_url)
        self._index_csv = f"datasets/{dataset_id}/index.csv"

    def read(self) -> Holdings:
        """Everything, as soon as the stored index.csv is right or INDEX_TIMEOUT_S have passed."""
        with self._readers() as session:
            revisions, heads = self._revisions(session), self._heads(session)
            images = self._images(session)
            last_saved = max((row.saved_s for row in revisions), default=None)
        paths = {image.id: f"images/{image.sha256}.{image.ext}" for image in images}
        captioned = frozenset(image.id for image in images if image.is_captioned)
        expected = sorted((paths[head.image_id], head.text) for head in heads if head.text)
        served = read_rows(
            self._stack.http.get(f"/datasets/{self._dataset_id}/files/index.csv").content
        )
        until = time.monotonic() + INDEX_TIMEOUT_S
        stored = self._stored()
        while sorted(stored) != expected and time.monotonic() < until:
            time.sleep(0.05)
            stored = self._stored()
        lag_s = 0.0
        if last_saved is not None:
            written = self._store.stat(self._index_csv).modified_at.timestamp()
            lag_s = max(0.0, written - last_saved)
        with_text = {head.image_id for head in heads if head.slot == 0 and head.text is not None}
        stuck = self._stuck(paths.keys() - with_text)
        return Holdings(revisions, heads, paths, stored, served, lag_s, stuck, captioned)

    def _stored(self) -> list[tuple[str, str]]:
        exists = self._store.exists(self._index_csv)
        return read_rows(self._store.get_bytes(self._index_csv)) if exists else []

    def _images(self, session: Session) -> list[Image]:
        wanted = select(Image).where(Image.dataset_id == self._dataset_id).order_by(Image.id)
        return list(session.scalars(wanted))

    def _revisions(self, session: Session) -> list[Revision]:
        return [
            Revision(
                image_id=row.image_id,
                slot=row.slot,
                revision=row.revision,
                text=row.text,
                author=row.author,
                client_id=row.client_id,
                saved_s=row.created_at.timestamp(),
            )
            for row in session.scalars(
                select(CaptionRevision)
                .join(Image, Image.id == CaptionRevision.image_id)
                .where(Image.dataset_id == self._dataset_id)
                .order_by(CaptionRevision.id)
            )
        ]

    def _heads(self, session: Session) -> list[Head]:
        return [
            Head(each.image_id, each.slot, each.revision, each.text, each.author)
            for each in session.scalars(
                select(Caption)
                .join(Image, Image.id == Caption.image_id)
                .where(Image.dataset_id == self._dataset_id)
            )
        ]

    def _stuck(self, uncaptioned: set[int]) -> list[str]:
        """Uncaptioned images that are not served once all claims are over."""
        with self._readers() as session:
            claims = select(func.max(Image.claim_until)).where(Image.id.in_(uncaptioned))
            last = session.scalar(claims)
        if last is not None:
            time.sleep(max(0.0, (last - now()) / timedelta(seconds=1) + 0.1))
        served = self._serve_all(len(uncaptioned))
        if served == uncaptioned:
            return []
        return [f"images {sorted(uncaptioned ^ served)} are uncaptioned and not served"]

    def _serve_all(self, count: int) -> set[int]:
        """Claim as often as there are images, each time as another tab.

        Several at once: all must be served before the first claim has run out.
        """
        path = f"/datasets/{self._dataset_id}/claim"

        def claim(_: int) -> int | None:
            item = self._stack.call("POST", path, params={"holder": secrets.token_hex(8)})
            return None if item is None else int(item["id"])

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return {image for image in pool.map(claim, range(count + 1)) if image is not None}
