"""Claims, saves, lists and index.csv of a large dataset, on SQLite and PostgreSQL.

python -m bench.caption_table [--against FOLDER] [--images 100000] [--databases sqlite,postgresql]

Requests to the API without its server, and captions written as the captions worker does, in one
process a version (`bench/caption_requests.py`). The time is that of the CPU, of this process and of
the database: what else runs on the machine has little part in it, and the disk none.
--against: the checkout of another version that needs the same packages. Each request then goes to
both, to the one first and to the other first in turn. The rows are written into the database straight
away, in the layout of the version that made it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, MetaData, Table, insert, text

from bench.captions.captioners import WORDS as FIRST_WORDS
from common.db.engine import open_engine
from tests.servers import postgres_server, redis_server, server_folder

DATASET = "large"
PORTION = 5000  # rows in one statement
PEOPLE = ("anna", "ben", "carl", "dora")
UNCAPTIONED = 10  # each tenth image
SEVERAL = 200  # each two hundredth image has three captions
WORDS = [
    *FIRST_WORDS,
    "two",
    "three",
    "dogs",
    "cat",
    "house",
    "tree",
    "under",
    "bright",
    "dark",
    "sky",
    "water",
    "with",
    "near",
    "old",
    "new",
    "wooden",
]
READS = (
    "list, first page", "list, captioned", "list, uncaptioned", "list, a text that many have",
    "list, a text that none has", "list, by one of four people", "list, several captions", "index.csv",
)  # fmt: skip
WRITES = ("claim", "save a first caption", "save another over it", "save a second caption")
HERE = Path(__file__).parent.parent
MIGRATE = """
import sys
try:
    from common.db.engine import migrate
except ImportError:  # versions before the packages by capability
    from common.db import migrate
