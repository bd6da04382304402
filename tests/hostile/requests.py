"""Requests that break HTTP, hide another request in themselves, or say what no client of ours says."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from common.errors import InvalidInput
from tests.hostile.names import odd_name
from tests.hostile.served import Target

DOCUMENT = Path(__file__).parents[2] / "web" / "openapi.json"  # the code's, as `lint` says
HIDDEN = "/api/v1/hidden-in-another"
HIDDEN_REQUEST = f"GET {HIDDEN} HTTP/1.1\r\nHost: x\r\n\r\n"
TOKEN, DATASET, JOB = "TOKEN-OF-THE-CASE", "DATASET-OF-THE-CASE", "JOB-OF-THE-CASE"
UPLOADS = ("images", "captions", "models", "uploads")
WAITS_FOR_A_WORKER = re.compile(r"/search|/similar|/map|/neighbou?rs")
NUMBERS = (
    "1e400",
    "-1e400",
    "9" * 400,
    "9" * 5000,
    "-0",
    "1" + "0" * 300 + ".5",
    "NaN",
    "0x10",
    "01",
)
TEXTS = (
    '"\\ud800"',
    '"\\u0000"',
    '"' + "a" * 3000 + '"',
    '"\\ud83d\\ude00"',
    '"\\q"',
    '"\t"',
    '""',
)
METHODS = ("PROPFIND", "TRACE", "CONNECT", "DELETE", "get", "G T", "POST", "PRI", "M-SEARCH", "X" * 300,
           "\x00GET", "HEAD", "OPTIONS", "PATCH", "GET\t")  # fmt: skip


def take(target: Target, data: bytes) -> None:
    """Send it. Raises InvalidInput when it was refused, AssertionError when it was taken for what it is not."""
    for name, value in ((TOKEN, target.token()), (DATASET, target.dataset), (JOB, target.job)):
        data = data.replace(
            name.encode(), value.encode()
        )  # before any length that counts it: same length
    answers = target.say(data)
    for each in answers:
        is_no_coding = each.status == 501 and b"transfer-encoding" in data.lower()
        is_full = each.status in (429, 503) and b"\r\nRetry-After: " in each.head
        assert each.status < 500 or is_no_coding or is_full, (each.status, each.body[:300])
        assert HIDDEN.encode() not in each.body, f"the hidden request was answered: {each.body!r}"
        assert b"Traceback" not in each.body
    if answers[-1].status == 0 or answers[-1].status >= 400:
        raise InvalidInput(f"answered {answers[-1].status}")


def make(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """(what it is, the bytes), without an end."""
    kinds: list[tuple[str, Callable[[random.Random], bytes]]] = [
        ("a broken first line", first_line), ("a broken header", header), ("two lengths", two_lengths),
        ("a length and chunks", length_and_chunks), ("chunks of a wrong size", chunks),
        ("an odd method", method), ("an odd path", path), ("an odd query", query),
        ("a header's odd value", value), ("broken multipart", multipart), ("broken JSON", broken_json),
        ("odd JSON", odd_json), ("bytes", noise), ("several at once", several), ("cut short", cut),
    ]  # fmt: skip
    while True:
        for what, build in kinds:
            yield what, build(rng)


def whole(line: str, body: bytes = b"", *headers: str) -> bytes:
    """A request of somebody who is signed in."""
    lines = [line, "Host: x", f"Authorization: Bearer {TOKEN}", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace") + body


@cache
def routes() -> list[tuple[str, str]]:
    """(method, rule) of the document, but for those that wait for a worker, and signing out."""
    document = json.loads(DOCUMENT.read_text())
    found = [
        (method.upper(), rule)
        for rule, item in document["paths"].items()
        for method in item
        if method in ("get", "post", "put", "patch", "delete")
    ]
    return [
        each for each in found if not WAITS_FOR_A_WORKER.search(each[1]) and "logout" not in each[1]
    ]


def address(rng: random.Random, rule: str) -> str:
    """A route's, with what is there in most places, and with odd names in others."""

    def named(found: re.Match[str]) -> str:
        there = {"dataset_id": DATASET, "job_id": JOB}.get(found[1], "1")
        return there if rng.random() < 0.8 else quote(odd_name(rng)[:200], errors="replace")

    return re.sub(r"{(\w+)}", named, rule)


