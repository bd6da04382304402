"""Backing up and restoring a service of many images: `python -m bench.backup --images 10000`.

Small JPEGs go straight into database and store, with a caption each. Then: a first backup, a second one after
100 more images, verify, and restores: from SQLite and a folder into the same, into PostgreSQL and a bucket, and
from there back. `--places 3`: in place of that, three times in turn into a new folder and into a new zip, and back from each.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image as Pillow

from common.backup.making import make_backup
from common.backup.places import open_source
from common.backup.restoring import restore_backup
from common.backup.verifying import Verdict, verify
from common.db.engine import migrate, open_engine, session_factory
from common.db.rows import insert_rows
from common.db.tables import Caption, CaptionRevision, Dataset, Image, now
from common.settings import Settings, load_settings
from common.store import ArtifactStore, open_store
from tests.server_programs import s3_kinds
from tests.servers import S3_SERVERS, postgres_server, server_folder

T = TypeVar("T")
SIDE = 128
LATER = 100


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--places", type=int, default=0, metavar="TURNS")
    words = parser.parse_args()
    if words.places:
        with server_folder() as folder:
            compare_places(folder, words.images, words.places)
        return
    with ExitStack() as stack:
        folder, of_postgres, of_s3 = (stack.enter_context(server_folder()) for _ in range(3))
        postgres = stack.enter_context(postgres_server(of_postgres))
        kind = s3_kinds()[0]
        s3 = stack.enter_context(S3_SERVERS[kind](of_s3))
        print(f"S3 by {kind}")
        measure(folder, words.images, postgres.url, s3.url)


def measure(folder: Path, images: int, database: str, store: str) -> None:
    """Print a line for each step."""
    source, target = _settings(folder / "source"), str(folder / "backup")
    migrate(source.database)
    timed("made", lambda: fill(source, 0, images))
    _, first = timed("backup, the first", lambda: make_backup(source, target))
    print(f"  {first}")
    fill(source, images, LATER)
    _, second = timed(f"backup after {LATER} more images", lambda: make_backup(source, target))
    print(f"  {second}")
    timed("verify", lambda: verify(open_source(target)))
    same, back = _settings(folder / "same"), _settings(folder / "back")
    timed("restore into SQLite and a folder", lambda: restore_backup(same, target))
    team, zipped = _settings(folder / "team", database, store), str(folder / "back.zip")
    timed("restore into PostgreSQL and S3", lambda: restore_backup(team, target))
    timed("backup of PostgreSQL and S3 into a zip", lambda: make_backup(team, zipped))
    timed("restore of the zip into SQLite and a folder", lambda: restore_backup(back, zipped))


def compare_places(folder: Path, images: int, turns: int) -> None:
    """Print a line for each step, and the median of each at the end."""
    source = _settings(folder / "source")
    migrate(source.database)
    timed("made", lambda: fill(source, 0, images))
    took_s: dict[str, list[float]] = defaultdict(list)

    def step(what: str, act: Callable[[], object]) -> None:
        began = time.monotonic()
        timed(what, act)
        took_s[what].append(time.monotonic() - began)

    for turn in range(turns):
        for kind in ("folder", "zip"):
            target, back = str(folder / f"{turn}.{kind}"), folder / f"{turn} {kind}"
            step(f"backup into a {kind}", partial(make_backup, source, target))
            step(f"verify of a {kind}", partial(_verify_place, target))
            step(f"restore of a {kind}", partial(restore_backup, _settings(back), target))
    for what, each in took_s.items():
        print(f"{what}: median {statistics.median(each):.1f} s")


def _verify_place(target: str) -> Verdict:
    return verify(open_source(target))


def timed(what: str, act: Callable[[], T]) -> T:
    """Do it, and say how long it took."""
    began = time.monotonic()
    done = act()
    print(f"{what}: {time.monotonic() - began:.1f} s", flush=True)
    return done


def _settings(folder: Path, database: str = "", store: str = "") -> Settings:
    return load_settings(data_dir=folder, database_url=database, store_url=store)


def fill(settings: Settings, first: int, count: int) -> None:
    """So many images with thumbnail and caption."""
    store, sessions = open_store(settings.store), session_factory(open_engine(settings.database))
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda number: _stored(store, number), range(first, first + count)))
    with sessions() as session:
        if not first:
            session.add(Dataset(id="d", name="Many", created_by="bench", defaults={}))
        insert_rows(session, Image, rows)
        ids = [row["id"] for row in rows]
        said = {"text": "a picture of many colours", "revision": 1, "author": "bench"}
        heads = [
            {"image_id": each, "slot": 0, "saved_at": now(), "tokens": 7, **said} for each in ids
        ]
        insert_rows(session, Caption, heads)
        past = [{"image_id": each, "slot": 0, "client_id": f"c{each}", **said} for each in ids]
        insert_rows(session, CaptionRevision, past)


def _stored(store: ArtifactStore, number: int) -> dict[str, object]:
    pixels = np.random.default_rng(number).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    data, thumb = io.BytesIO(), io.BytesIO()
    Pillow.fromarray(pixels).save(data, "JPEG", quality=80)
    Pillow.fromarray(pixels).resize((48, 48)).save(thumb, "WEBP")
    sha256 = hashlib.sha256(data.getvalue()).hexdigest()
    image = Image(dataset_id="d", sha256=sha256, ext="jpg")
    store.put_bytes(image.key, data.getvalue(), "image/jpeg")
    store.put_bytes(image.thumb_key, thumb.getvalue(), "image/webp")
    return {
        "id": number + 1, "dataset_id": "d", "sha256": sha256, "ext": "jpg", "filename": f"{number}.jpg",
        "width": SIDE, "height": SIDE, "size_bytes": len(data.getvalue()), "phash": f"{number:016x}",
        "is_captioned": True,
    }  # fmt: skip


if __name__ == "__main__":
    main()
