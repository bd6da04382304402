"""Connections that break Engine.IO, Socket.IO or WebSocket, or send what no dashboard sends.

A case is JSON: how the line is asked for, and what is sent on it. Whoever is not closed for that gets the answer to
a question at its end: the line works as before.
"""

from __future__ import annotations

import base64
import json
import random
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from common.errors import InvalidInput
from tests.hostile.served import SOCKET_PATH, Answer, Target, answers_in, read_to_end

Case = dict[str, Any]
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
QUESTION = '42777["subscribe",{"rooms":["jobs"]}]'
PATIENCE_S = 0.3  # until the answer, before the line says that it will send nothing more
ODD = ("null", "7", "[]", "{}", '""', '"jobs"', "true", "1e999", "[[]]", '{"rooms":"jobs"}', '{"rooms":[1,null,{}]}',
       '{"rooms":["job:\\ud800","dataset:\\u0000","x y","job:","jobs "]}', '{"rooms":["dataset:' + "a" * 5000 + '"]}',
       '{"rooms":["jobs"],"batched":"yes"}', '{"dataset_id":"\\ud800","image_id":1}', '{"dataset_id":{"a":1}}',
       '{"dataset_id":"there","image_id":' + "9" * 90 + "}", '{"_placeholder":true,"num":0}', "9" * 101)  # fmt: skip
EVENTS = (
    "subscribe",
    "unsubscribe",
    "presence",
    "job",
    "message",
    "*",
    "__class__",
    "a" * 3000,
    "",
    "\\ud800",
)


def take(target: Target, data: bytes) -> None:
    """Open the line and say it all. Raises InvalidInput when it was refused or closed."""
    case = json.loads(data)
    case["head"] = case["head"].replace("TOKEN", target.token())
    if case["kind"] == "polls":
        _poll(target, case)
        return
    with socket.create_connection(target.address, 5) as wire:
        wire.sendall(case["head"].encode("latin-1"))
        opened = _read_head(wire)
        if b" 101 " not in opened[:14]:
            wire.shutdown(socket.SHUT_WR)
            _require_refusal(answers_in(opened + read_to_end(wire))[0])
            raise InvalidInput("no line was opened")
        if not _is_taken(wire, case):
            raise InvalidInput("the line was closed")


def _is_taken(wire: socket.socket, case: Case) -> bool:
    """Whether the question at the end is answered; the line is closed otherwise."""
    frames = [base64.b64decode(each) for each in case["frames"]]
    try:
        for each in [*frames, frame(QUESTION.encode())] if case["asks"] else frames:
            wire.sendall(each)
        if case["asks"] and _is_answered(wire):
            return True
    except ConnectionError:
        return False
    with suppress(OSError):
        wire.shutdown(socket.SHUT_WR)
    read_to_end(wire)
    return False


def _poll(target: Target, case: Case) -> None:
    """The same without a WebSocket: a request for the line, one for each thing said, and one that ends it."""
    [opened] = target.say(case["head"].encode("latin-1"))
    if opened.status != 200:
        _require_refusal(opened)
        raise InvalidInput("no line was opened")
    sid = json.loads(opened.body.removeprefix(b"0").split(b"\x1e")[0])["sid"]
    statuses = []
    for body in [*case["bodies"], "1"]:
        sent = body.encode("utf-8", "surrogatepass")
        head = (
            f"POST {SOCKET_PATH.replace('websocket', 'polling')}&sid={sid} HTTP/1.0\r\nHost: x\r\n"
        )
        answers = target.say(f"{head}Content-Length: {len(sent)}\r\n\r\n".encode() + sent)
        statuses += [each.status for each in answers]
    assert set(statuses) <= {200, 400, 413}, statuses
    if 400 in statuses:
        raise InvalidInput("a packet was refused")


def _require_refusal(answer: Answer) -> None:
    is_full = answer.status in (429, 503) and b"\r\nRetry-After: " in answer.head
    is_told_how = answer.status == 200  # to OPTIONS, or a line that polls after all
    assert answer.status == 0 or 400 <= answer.status < 500 or is_full or is_told_how, answer


def _read_head(wire: socket.socket) -> bytes:
    read = b""
    while b"\r\n\r\n" not in read and (piece := wire.recv(1)):
        read += piece
    return read


