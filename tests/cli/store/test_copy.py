"""`clip-browser store copy`, between two real servers and a folder, killed in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.store import ArtifactStore, open_store
from tests.server_programs import s3_kinds
from tests.servers import S3_SERVERS, Server, free_port, server_folder
from tests.system.chaos.everything.store_line import StoreLine
from tests.system.chaos.tcp_proxy import CHUNK

KIB = 1024
COUNT = 150


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    """Two S3 servers, of two kinds where two are here."""
    first, second = s3_kinds()[0], s3_kinds()[-1]
    with (
        server_folder() as here,
        server_folder() as there,
        S3_SERVERS[first](here) as source,
        S3_SERVERS[second](there) as target,
    ):
        yield source, target


class Dam(StoreLine):
    """A line to a store that lets so many bytes pass and holds back all else: no copy of more comes to its end."""

    def __init__(self, url: str, passes_bytes: float) -> None:
        port = int(url.rpartition("@")[2].split("/")[0].rpartition(":")[2])
        self.passes_bytes = passes_bytes
        super().__init__(port)
        self.url = url.replace(f":{port}/", f":{self.port}/")

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                while self.passes_bytes < len(data):
                    await asyncio.sleep(0.05)
                self.passes_bytes -= len(data)
                writer.write(data)
                await writer.drain()


@pytest.fixture
def dam(servers: tuple[Server, Server]) -> Iterator[Dam]:
    """Before the second server; half of what is copied passes."""
    made = Dam(servers[1].url, 12 * KIB * KIB)
    yield made
    made.close()


def fill(store: ArtifactStore, count: int = COUNT) -> dict[str, bytes]:
    """Artifacts of many sizes, none among them."""
    dice = random.Random(7)
    held = {
        f"datasets/cats/images/{n % 7}/{n:04}.png": dice.randbytes(dice.randrange(300 * KIB))
        for n in range(count)
    }
    held["models/ViT-B-32/weights.safetensors"] = dice.randbytes(17 * KIB * KIB)
    held["datasets/cats/empty.csv"] = b""
    for key, content in held.items():
        store.put_bytes(key, content)
    return held


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", "store", "copy", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def copy(*words: str, expect: int = 0) -> dict[str, Any]:
    run = start(*words, "--json")
    out, err = run.communicate(timeout=120)
    assert run.returncode == expect, err
    return dict(json.loads(out)) if out else {"error": err}


def held_by(store: ArtifactStore) -> dict[str, bytes]:
    return {item.key: store.get_bytes(item.key) for item in store.list()}


def test_a_copy_that_is_killed_goes_on_and_tells_what_differs(
    servers: tuple[Server, Server], dam: Dam, tmp_path: Path
) -> None:
    source, target = (open_store(server.url) for server in servers)
    held = fill(source)
    journal = tmp_path / "journal.jsonl"
    words = (servers[0].url, dam.url, "--journal", str(journal))
    killed = start(*words)
    until = time.monotonic() + 60
    while not journal.is_file() or journal.read_text().count("\n") < 10:
        assert time.monotonic() < until
        assert killed.poll() is None
        time.sleep(0.005)
    killed.kill()
    killed.communicate()
    done = journal.read_text().count("\n")
    assert 10 <= done < len(held)
    dam.passes_bytes = math.inf

    rest = copy(*words)
    assert rest["is_whole"]
    assert sum(rest["counts"].values()) == len(held)
    assert rest["counts"]["same"] >= done - 1
    assert held_by(target) == held

    changed, extra = "datasets/cats/images/3/0003.png", "runs/old/log.txt"
    rotten = bytes([held[changed][0] ^ 1]) + held[changed][1:]
    target.put_bytes(changed, rotten)
    target.put_bytes(extra, b"only here")
    target.delete("datasets/cats/empty.csv")
    told = copy(*words, "--compare", expect=1)
    assert {(step["key"], step["outcome"]) for step in told["noted"]} == {
        (changed, "differs"), ("datasets/cats/empty.csv", "missing"),
    }  # fmt: skip
    assert told["only_in_target"] == [extra]
    assert target.get_bytes(changed) == rotten

    again = copy(*words)
    assert again["counts"] == {"same": len(held) - 2, "replaced": 1, "copied": 1}
    assert held_by(target) == {**held, extra: b"only here"}


def test_without_its_notes_a_copy_compares_and_goes_on(
    servers: tuple[Server, Server], tmp_path: Path
) -> None:
    source = open_store(f"file://{tmp_path}/store")
    held = fill(source, 20)
    target = f"{servers[0].url.replace('clip-browser-tests', 'second-bucket')}"
    (tmp_path / "target").write_text(target + "\n")
    first = copy(f"file://{tmp_path}/store", f"@{tmp_path}/target", "--journal", f"{tmp_path}/1")
    assert first["counts"] == {"copied": len(held)}
    second = copy(f"file://{tmp_path}/store", target, "--journal", f"{tmp_path}/2")
    assert second["counts"] == {"same": len(held)}
    assert held_by(open_store(target)) == held


def test_a_store_that_is_away_and_one_that_is_named_twice_are_said(tmp_path: Path) -> None:
    away = f"s3://key:hidden-secret@127.0.0.1:{free_port()}/bucket?secure=0"
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "a").write_bytes(b"x")
    here = f"file://{tmp_path}/store"
    notes = ("--journal", str(tmp_path / "journal"))
    for words in ((here, away), (away, here)):
        said = copy(*words, *notes, expect=1)["error"]
        assert "does not answer" in said
        assert "hidden-secret" not in said
    assert "are the same" in copy(here, here, *notes, expect=1)["error"]
