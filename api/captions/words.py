"""The words of the captions of a dataset, the newest first."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.captions.schemas import Words
from api.services import Services
from common.captions.wording import count_wording
from common.db.tables import Caption, Dataset, Image

MAX_CAPTIONS_READ = 10_000  # the newest ones: some tenths of a second of counting
LEAST_S = 5.0


def words_of(services: Services, dataset: Dataset) -> bytes:
    """The JSON of `Words`; at most some seconds old."""
    state = (dataset.created_at, dataset.caption_seq)
    return services.response_cache.get(
        f"words:{dataset.id}", state, lambda: _words(services, dataset.id), LEAST_S
    )


def _words(services: Services, dataset_id: str) -> bytes:
    with services.readers() as session:
        found = count_wording(newest_captions(session, dataset_id))
    return Words(words=found.words, phrases=found.phrases).to_json()


def newest_captions(session: Session, dataset_id: str) -> Iterator[str]:
    """The newest captions of a dataset, the newest first."""
    newest = (
        select(Caption.text)
        .join(Image, Image.id == Caption.image_id)
        .where(Image.dataset_id == dataset_id, Caption.text.is_not(None))
        .order_by(Caption.saved_at.desc(), Caption.image_id.desc(), Caption.slot)
        .limit(MAX_CAPTIONS_READ)
    )
    for text in session.scalars(newest):
        yield str(text)