def first_line(rng: random.Random) -> bytes:
    target = rng.choice(("/healthz", "*", "", "http://[", "http://evil.example/healthz", "//evil.example",
                         "/" + "a" * rng.choice((8000, 9000, 40_000)), "x", "/a b", "/\x7f", "/é"))  # fmt: skip
    version = rng.choice(("HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/9.9", "HTTP/1.10", "", "http/1.1", "HTTP/1.1 "))  # fmt: skip
    end = rng.choice(("\r\n", "\n", "\r", "\r\n\r\n", "\x00\r\n"))
    return f"{rng.choice(('GET', 'POST', ''))} {target} {version}{end}Host: x\r\n\r\n".encode()


def header(rng: random.Random) -> bytes:
    lines = rng.choice((
        ["X Y: 1"], [": 1"], ["X: 1", " folded"], ["X\x00: 1"], ["X: a\x00b"], ["X: a\rb"], ["NoColon"],
        ["Host: y"], ["Host: a\r\nHost: b"], ["X: " + "a" * 9000], [f"X-{n}: 1" for n in range(120)],
        ["X_Y: 1"], ["Content-Type: a/b", "Content-Type: c/d"], ["Content-Length : 5"], ["Transfer-Encoding : chunked"],
        ["Connection: close, keep-alive"], ["Expect: nothing"], ["X: \xff\xfe"], ["\ufeffX: 1"],
    ))  # fmt: skip
    return whole("GET /api/v1/datasets HTTP/1.1", b"", *lines)


def two_lengths(rng: random.Random) -> bytes:
    first, second = rng.sample(
        ["0", "5", "44", "+5", "-1", "5, 5", "0x5", "5 ", "\xb2", "1e1", "9" * 30], 2
    )
    lines = [f"Content-Length: {first}"]
    if first.strip().isdecimal() or rng.random() < 0.7:
        lines.append(rng.choice((f"Content-Length: {second}", f"content-length:{second}")))
    return whole(f"POST {HIDDEN[:8]}datasets HTTP/1.1", b"", *lines) + HIDDEN_REQUEST.encode()


def length_and_chunks(rng: random.Random) -> bytes:
    coding = rng.choice(("chunked", "Chunked", "chunked, chunked", "identity", "gzip, chunked", "chunked, gzip",
                         "xchunked", "\x0bchunked", "chunked;q=1", "chunked, identity", '"chunked"', ""))  # fmt: skip
    lines = [f"Transfer-Encoding: {coding}"]
    if coding.lower() == "chunked" or rng.random() < 0.8:  # alone it would hide nothing
        lines.insert(rng.randint(0, 1), f"Content-Length: {rng.choice((0, 3, 4, 5, 200))}")
    if rng.random() < 0.3:
        lines.append(rng.choice(("Transfer-Encoding: identity", "Transfer-Encoding: chunked")))
    version = rng.choice(("1.1", "1.1", "1.0"))
    body = "0\r\n\r\n" if rng.random() < 0.6 else f"{len(HIDDEN_REQUEST):x}\r\n"
    return whole(f"POST /api/v1/datasets HTTP/{version}", b"", *lines) + f"{body}{HIDDEN_REQUEST}".encode()  # fmt: skip


def chunks(rng: random.Random) -> bytes:
    size = rng.choice(("ZZ", "-1", "0x5", "5;a=\r", "ffffffffffffffffff", "", "+5", "5 5", "05" * 5000, "5\n", "4",
                       "6", '5;a="b"', "5;" + "x" * 9000, "\x00"))  # fmt: skip
    end = rng.choice(
        (
            "0\r\n\r\n",
            "0\r\nX: 1\r\n\r\n",
            "0\r\nContent-Length: 5\r\n\r\n",
            "",
            "0\r\nbroken",
            "0\n\n",
        )
    )
    body = f"{size}\r\n" + '{"a":' + f"\r\n{end}"
    kind, rule = rng.choice((("application/json", "/api/v1/datasets"), ("multipart/form-data; boundary=b", f"/api/v1/datasets/{DATASET}/images"),
                             ("multipart/form-data; boundary=b", f"/api/v1/datasets/{DATASET}/captions"), ("application/json", "/api/v1/auth/login")))  # fmt: skip
    lines = (f"Content-Type: {kind}", "Transfer-Encoding: chunked")
    return whole(f"POST {rule} HTTP/1.1", b"", *lines) + body.encode()


