"""Thousands of images into the trash, back, and out of it for good, while somebody else saves.

    python -m bench.trash --images 10000 [--database-url postgresql://...]

In a database that is empty before; else in a SQLite of its own. Each image has a caption with two revisions. Meanwhile a
thread changes the dataset's row twenty times a second, as saving captions does, and times each change.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import insert, select

from common.datasets.changes import touch_dataset
from common.db.engine import (
    SessionFactory,
    migrate,
    open_engine,
    reader_factory,
    session_factory,
)
from common.db.tables import Caption, CaptionRevision, Dataset, Image, now
from common.trash.images import remove_batch, restore_images, trash_images

T = TypeVar("T")
DATASET, AT_ONCE, PAUSE_S = "birds", 1000, 0.05


def fill(sessions: SessionFactory, count: int) -> list[int]:
    """The dataset; the ids of its images."""
    with sessions() as session:
        session.add(Dataset(id=DATASET, name=DATASET, created_by="ada", defaults={}))
        session.flush()
        for start in range(0, count, AT_ONCE):
            numbers = range(start, min(count, start + AT_ONCE))
            session.execute(insert(Image), [_image(number) for number in numbers])
        ids = list(session.scalars(select(Image.id).order_by(Image.id)))
        for start in range(0, count, AT_ONCE):
            some = ids[start : start + AT_ONCE]
            session.execute(insert(Caption), [_caption(each) for each in some])
            revisions = [_revision(each, number) for each in some for number in (1, 2)]
            session.execute(insert(CaptionRevision), revisions)
    return ids


def _image(number: int) -> dict[str, object]:
    return {
        "dataset_id": DATASET, "sha256": hashlib.sha256(str(number).encode()).hexdigest(),
        "ext": "jpg", "filename": f"folder/picture {number:06}.jpg", "width": 640, "height": 480,
        "size_bytes": 80_000, "phash": f"{number:016x}", "created_at": now(), "is_captioned": True,
    }  # fmt: skip


def _text(image_id: int) -> str:
    return f"a bird number {image_id} on a branch in the morning sun"


def _caption(image_id: int) -> dict[str, object]:
    found = {"image_id": image_id, "slot": 0, "revision": 2, "text": _text(image_id)}
    return {**found, "author": "ada", "saved_at": now()}


def _revision(image_id: int, number: int) -> dict[str, object]:
    found = {"image_id": image_id, "revision": number, "text": _text(image_id)}
    return {**found, "author": "ada", "client_id": f"{image_id}-{number}"}


class Saver(threading.Thread):
    """Changes the dataset's row again and again. took_s: how long each change took."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._sessions = session_factory(open_engine(url))
        self._ended = threading.Event()
        self.took_s: list[float] = []

    def run(self) -> None:
        """Until `end`."""
        is_ended = False
        while not is_ended:
            began = time.monotonic()
            with self._sessions() as session:
                touch_dataset(session, DATASET)
            self.took_s.append(time.monotonic() - began)
            is_ended = self._ended.wait(PAUSE_S)

    def end(self) -> list[float]:
        """Stop; the times, sorted."""
        self._ended.set()
        self.join()
        return sorted(self.took_s)


def timed(what: str, url: str, work: Callable[[], T]) -> T:
    """What `work()` gives; prints how long it took, and somebody else meanwhile."""
    saver = Saver(url)
    saver.start()
    began, cpu = time.monotonic(), time.process_time()
    done = work()
    wall_s, cpu_s = time.monotonic() - began, time.process_time() - cpu
    waits = [1000 * each for each in saver.end()]
    print(
        f"{what:8} {wall_s:6.2f} s, of it processor {cpu_s:5.2f} s; others: median "
        f"{statistics.median(waits):.0f} ms, 99 % {waits[int(len(waits) * 0.99) - 1]:.0f} ms, "
        f"longest {waits[-1]:.0f} ms",
        flush=True,
    )
    return done


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--database-url", default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.database_url or f"sqlite:///{Path(folder) / 'trash.db'}"
        migrate(url)
        engine = open_engine(url)
        sessions, readers = session_factory(engine), reader_factory(engine)
        ids = fill(sessions, given.images)
        batch = timed("delete", url, lambda: trash_images(sessions, DATASET, ids, "ada")).batch
        timed("restore", url, lambda: restore_images(sessions, readers, batch))
        batch = trash_images(sessions, DATASET, ids, "ada").batch
        timed("remove", url, lambda: remove_batch(sessions, readers, batch, "ada"))
        engine.dispose()


if __name__ == "__main__":
    main()
