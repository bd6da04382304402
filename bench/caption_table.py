"""Claims, saves, lists and index.csv of a large dataset, on SQLite and PostgreSQL.

python -m bench.caption_table [--against FOLDER] [--images 100000] [--databases sqlite,postgresql]

Times are those of HTTP requests to a whole running service, one after the other on one connection.
--against: the checkout of another version, with its environment in `.venv` (a link will do where both
need the same packages) and its dashboard built. Both versions then run
side by side on data of their own, and each request goes to both, first to the one, then to the other
in turn, so that a slow moment of the machine meets both. The rows are written into the database
straight away, in the layout of the version that made it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, MetaData, Table, insert, text

from bench.stack import Stack, in_checkout, program_of, running_stack
from common.db.engine import open_engine
from tests.servers import postgres_server, server_folder

DATASET = "large"
PORTION = 5000  # rows in one statement
PEOPLE = ("anna", "ben", "carl", "dora")
UNCAPTIONED = 10  # each tenth image
SEVERAL = 200  # each two hundredth image has three captions
WORDS = [
    "a",
    "small",
    "large",
    "red",
    "blue",
    "green",
    "yellow",
    "circle",
    "square",
    "star",
    "on",
    "the",
    "left",
    "of",
    "right",
    "beside",
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
Row = dict[str, Any]


@dataclass
class Version:
    """A running service, what it is called, and the images that were claimed in it."""

    name: str
    stack: Stack
    claimed: list[int] = field(default_factory=list)


Ask = Callable[[Version], None]


def main() -> None:
    """Fill, start, measure and print a table for each database."""
    chosen = _parser().parse_args()
    versions = {"before": chosen.against, "now": ""} if chosen.against else {"now": ""}
    for database in chosen.databases.split(","):
        with ExitStack() as opened:
            running = [
                Version(name, opened.enter_context(_service(database, checkout, chosen.images)))
                for name, checkout in versions.items()
            ]
            report = _measured(running, READS, chosen.reads) | _measured(
                running, WRITES, chosen.writes
            )
        _print(database, chosen.images, report)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", default="", help="another checkout, with its .venv")
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--reads", type=int, default=25, help="rounds of lists and index.csv")
    parser.add_argument("--writes", type=int, default=150, help="rounds of claims and saves")
    return parser


# -- what is measured


def _get(path: str, **query: str) -> Ask:
    def ask(version: Version) -> None:
        version.stack.http.get(f"/datasets/{DATASET}/{path}", params=query).raise_for_status()

    return ask


def _claim(version: Version) -> None:
    query = {"holder": secrets.token_hex(8)}
    answer = version.stack.http.post(f"/datasets/{DATASET}/claim", params=query)
    version.claimed.append(answer.raise_for_status().json()["id"])


def _save(base_revision: int, slot: int) -> Ask:
    """A caption of the image that was claimed last, answered when it is durable."""

    def ask(version: Version) -> None:
        body = {
            "text": " ".join(random.choices(WORDS, k=10)),
            "base_revision": base_revision,
            "client_id": secrets.token_hex(12),
            "slot": slot,
        }
        path = f"/images/{version.claimed[-1]}/caption"
        answer = version.stack.http.put(path, json=body, headers={"Prefer": "wait=30"})
        assert answer.status_code == 200, answer.text

    return ask


READS: dict[str, Ask] = {
    "list, first page": _get("images", limit="100"),
    "list, captioned": _get("images", limit="100", status="captioned"),
    "list, uncaptioned": _get("images", limit="100", status="uncaptioned"),
    "list, q of many": _get("images", limit="100", q="wooden"),
    "list, q of none": _get("images", limit="100", q="zeppelin"),
    "list, by one of four people": _get("images", limit="100", by="anna"),
    "list, with several captions": _get("images", limit="100", has="several"),
    "the ids of all": _get("images/ids"),
    "index.csv": _get("files/index.csv"),
}
WRITES: dict[str, Ask] = {
    "claim": _claim,
    "save a first caption": _save(0, 0),
    "save another over it": _save(1, 0),
    "save a second caption": _save(0, 1),
}


def _measured(
    running: list[Version], asked: dict[str, Ask], rounds: int
) -> dict[str, dict[str, list[float]]]:
    """Milliseconds by what was asked and by version; the first round warms up and is left out."""
    times: dict[str, dict[str, list[float]]] = {}
    for number in range(rounds + 1):
        for what, ask in asked.items():
            for version in running if number % 2 else reversed(running):
                began = time.perf_counter()
                ask(version)
                took_ms = 1000 * (time.perf_counter() - began)
                own = times.setdefault(what, {one.name: [] for one in running})[version.name]
                own += [took_ms] if number else []
    return times


def _print(database: str, images: int, report: dict[str, dict[str, list[float]]]) -> None:
    names = list(next(iter(report.values())))
    print(f"\n{database}, {images:,} images, median ms\n")
    print(f"| | {' | '.join(names)} |" + (" ratio |" if len(names) > 1 else ""))
    print("| --- " * (len(names) + 1 + (len(names) > 1)) + "|")
    medians = {
        what: [statistics.median(own[name]) for name in names] for what, own in report.items()
    }
    for what, found in medians.items():
        ratio = f" {found[-1] / found[0]:.2f} |" if len(found) > 1 else ""
        print(f"| {what} | {' | '.join(f'{each:.1f}' for each in found)} |{ratio}")
    print(json.dumps({database: medians}), flush=True)


# -- a service with a large dataset


@contextmanager
def _service(database: str, checkout: str, images: int) -> Iterator[Stack]:
    """A stack of a version, on its own folder and database, filled before it starts."""
    with server_folder() as folder, ExitStack() as opened:
        data_dir = folder / "data"
        url = f"sqlite:///{data_dir / 'clip-browser.db'}"
        if database == "postgresql":
            url = opened.enter_context(postgres_server(_folder(folder / "server"))).url
        environment = {"CLIP_BROWSER_DATABASE_URL": url, "CLIP_BROWSER_DATA_DIR": str(data_dir)}
        subprocess.run(
            [program_of(checkout), "migrate"],
            check=True,
            cwd=checkout or None,
            env={**os.environ, **environment, **in_checkout(checkout)},
        )
        fill(url, images)
        yield opened.enter_context(running_stack(data_dir, checkout=checkout, **environment))


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


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