def method(rng: random.Random) -> bytes:
    _, rule = rng.choice(routes())
    return whole(f"{rng.choice(METHODS)} {address(rng, rule)} HTTP/1.1")


def path(rng: random.Random) -> bytes:
    parts = ("%00", "..", "%2e%2e", "%2E%2E%2f", ".", "//", "%", "%zz", "%ff%fe", "%c0%ae", "\\", "%5c", "a" * 500,
             "%0d%0aX: 1", ";", "%3f", "#x", "api", "v1", "datasets", "assets", "etc/passwd", "%ed%a0%80",
             "9" * 400, "-1", "%2500", "~root", "socket.io")  # fmt: skip
    start = rng.choice(
        ("/", "/api/v1/", "/assets/", "/api/v1/datasets/", "/api/v1/images/", "/api/v1/jobs/")
    )
    return whole(f"GET {start}{'/'.join(rng.choices(parts, k=rng.randint(1, 6)))} HTTP/1.1")


def query(rng: random.Random) -> bytes:
    names = (
        "q",
        "cursor",
        "limit",
        "status",
        "state",
        "kind",
        "dataset_id",
        "offset",
        "model",
        "k",
        "x",
        "",
        "%00",
    )
    values = (
        "%00",
        "%ff",
        "-1",
        "9" * 400,
        "a" * 3000,
        "",
        "%ed%a0%80",
        "1e5",
        "[]",
        "'",
        "%25",
        "..",
        "null",
        "NaN",
    )
    asked = "&".join(
        f"{rng.choice(names)}={rng.choice(values)}" for _ in range(rng.choice((1, 2, 5, 200)))
    )
    gets = [rule for each, rule in routes() if each == "GET"]
    return whole(f"GET {address(rng, rng.choice(gets))}?{asked[:7000]} HTTP/1.1")


def value(rng: random.Random) -> bytes:
    name = rng.choice(("Range", "If-Modified-Since", "If-None-Match", "If-Range", "Accept", "Accept-Encoding", "Cookie",
                       "Origin", "Prefer", "X-Request-Id", "X-Forwarded-For", "User-Agent", "Content-Type",
                       "Upload-Offset", "Authorization", "Referer", "Host", "Accept-Language", "Forwarded"))  # fmt: skip
    odd = ("bytes=0-" + "9" * 30, "bytes=" + "0-1," * 500, "bytes=5-1", "Mon, 01 Jan 99999 00:00:00 GMT", "http://[", "http://[::1",
           "http://\u2100.example", '"' + "a" * 2000, "wait=1e400", "wait=-1", "wait=nan", "wait=" + "9" * 400, "a" * 7000,
           "*/*;q=1e999", ";" * 500, "=" * 500, "a=" + "b;" * 500, "clip_browser_session=.eJw.x", "multipart/form-data; boundary=",
           "application/json; charset=utf-7", "application/json; charset=\xff", "::1, [", "Bearer \xff\xfe", "Bearer", "Basic =",
           "[", "a..b", "x:99999", "\xe9", "-1", "Sun, 31 Feb 2024 99:99:99 +9999")  # fmt: skip
    what = rng.choice((
        ("GET /api/v1/images/1/file", b""), ("GET /api/v1/datasets", b""), ("POST /api/v1/datasets", b'{"name":"x"}'),
        ("POST /api/v1/auth/login", b'{"username":"a","password":"b"}'), ("GET /", b""), ("PUT /api/v1/images/1/caption", b"{}"),
        (f"GET /api/v1/datasets/{DATASET}/files/index.csv", b""), ("GET /api/v1/images/1/thumb", b""),
    ))  # fmt: skip
    line = f"{name}: {rng.choice(odd)}"
    data = whole(f"{what[0]} HTTP/1.1", what[1], *([] if name == "Content-Type" else ["Content-Type: application/json"]), line)  # fmt: skip
    without_token = f"Authorization: Bearer {TOKEN}\r\n".encode()
    return data.replace(without_token, b"") if rng.random() < 0.5 else data


