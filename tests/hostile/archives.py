"""Zips that lie, hide, repeat themselves or unpack without an end."""

from __future__ import annotations

import io
import random
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from common.archives import ArchiveLimits
from common.captions.files import read_captions
from common.errors import InvalidInput
from tests.hostile.names import odd_name
from workers.cpu.images.verification import count_upload, iterate_upload
from workers.gpu.models.import_child import unpack

LIMITS = ArchiveLimits(max_total_bytes=256 * 2**20)


def take(data: bytes) -> None:
    """As an upload, a caption file and a model. Raises InvalidInput when nothing of it can be taken."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.zip"
        path.write_bytes(data)
        count_upload(path, LIMITS)
        taken = 0
        for file in iterate_upload(path, "a.zip", LIMITS):
            assert file.kind != "rejected" or file.reason
            taken += file.kind != "rejected"
        for read in (
            lambda: read_captions(data, "a.zip"),
            lambda: unpack(path, Path(folder) / "m"),
        ):
            with suppress(InvalidInput):
                read()
        assert {each.name for each in Path(folder).iterdir()} <= {"a.zip", "m"}
    if not taken:
        raise InvalidInput("nothing was taken")


def make(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """(what it is, the file), without an end."""
    kinds: list[tuple[str, Callable[[random.Random], bytes]]] = [
        ("odd names", odd), ("cut short", cut), ("bytes changed", changed), ("a bomb", bomb),
        ("links and devices", linked), ("an archive inside", nested), ("one entry listed often", listed),
        ("a lying end", lying_end), ("locked or packed by other means", flagged), ("twice the same", twice),
    ]  # fmt: skip
    while True:
        for what, build in kinds:
            yield what, build(rng)


def zipped(entries: list[tuple[zipfile.ZipInfo | str, bytes]]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in entries:
            out.writestr(name, data)
    return file.getvalue()


def plain(rng: random.Random) -> bytes:
    names = rng.sample(["a/b.png", "c.txt", "index.csv", "open_clip_config.json", "d.jsonl"], 3)
    return zipped([(name, rng.randbytes(rng.randint(0, 400))) for name in names])


def odd(rng: random.Random) -> bytes:
    entries: list[tuple[zipfile.ZipInfo | str, bytes]] = []
    for _ in range(rng.randint(1, 12)):
        name = odd_name(rng).encode("utf-8", "replace").decode()[:60_000].replace("\0", "x") or "x"
        entries.append((zipfile.ZipInfo(name), b"a\tb\n"))
    return zipped(entries)


def cut(rng: random.Random) -> bytes:
    data = plain(rng)
    return data[: rng.randint(0, len(data))]


def changed(rng: random.Random) -> bytes:
    data = bytearray(plain(rng))
    for _ in range(rng.choice((1, 3, 20))):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def bomb(rng: random.Random) -> bytes:
    name = rng.choice(("a.png", "a.csv", "open_clip_model.safetensors"))
    return zipped(
        [(name, bytes(rng.choice((3_000_000, 70_000_000)))), ("open_clip_config.json", b"{}")]
    )


def linked(rng: random.Random) -> bytes:
    info = zipfile.ZipInfo(rng.choice(("a.png", "open_clip_config.json")))
    info.external_attr = rng.choice((0o120777, 0o060666, 0o010666, 0o140777)) << 16
    return zipped([(info, b"/etc/passwd")])


def nested(rng: random.Random) -> bytes:
    return zipped([(rng.choice(("a.zip", "a.png", "a.csv", "b.tar.gz")), plain(rng))])


def listed(rng: random.Random) -> bytes:
    """A directory that names the same bytes many times (D. Fifield, "A better zip bomb", 2019)."""
    data = zipped([("a.png", bytes(100_000))])
    at = data.find(b"PK\1\2")
    end = data.find(b"PK\5\6")
    entry, count = data[at:end], rng.choice((50, 2000))
    entries = b"".join(entry.replace(b"a.png", b"%05d" % number) for number in range(count))
    tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(entries), at, 0)
    return data[:at] + entries + tail


def lying_end(rng: random.Random) -> bytes:
    data = bytearray(plain(rng))
    end = data.rfind(b"PK\5\6")
    at = end + rng.choice((4, 6, 8, 10, 12, 16, 20))
    data[at : at + 2] = rng.choice((b"\xff\xff", b"\0\0", b"\xff\x7f"))
    return bytes(data)


def flagged(rng: random.Random) -> bytes:
    data = bytearray(plain(rng))
    at = data.find(b"PK\1\2")
    data[at + 8] |= rng.choice((0x1, 0x40, 0x8))
    data[at + 10] = rng.choice((0, 8, 9, 12, 14, 93, 99))
    return bytes(data)


def twice(rng: random.Random) -> bytes:
    file = io.BytesIO(plain(rng))
    with zipfile.ZipFile(file, "a") as out:
        for info in out.infolist()[:2]:
            again = zipfile.ZipInfo(info.filename)
            out.writestr(again, rng.randbytes(10))
    return file.getvalue()
