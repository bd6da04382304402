"""Caption files with broken quotes, odd encodings, deep JSON, endless lines and paths."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from common.captions.files import read_captions
from common.captions.text import MAX_CAPTION_CHARS
from tests.hostile.names import odd_name
from workers.cpu.captions.matching import NamedImage, plan_import

IMAGES = [NamedImage(number, f"set/{number}.png", {}, f"{number:064x}") for number in range(500)]
SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".txt", ".caption")


def take(data: bytes) -> None:
    """As an import does, up to what would be written. Raises InvalidInput."""
    parsed = read_captions(data[1:], f"a{SUFFIXES[data[0] % len(SUFFIXES)]}")
    plan = plan_import(parsed.rows, IMAGES)
    for change in plan.changes:
        assert 0 < len(change.text) <= MAX_CAPTION_CHARS
        change.text.encode()
    assert len(parsed.rows) <= data.count(b"\n") + data.count(b"\r") + data.count(b"{") + 20


def make(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """(what it is, a byte that chooses the suffix and the file), without an end."""
    kinds: list[tuple[str, Callable[[random.Random], bytes]]] = [
        ("rows at odds with the header", rows), ("quotes", quotes), ("an encoding of its own", encoded),
        ("an endless line", endless), ("deep paths", deep), ("JSON of other types", odd_json),
        ("deep JSON", deep_json), ("bytes", noise), ("the same image again and again", again),
        ("formulas", formulas),
    ]  # fmt: skip
    while True:
        for what, build in kinds:
            yield what, bytes([rng.randrange(256)]) + build(rng)


def word(rng: random.Random) -> str:
    return odd_name(rng)[:3000]


def header(rng: random.Random) -> str:
    sign = rng.choice("\t,;|")
    return sign.join(rng.sample(["filepath", "title", "image", "caption", "tag", "Title", ""], 3))


def rows(rng: random.Random) -> bytes:
    sign = rng.choice("\t,;")
    lines = [header(rng)] + [
        sign.join(word(rng) for _ in range(rng.randint(0, 5))) for _ in range(rng.randint(0, 60))
    ]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def quotes(rng: random.Random) -> bytes:
    cells = ['"', '""', '"a', 'a"', '"a\nb"', "'", "\\"]
    lines = [",".join(rng.choices(cells, k=rng.randint(1, 4))) for _ in range(rng.randint(1, 400))]
    return ("image,caption\n" + "\n".join(lines)).encode()


def encoded(rng: random.Random) -> bytes:
    text = "filepath\ttitle\n" + "".join(f"set/{n}.png\t{word(rng)}\n" for n in range(20))
    name = rng.choice(
        ("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7", "cp1252", "shift_jis")
    )
    return text.encode(name, "replace")


def endless(rng: random.Random) -> bytes:
    line = rng.choice(("x" * 2_000_000, "a,b," * 300_000, '"' + "y\n" * 200_000, "\t" * 500_000))
    return f"image,caption\n{line}\nset/1.png,a dog\n".encode()


def deep(rng: random.Random) -> bytes:
    path = rng.choice(("a/" * 240, "../" * 100, "./" * 200, "/" * 400, "a\\" * 240))
    return ("filepath\ttitle\n" + f"{path}{rng.randrange(500)}.png\tx\n" * 400).encode()


def odd_json(rng: random.Random) -> bytes:
    values: list[Any] = [
        None,
        True,
        1e308,
        float("nan"),
        [],
        {},
        [[]],
        "x",
        "\ud800",
        ["a", 1],
        {"a": "b"},
    ]
    objects = [
        {rng.choice(["image", "file_name", "x"]): rng.choice(values),
         rng.choice(["caption", "captions", "text"]): rng.choice(values)}
        for _ in range(rng.randint(1, 50))
    ]  # fmt: skip
    if rng.random() < 0.5:
        return json.dumps(objects).encode()
    return "\n".join(json.dumps(each) for each in objects).encode()


def deep_json(rng: random.Random) -> bytes:
    count = rng.choice((10, 1000, 100_000))
    return rng.choice((b"[" * count, b'{"a":' * count, b"[" * count + b"]" * count, b"9" * count))


def noise(rng: random.Random) -> bytes:
    return rng.randbytes(rng.randint(0, 5000))


def again(rng: random.Random) -> bytes:
    name = f"set/{rng.randrange(500)}.png"
    return ("image,caption\n" + "".join(f"{name},number {n}\n" for n in range(5000))).encode()


def formulas(rng: random.Random) -> bytes:
    starts = rng.choices(
        ("=cmd|' /C calc'!A0", "+1+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "NA", "nan"), k=20
    )
    lines = [f"set/{number}.png\t{text}" for number, text in enumerate(starts)]
    return ("filepath\ttitle\n" + "\n".join(lines)).encode()