def multipart(rng: random.Random) -> bytes:
    disposition = rng.choice((
        'form-data; name="files"; filename="a.png"', 'form-data; name="file"; filename="../../a.csv"', "form-data", "",
        'form-data; name="files"; filename="\x00"', "form-data; name*=utf-8''%ff; filename*=utf-7''x", 'form-data; name="files"; filename="' + "a" * 9000 + '"',
        'form-data; name="file', "attachment; filename=a", 'form-data; name="image"; filename=""',
    ))  # fmt: skip
    part = f"--b\r\nContent-Disposition: {disposition}\r\n" + rng.choice(("", "Content-Type: \xff\r\n", "X: " + "y" * 70_000 + "\r\n"))  # fmt: skip
    end = rng.choice(("\r\n--b--\r\n", "\r\n--b", "", "\r\n--c--\r\n", "\r\n--b--\r\n--b--\r\n"))
    body = (rng.choice(("", "\r\n", "preamble\r\n", "--b" * 500)) + part + "\r\n").encode("utf-8") + rng.randbytes(rng.choice((0, 10, 3000))) + end.encode()  # fmt: skip
    boundary = rng.choice(("b", "b", "b", "", '"b', "c", "b" * 300, "\xff"))
    uploads = [each for each in routes() if each[0] == "POST" and each[1].rstrip("s").endswith(tuple(u.rstrip("s") for u in UPLOADS))]  # fmt: skip
    verb, rule = rng.choice(uploads)
    return whole(f"{verb} {address(rng, rule)} HTTP/1.1", body, f"Content-Type: multipart/form-data; boundary={boundary}")  # fmt: skip


def to_a_route(rng: random.Random, body: bytes) -> bytes:
    changing = [each for each in routes() if each[0] != "GET"]
    verb, rule = rng.choice(changing)
    kind = rng.choice(
        ("application/json",) * 6
        + ("application/json; charset=utf-16", "text/json", "application/x+json")
    )
    return whole(f"{verb} {address(rng, rule)} HTTP/1.1", body, f"Content-Type: {kind}")


def broken_json(rng: random.Random) -> bytes:
    texts = (b'{"name":"x"', b"{", b"]", b'{"name":}', b"nul", b"'a'", b'{"a":1,}', b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}",
             b"[" * rng.choice((40, 2000, 100_000)), b'{"a":' * rng.choice((40, 2000)), b"[]" * 3000, b'"' + b"\\" * 3001,
             b'{"name":"\xed\xa0\x80"}', b'{"name":"\xc3"}', b"{}{}", b"\x00", b"{}" + b"\x00" * 100, b"/*x*/{}")  # fmt: skip
    return to_a_route(rng, rng.choice(texts))


def odd_json(rng: random.Random) -> bytes:
    names = ("name", "text", "username", "password", "kind", "params", "mode", "image_ids", "priority", "role", "token",
             "base_revision", "client_id", "find", "regex", "rooms", "model", "a", "__proto__", "\\ud800", "")  # fmt: skip

    def some(depth: int) -> str:
        which = rng.randrange(6 if depth < 5 else 3)
        if which == 0:
            return rng.choice((*NUMBERS, "1", "0", "-1", "1.5"))
        if which <= 2:
            return rng.choice((*TEXTS, "true", "false", "null", json.dumps(odd_name(rng)[:300])))
        if which == 3:
            return (
                "["
                + ",".join(
                    some(depth + 1) for _ in range(rng.choice((0, 1, 3, 300 if depth < 2 else 3)))
                )
                + "]"
            )
        return anything(depth)

    def anything(depth: int) -> str:
        return (
            "{"
            + ",".join(f'"{rng.choice(names)}":{some(depth + 1)}' for _ in range(rng.randint(0, 5)))
            + "}"
        )

    return to_a_route(rng, (anything(0) if rng.random() < 0.8 else some(0)).encode())


def noise(rng: random.Random) -> bytes:
    starts = (b"", b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\n",
              b"\x00" * 40, b"\r\n\r\n\r\n", b"*1\r\n$4\r\nPING\r\n", b"SSH-2.0-x\r\n")  # fmt: skip
    return (
        rng.choice(starts)
        + rng.randbytes(rng.choice((0, 5, 300, 40_000)))
        + rng.choice((b"", b"\r\n\r\n"))
    )


def several(rng: random.Random) -> bytes:
    """In one piece: each is answered, in its order, or the line is closed."""
    makers: list[Any] = [path, query, odd_json, method, broken_json]
    said = b"".join(rng.choice(makers)(rng) for _ in range(rng.choice((2, 5, 20))))
    return said.replace(b"HEAD /", b"PATCH /")  # its answer has a length and no body


def cut(rng: random.Random) -> bytes:
    data = rng.choice((multipart, odd_json, query, value))(rng)
    return data[: rng.randint(1, len(data))]