def _is_answered(wire: socket.socket) -> bool:
    read, until = b"", time.monotonic() + PATIENCE_S
    while (left_s := until - time.monotonic()) > 0:
        wire.settimeout(left_s)
        try:
            piece = wire.recv(65_536)
        except TimeoutError:
            return False
        read += piece
        if b"43777[" in read or b"\x88\x02" in read or not piece:  # or the frame that closes
            return b"43777[" in read
    return False


def make(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """(what it is, the case), without an end."""
    kinds: list[tuple[str, Callable[[random.Random], Case]]] = [
        ("an odd handshake", handshake), ("an odd token", auth), ("an odd packet", packet),
        ("an odd event", event), ("a reserved event", reserved), ("odd rooms", rooms), ("attachments", attachments),
        ("a wrong answer", acknowledgement), ("broken frames", frames), ("a large message", large),
        ("a flood", flood), ("pieces without an end", pieces), ("compressed", compressed), ("deep", deep),
        ("polls", polls), ("an odd namespace", namespace),
    ]  # fmt: skip
    while True:
        for what, build in kinds:
            yield what, json.dumps(build(rng)).encode()


def frame(
    data: bytes,
    opcode: int = TEXT,
    first: int = 0x80,
    length: int | None = None,
    masked: bool = True,
) -> bytes:
    """One frame of a client (RFC 6455, 5.2); length: what it says of itself, if that is not so."""
    said = len(data) if length is None else length
    bit = 0x80 if masked else 0
    if said < 126:
        head = struct.pack(">BB", first | opcode, bit | said)
    elif said < 65_536:
        head = struct.pack(">BBH", first | opcode, bit | 126, said)
    else:
        head = struct.pack(">BBQ", first | opcode, bit | 127, said)
    return head + (bytes(4) if masked else b"") + data  # a mask of zeros changes nothing


def asked(signed_in: bool = True, **headers: str) -> str:
    """The head that asks for a WebSocket; headers: in place of or beside the usual ones."""
    usual = {"Host": "x", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
             "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
    if signed_in:
        usual["Authorization"] = "Bearer TOKEN"
    named = usual | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in named.items() if value != "-"]
    return "\r\n".join([f"GET {SOCKET_PATH} HTTP/1.1", *lines]) + "\r\n\r\n"


def line(*said: bytes | str, asks: bool = True, head: str = "", connects: bool = True) -> Case:
    """A case on a WebSocket, signed in unless it says otherwise."""
    sent = [frame(b"40")] if connects else []
    sent += [
        frame(each.encode("utf-8", "surrogatepass")) if isinstance(each, str) else each
        for each in said
    ]
    coded = [base64.b64encode(each).decode() for each in sent]
    return {"kind": "line", "head": head or asked(), "frames": coded, "asks": asks}


def handshake(rng: random.Random) -> Case:
    odd = rng.choice((
        {"Sec_WebSocket_Key": "-"}, {"Sec_WebSocket_Version": "8"}, {"Sec_WebSocket_Version": "-"}, {"Connection": "close"},
        {"Connection": "-"}, {"Upgrade": "h2c"}, {"Upgrade": "-"}, {"Sec_WebSocket_Key": "short"}, {"Host": "a..b"},
        {"Origin": "http://["}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "\xe9"},
        {"Sec_WebSocket_Extensions": "permessage-deflate; server_max_window_bits=abc"}, {"X": "\xff"},
        {"Sec_WebSocket_Extensions": "permessage-deflate; server_max_window_bits=99"}, {"Sec_WebSocket_Protocol": ",,\xff"},
        {"Sec_WebSocket_Extensions": "a=" * 500}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Bearer \xff"},
        {"Transfer_Encoding": "identity"}, {"Connection": "Upgrade, close"}, {"Sec_WebSocket_Key": "a, b"},
        {"Sec_WebSocket_Extensions": "permessage-deflate; client_max_window_bits=0, permessage-deflate; server_no_context_takeover=x"},
    ))  # fmt: skip
    head = asked(**odd)
    wanted = ("transport=websocket&sid=0.none", "transport=websocket&EIO=4&sid=", "transport=polling", "transport=x", "EIO=3&transport=websocket",
              "EIO=4&EIO=4&transport=websocket", "EIO=4&transport=websocket&j=0", "EIO=4&transport=polling&j=" + "9" * 5000,
              "%00", "EIO=4&transport=websocket&sid=%ff", "EIO=4&transport=websocket&sid=9.x")  # fmt: skip
    if rng.random() < 0.4:
        head = asked().replace("EIO=4&transport=websocket", rng.choice(wanted), 1)
    if rng.random() < 0.1:
        head = head.replace("GET", rng.choice(("POST", "PUT", "OPTIONS", "HEAD", "DELETE")), 1)
    return line(head=head)