migrate(sys.argv[1])
"""
Row = dict[str, Any]
Times = dict[str, dict[str, list[list[float]]]]  # by request and version: [CPU ms, ms that passed]


class Version:
    """A process with the code of a checkout, on a database of its own."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self.name, self._process = name, process
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", f"{name} did not start"

    def ask(self, what: str) -> list[float]:
        """Make a request; [CPU ms, ms that passed]."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(what, file=self._process.stdin, flush=True)
        took: list[float] = json.loads(self._process.stdout.readline())
        return took


def main() -> None:
    """Fill, start, measure and print a table for each database."""
    chosen = _parser().parse_args()
    versions = {"before": Path(chosen.against)} if chosen.against else {}
    versions["now"] = HERE
    for database in chosen.databases.split(","):
        with ExitStack() as opened:
            running = [
                Version(name, opened.enter_context(_service(database, checkout, chosen.images)))
                for name, checkout in versions.items()
            ]
            times = _measured(running, READS, chosen.reads)
            times |= _measured(running, WRITES, chosen.writes)
        _print(database, chosen.images, times)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", default="", help="another checkout")
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--reads", type=int, default=15, help="rounds of lists and index.csv")
    parser.add_argument("--writes", type=int, default=150, help="rounds of claims and saves")
    return parser


def _measured(running: list[Version], asked: tuple[str, ...], rounds: int) -> Times:
    """The first round warms up and is left out."""
    times: Times = {what: {version.name: [] for version in running} for what in asked}
    for number in range(rounds + 1):
        for what in asked:
            for version in running if number % 2 else reversed(running):
                took = version.ask(what)
                times[what][version.name] += [took] if number else []
    return times


def _print(database: str, images: int, times: Times) -> None:
    names = list(next(iter(times.values())))
    columns = [
        *names,
        *(["ratio"] if len(names) > 1 else []),
        *(f"{name}, passed" for name in names),
    ]
    print(f"\n{database}, {images:,} images: median milliseconds of the CPU, and that passed\n")
    print(f"| | {' | '.join(columns)} |")
    print("| --- " * (len(columns) + 1) + "|")
    for what, own in times.items():
        cpu, passed = (
            [statistics.median(took[kind] for took in own[name]) for name in names]
            for kind in (0, 1)
        )
        ratio = [f"{cpu[-1] / cpu[0]:.2f}"] if len(names) > 1 else []
        cells = [*(f"{each:.1f}" for each in cpu), *ratio, *(f"{each:.1f}" for each in passed)]
        print(f"| {what} | {' | '.join(cells)} |", flush=True)


# -- a version with a large dataset


@contextmanager
def _service(database: str, checkout: Path, images: int) -> Iterator[subprocess.Popen[str]]:
    """The child process of a version, on its own folder and database, filled before it starts."""
    with ExitStack() as opened:
        folder, servers = (opened.enter_context(server_folder()) for _ in range(2))
        redis = opened.enter_context(redis_server(folder))
        url, server_pid = f"sqlite:///{folder / 'clip-browser.db'}", 0
        if database == "postgresql":
            server = opened.enter_context(postgres_server(servers))
            url, server_pid = server.url, server.pid
        environment = {
            **os.environ, "PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        subprocess.run(
            [sys.executable, "-c", MIGRATE, url], check=True, cwd=checkout, env=environment
        )
        fill(url, images)
        child = [str(HERE / "bench" / "caption_requests.py"), url, redis.url, str(folder)]
        process = subprocess.Popen(
            [sys.executable, *child, str(server_pid)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=checkout, env=environment,
        )  # fmt: skip
        with process:
            yield process


def fill(url: str, images: int) -> None:
    """The dataset, in the layout that the database has: one table of captions, or as it was before."""
    engine = open_engine(url)
    with engine.begin() as connection:
        known = MetaData()
        known.reflect(connection)
        _add_dataset(connection, known.tables["datasets"])
        for start in range(1, images + 1, PORTION):
            ids = range(start, min(start + PORTION, images + 1))
            _add_images(connection, known, ids)
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT setval('images_id_seq', :last)"), {"last": images})
    engine.dispose()
    if engine.dialect.name == "postgresql":
        with psycopg.connect(url, autocommit=True) as after:
            after.execute("VACUUM ANALYZE")


def _add_dataset(connection: Connection, datasets: Table) -> None:
    row = {
        "id": DATASET, "name": DATASET, "created_by": "admin", "defaults": {},
        "created_at": datetime.now(UTC), "caption_seq": 0, "index_csv_seq": 0,
    }  # fmt: skip
    connection.execute(insert(datasets), [row])


def _add_images(connection: Connection, known: MetaData, ids: range) -> None:
    captions = [_caption(image_id, slot) for image_id in ids for slot in range(_number(image_id))]
    images, firsts = known.tables["images"], {row["image_id"]: row for row in captions[::-1]}
    if "captions" in known.tables:
        rows = [_image(image_id, is_captioned=image_id in firsts) for image_id in ids]
        tables = {"images": rows, "captions": captions}
    else:
        rows = [_image(image_id, **_as_columns(firsts.get(image_id))) for image_id in ids]
        tables = {"images": rows, "extra_captions": [row for row in captions if row["slot"]]}
    assert "is_captioned" in images.c or "caption" in images.c
    tables["caption_revisions"] = [_revision(row) for row in captions]
    for name, written in tables.items():
        if written:
            connection.execute(insert(known.tables[name]), written)


def _number(image_id: int) -> int:
    """How many captions an image has."""
    if image_id % UNCAPTIONED == 0:
        return 0
    return 3 if image_id % SEVERAL == 1 else 1


def _image(image_id: int, **more: Any) -> Row:
    return {
        "id": image_id, "dataset_id": DATASET, "sha256": f"{image_id:064x}", "ext": "png",
        "filename": f"set/{image_id % 97}/picture {image_id:06}.png", "width": 640, "height": 480,
        "size_bytes": 100_000, "phash": "0" * 40, "created_at": _moment(image_id), **more,
    }  # fmt: skip


def _caption(image_id: int, slot: int) -> Row:
    rng = random.Random(10 * image_id + slot)
    return {
        "image_id": image_id, "slot": slot, "text": " ".join(rng.choices(WORDS, k=12)),
        "revision": 1, "tokens": 14, "author": rng.choice(PEOPLE), "saved_at": _moment(image_id),
    }  # fmt: skip


def _as_columns(caption: Row | None) -> Row:
    """A first caption as columns of its image."""
    wanted = {
        "caption": "text", "revision": "revision", "tokens": "tokens", "captioned_by": "author",
        "captioned_at": "saved_at",
    }  # fmt: skip
    none: Row = {"revision": 0}
    return {column: (caption or none).get(name) for column, name in wanted.items()}


def _revision(caption: Row) -> Row:
    kept = {name: caption[name] for name in ("image_id", "slot", "text", "revision", "author")}
    client_id = f"filled-{caption['image_id']}-{caption['slot']}"
    return {**kept, "client_id": client_id, "created_at": caption["saved_at"]}


def _moment(image_id: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=image_id)


if __name__ == "__main__":
    main()
