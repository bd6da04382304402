"""A database with images to claim."""

from __future__ import annotations

from sqlalchemy import Engine

from common.db.engine import open_engine, session_factory
from common.db.tables import Dataset, Image
from tests.captions import put_caption
from tests.migrated import migrate_new


def open_cats(url: str, images: int) -> Engine:
    """Made anew at `url`, with the dataset "cats" and its images 1, 2, ..., the first of them captioned."""
    migrate_new(url)
    engine = open_engine(url)
    with session_factory(engine)() as session:
        session.add(Dataset(id="cats", name="Cats", created_by="ada", defaults={}))
        session.flush()
        for number in range(1, images + 1):
            image = Image(
                id=number, dataset_id="cats", sha256=f"{number:064x}", ext="png", width=1,
                height=1, size_bytes=1, filename=f"{number}.png", phash="0",
            )  # fmt: skip
            session.add(image)
            if number == 1:
                put_caption(session, image, "a cat")
    return engine