def auth(rng: random.Random) -> Case:
    odd = ("{}", '{"token":1}', '{"token":"\\ud800"}', '{"token":["x"]}', '{"token":{"a":1}}', '{"token":"' + "a" * 50_000 + '"}',
           '{"token":null}', "[]", '"x"', "7", '{"token":true}', '{"token":"\\u0000"}', '{"token":"x"}', "null", "1e999")  # fmt: skip
    again = [f"40{rng.choice(odd)}" for _ in range(rng.choice((1, 2, 30)))]
    return line(*again, asks=False, connects=False, head=asked(signed_in=False))


def packet(rng: random.Random) -> Case:
    odd = ("", "4", "9", "x", "42", "42[", "42{}", "42null", '42"subscribe"', "42[]", "47", "48[]", "4x", "43", "43[", "44{}", "5", "6", "0{}",
           "2probe", "3", "b!!!", "b" + "A" * 401, "\u0662", "\xb2", "4\u0662[]", "41", "41,", '42/["a"]', "4-1[]", "42-[]", "4" * 5000,
           '42' + "9" * 101 + '["subscribe",{}]', "\x00", "4\x00", '421["subscribe"', "2" * 100)  # fmt: skip
    return line(*rng.choices(odd, k=rng.choice((1, 1, 1, 3))), connects=rng.random() < 0.7)


def event(rng: random.Random) -> Case:
    name = rng.choice(
        (*(f'"{each}"' for each in EVENTS), "7", "null", "[]", "{}", "[1]", "true", '{"a":[1]}')
    )
    given = "".join(f",{rng.choice(ODD)}" for _ in range(rng.choice((0, 1, 1, 2, 40))))
    number = rng.choice(("", "1", "0", "9" * 20))
    return line(f"42{number}[{name}{given}]")


def reserved(rng: random.Random) -> Case:
    given = rng.choice(
        (
            "",
            ",null",
            ',{"token":"x"}',
            ',null,{"token":"x"}',
            ',null,{"token":"TOKEN"}',
            ',"client disconnect"',
        )
    )
    return line(f'42{rng.choice(("", "5"))}["{rng.choice(("connect", "disconnect"))}"{given}]')


def rooms(rng: random.Random) -> Case:
    names = rng.choices(("jobs", "job:none", "dataset:there", "dataset:", "job:..", "DATASET:there", "jobs of everyone", "jobs of there",
                         "", "\\ud800", "a" * 90, "dataset:there ", "jobs by admin", "dataset:there batched"), k=rng.choice((1, 5, 200, 201, 3000)))  # fmt: skip
    listed = ",".join(f'"{each}"' for each in names)
    return line(f'42["{rng.choice(("subscribe", "unsubscribe"))}",{{"rooms":[{listed}]}}]')


def attachments(rng: random.Random) -> Case:
    count = rng.choice(("1", "2", "999999999", "0", "00", "99999999999", "-1", "1000"))
    head = f'4{rng.choice("56")}{count}-["subscribe",{{"_placeholder":true,"num":{rng.choice(("0", "1", "-1", "99", chr(34) + "a" + chr(34)))}}}]'
    binary = [
        frame(rng.randbytes(rng.choice((0, 10, 90_000))), BINARY)
        for _ in range(rng.choice((0, 1, 3, 20)))
    ]
    return line(head, *binary, connects=rng.random() < 0.8)


def acknowledgement(rng: random.Random) -> Case:
    odd = (
        "43[]",
        "430[]",
        "431[1]",
        "43" + "9" * 50 + "[]",
        "430{}",
        "430null",
        "430",
        "43-1[]",
        '431["a"',
        "43/x,1[]",
    )
    return line(*rng.choices(odd, k=rng.choice((1, 10))))


def frames(rng: random.Random) -> Case:
    good = frame(QUESTION.encode())
    odd: tuple[Callable[[], bytes], ...] = (
        lambda: frame(b"x" * 126, PING), lambda: frame(b"\x03", CLOSE), lambda: frame(b"\x00\x00", CLOSE), lambda: frame(b"\x03\xed", CLOSE),
        lambda: frame(b"\x03\xe8\xff", CLOSE), lambda: frame(b"x", rng.choice((3, 4, 7, 11, 15))), lambda: frame(b"x", TEXT, 0xC0),
        lambda: frame(b"x", TEXT, 0xF0), lambda: frame(b"4\xff\xfe"), lambda: frame(b"x", masked=False), lambda: frame(b"x", 0),
        lambda: frame(b"x", length=2**63), lambda: frame(b"x", length=2**40), lambda: frame(b"x", length=500), lambda: good[: rng.randrange(len(good))],
        lambda: rng.randbytes(rng.randint(1, 400)), lambda: frame(b"x", TEXT, 0) + frame(b"y", TEXT), lambda: frame(b"", PING, 0),
        lambda: frame(b"4", TEXT, 0) + frame(b"", PING) + frame(b"1", 0), lambda: frame(b"a", PONG) * 50, lambda: b"\x88\x80\0\0\0\0" * 3,
    )  # fmt: skip
    return line(rng.choice(odd)(), connects=rng.random() < 0.7)


def large(rng: random.Random) -> Case:
    size = rng.choice((99_000, 100_001, 500_000, 2_000_000))
    text = rng.choice(
        (
            '42["subscribe",{"rooms":["' + "a" * size + '"]}]',
            "4" + "2" * size,
            '42["x",' + "1," * (size // 2) + "1]",
        )
    )
    return line(text)


def flood(rng: random.Random) -> Case:
    one, most = rng.choice((
        (QUESTION, 30), ('42["presence",{"dataset_id":"there","image_id":1}]', 200), ("40/x,", 300), ("5", 300), ("3", 300),
        ("40", 300), ("2", 300), ('42["subscribe",{"rooms":[' + ",".join(f'"job:{n}"' for n in range(200)) + "]}]", 4),
    ))  # fmt: skip
    return line(frame(one.encode()) * rng.randint(2, most), asks=False)


def pieces(rng: random.Random) -> Case:
    size = rng.choice((0, 1, 5000))
    piece = frame(b"a" * size, 0, 0)
    return line(frame(b"42[", TEXT, 0) + piece * rng.choice((3, 100, 300)))


def compressed(rng: random.Random) -> Case:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    text = rng.choice((b"4" * 5_000_000, QUESTION.encode(), b"42[" + b"[" * 90_000))
    data = (packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
    data = data if rng.random() < 0.7 else data[: len(data) // 2] + rng.randbytes(30)
    head = asked(Sec_WebSocket_Extensions="permessage-deflate")
    return line(frame(data, TEXT, 0xC0), head=head)


def deep(rng: random.Random) -> Case:
    count = rng.choice((30, 500, 900, 40_000))
    body = rng.choice(("[" * count + "]" * count, '{"a":' * count + "1" + "}" * count, "[" * count))
    return line(
        rng.choice((f"4{body}", f"40{body}", f'42["subscribe",{body}]', f"43{body}", f"2{body}"))
    )


def namespace(rng: random.Random) -> Case:
    odd = (
        "40/x,",
        "40/,",
        "40/" + "a" * 5000 + ",",
        '42/x,["subscribe",{"rooms":["jobs"]}]',
        "41/x,",
        "40/x?a=b,",
        "40/\ud800,",
        "40//,{}",
    )
    return line(*rng.choices(odd, k=rng.choice((1, 20))))


def polls(rng: random.Random) -> Case:
    odd = ("", "4", "x", "40", "40{}", '40{"token":"\\ud800"}', "42[]", '42["connect"]', "d=40", "d=", "\x1e", "\x1e".join(["40"] * 16),
           "\x1e".join(["3"] * 17), "b!!!", "bAAAA", "4" + "a" * 150_000, "451-[1]", "4" + "[" * 50_000, "\ud800", "2", "5", "6", "1",
           '40\x1e42["subscribe",{"rooms":["jobs"]}]')  # fmt: skip
    head = asked(Upgrade="-", Connection="-").replace("websocket HTTP/1.1", "polling HTTP/1.0")
    return {"kind": "polls", "head": head, "bodies": rng.choices(odd, k=rng.choice((1, 2, 4)))}
