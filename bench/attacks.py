"""`python -m bench.attacks`: what an attacker's requests and connections cost people at work.

python -m bench.attacks [--code FOLDER] [--lines 600] [--only half_heads,silent_sockets] [--threads 512]

A stack of its own without GPU workers (`--code`: of another checkout). Each attack in turn, with somebody beside it who asks
for the datasets on a new connection each time: what that takes, how much memory the API's processes grew by at
most, and what the attacker was told. Sizes are such that a service without limits survives them on 8 GB. A load
test takes `ATTACKS`, each `attack(url, token, lines)`, as its attacker.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import secrets
import socket
import statistics
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
from PIL import Image

from bench.stack import Stack, running_stack

Attack = Callable[[str, str, int], Counter[str]]
HELD_S = 8.0  # how long lines are held that say nothing more
PATIENCE_S = 30.0  # of whoever works beside
JSON_HEAD = "HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def hold_lines(url: str, lines: int, text: str) -> Counter[str]:
    """Open connections, say `text` on each, and nothing more; what came back."""
    at = urlsplit(url)
    told: Counter[str] = Counter()
    with ExitStack() as held:
        opened: list[socket.socket] = []
        for _ in range(lines):
            with suppress(OSError):
                line = held.enter_context(socket.create_connection((at.hostname, at.port), 5))
                line.sendall(text.encode())
                opened.append(line)
        time.sleep(HELD_S)
        for line in opened:
            line.settimeout(0.01)
            try:
                told[line.recv(12).decode()[9:] or "closed"] += 1
            except TimeoutError:
                told["held"] += 1
            except OSError:
                told["closed"] += 1
    return told


def nothing(url: str, token: str, lines: int) -> Counter[str]:
    """No attack, to compare with."""
    time.sleep(HELD_S)
    return Counter()


def half_heads(url: str, token: str, lines: int) -> Counter[str]:
    """Half a head on each line."""
    return hold_lines(url, lines, "GET / HTTP/1.1\r\nHost: x\r\nX-Half: ")


def half_sign_ins(url: str, token: str, lines: int) -> Counter[str]:
    """Half a small body, by nobody in particular."""
    head = f"POST /api/v1/auth/login {JSON_HEAD}Content-Length: 60\r\n\r\n"
    return hold_lines(url, lines, head + '{"username":"a')


def half_bodies(url: str, token: str, lines: int) -> Counter[str]:
    """Half a large body, signed in."""
    head = f"POST /api/v1/datasets {JSON_HEAD}Authorization: Bearer {token}\r\n"
    return hold_lines(url, lines, f"{head}Content-Length: 900000\r\n\r\n{{")


def silent_sockets(url: str, token: str, lines: int) -> Counter[str]:
    """WebSockets that never say who they are."""
    key = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    key += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    path = "/socket.io/?EIO=4&transport=websocket"
    return hold_lines(url, lines, f"GET {path} HTTP/1.1\r\nHost: x\r\n{key}")


def sign_ins(url: str, token: str, lines: int) -> Counter[str]:
    """Wrong passwords, all at once."""

    def one(number: int) -> str:
        given = {"username": f"nobody {number % 50}", "password": secrets.token_hex(8)}
        return ask(url, "POST", "/auth/login", json=given)

    with ThreadPoolExecutor(min(lines, 200)) as pool:
        return Counter(pool.map(one, range(lines)))


def large_bodies(url: str, token: str, lines: int) -> Counter[str]:
    """20 MiB of JSON at a time: padding, and a long list."""
    padded = b"{" + b" " * (20 * 2**20) + b"}"
    return several(
        url, token, "POST", "/datasets", [padded, b"[" + b"1," * (10 * 2**20) + b"1]"] * 4
    )


def deep_bodies(url: str, token: str, lines: int) -> Counter[str]:
    """Lists within lists."""
    deep = [b"[" * 100_000, b"[" * 900 + b"]" * 900]
    return several(url, token, "POST", "/datasets", deep * 8)


def patterns(url: str, token: str, lines: int) -> Counter[str]:
    """Patterns that grow while they are compiled, scaled down."""
    edit = {"mode": "replace", "find": "a{500000}", "regex": True}
    path = f"/datasets/{own_dataset(url, token)}/edits/preview"
    return several(url, token, "POST", path, [json.dumps(edit).encode()] * 4)


def broken_jobs(url: str, token: str, lines: int) -> Counter[str]:
    """Bodies that are no JSON, where a job would begin."""
    path = f"/datasets/{own_dataset(url, token)}/jobs"
    return several(url, token, "POST", path, [b'{"kind":"split","mode":"kil'] * 50)


def announcements(url: str, token: str, lines: int) -> Counter[str]:
    """More bytes than any disk has, in uploads that never come."""
    files = [{"name": f"{number}.zip", "size_bytes": 2**44} for number in range(50)]
    return several(url, token, "POST", "/uploads", [json.dumps(file).encode() for file in files])


def thin_pictures(url: str, token: str, lines: int) -> Counter[str]:
    """Pictures of 1 x 150,000 and 1 x 2,000,000 pixels: to search by, and brought into a dataset."""
    pictures = [thin_picture(150_000), thin_picture(2_000_000)]
    signed = signed_as(token)
    datasets = httpx.get(f"{url}/api/v1/datasets", headers=signed).json()["items"]
    told: Counter[str] = Counter()
    for picture in pictures:
        for each in datasets:
            given = {"file": ("thin.png", picture)}
            told[
                ask(url, "POST", f"/datasets/{each['id']}/search", files=given, headers=signed)
            ] += 1
    files = [("files", (f"{number}.png", each)) for number, each in enumerate(pictures)]
    path = f"/datasets/{own_dataset(url, token)}/images"
    told[ask(url, "POST", path, files=files, headers=signed)] += 1
    return told


def hungry_models(url: str, token: str, lines: int) -> Counter[str]:
    """Models that ask for more memory than there is, and for files of the server."""
    tower = {"image_size": 224, "layers": 12, "width": 65_536, "patch_size": 32}
    timm = {"timm_model_name": "local-dir:/etc", "image_size": 224}
    return Counter(
        ask(url, "POST", "/models", files={"file": ("m.zip", model_zip(vision))},
            headers=signed_as(token))
        for vision in (tower, timm)
    )  # fmt: skip


def large_tables(url: str, token: str, lines: int) -> Counter[str]:
    """A table of captions of 24 MiB, whose rows are of no image."""
    row = "set/{}.png,a picture of which there is none\n"
    table = "filepath,title\n" + "".join(row.format(number) for number in range(540_000))
    path = f"/datasets/{own_dataset(url, token)}/captions"
    given = {"file": ("all.csv", table.encode())}
    return Counter([ask(url, "POST", path, files=given, headers=signed_as(token))])


def signed_as(token: str) -> dict[str, str]:
    """The header that says who asks."""
    return {"Authorization": f"Bearer {token}"}


def own_dataset(url: str, token: str) -> str:
    """A new, empty dataset of the attacker; its id."""
    given = {"name": f"Attacked {secrets.token_hex(4)}"}
    made = httpx.post(f"{url}/api/v1/datasets", json=given, headers=signed_as(token), timeout=60)
    return str(made.raise_for_status().json()["id"])


def thin_picture(height: int) -> bytes:
    """A PNG, one pixel wide."""
    file = io.BytesIO()
    Image.new("L", (1, height)).save(file, "PNG")
    return file.getvalue()


def model_zip(vision: dict[str, Any]) -> bytes:
    """A model without weights of its own, with this image tower."""
    text = {"context_length": 77, "vocab_size": 49_408, "width": 512, "heads": 8, "layers": 12}
    config = {"model_cfg": {"embed_dim": 512, "vision_cfg": vision, "text_cfg": text}}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("m/open_clip_config.json", json.dumps(config))
        packed.writestr("m/open_clip_model.safetensors", b"")
    return file.getvalue()


def several(url: str, token: str, method: str, path: str, bodies: list[bytes]) -> Counter[str]:
    """The same call with each body, four at a time."""
    headers = {**signed_as(token), "Content-Type": "application/json"}

    def one(body: bytes) -> str:
        return ask(url, method, path, content=body, headers=headers)

    with ThreadPoolExecutor(4) as pool:
        return Counter(pool.map(one, bodies))


def ask(url: str, method: str, path: str, **options: Any) -> str:
    """The status of one call, or what became of it."""
    try:
        return str(httpx.request(method, f"{url}/api/v1{path}", timeout=60, **options).status_code)
    except httpx.TransportError as fault:
        return type(fault).__name__


ATTACKS: dict[str, Attack] = {
    each.__name__: each
    for each in (nothing, half_heads, half_sign_ins, half_bodies, silent_sockets, sign_ins, large_bodies,
                 deep_bodies, patterns, broken_jobs, announcements, thin_pictures, hungry_models, large_tables)
}  # fmt: skip


class Watch:
    """Somebody at work, and the memory of the API, while a block runs."""

    def __init__(self, stack: Stack) -> None:
        self._address = urlsplit(stack.url).netloc
        self._headers = {"Authorization": stack.http.headers["Authorization"]}
        self._family = [
            each
            for each in psutil.Process(stack.process.pid).children(recursive=True)
            if "api.serve" in " ".join(each.cmdline())
        ]
        self._over = threading.Event()
        self.took_s: list[float] = []
        self.failed = 0
        self._before = self._memory()
        self._most = self._before

    def __enter__(self) -> Watch:
        self._threads = [threading.Thread(target=each) for each in (self._work, self._weigh)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def result(self) -> dict[str, Any]:
        """What it was like."""
        return {
            "median_ms": round(statistics.median(self.took_s) * 1000),
            "longest_ms": round(max(self.took_s) * 1000),
            "failed": self.failed,
            "asked": len(self.took_s),
            "more_mib": round((self._most - self._before) / 2**20),
        }

    def _work(self) -> None:
        while not self._over.wait(0.05):
            began = time.monotonic()
            line = http.client.HTTPConnection(self._address, timeout=PATIENCE_S)
            try:
                line.request("GET", "/api/v1/datasets", headers=self._headers)
                answer = line.getresponse()
                answer.read()
                self.failed += answer.status != 200
            except (OSError, http.client.HTTPException):
                self.failed += 1
            finally:
                line.close()
            self.took_s.append(time.monotonic() - began)

    def _weigh(self) -> None:
        while not self._over.wait(0.1):
            self._most = max(self._most, self._memory())

    def _memory(self) -> int:
        total = 0
        for each in self._family:
            with suppress(psutil.Error):
                total += each.memory_info().rss
        return total


def main() -> None:
    """Print a line of JSON for each attack."""
    parser = argparse.ArgumentParser(prog="python -m bench.attacks")
    parser.add_argument("--code", default="", help="the checkout whose service is attacked")
    parser.add_argument("--lines", type=int, default=600)
    parser.add_argument("--only", default=",".join(ATTACKS))
    parser.add_argument("--threads", default="512", help="of each API process")
    parser.add_argument("--processes", default="2")
    given = parser.parse_args()
    environment = {
        "CLIP_BROWSER_API_THREADS": given.threads,
        "CLIP_BROWSER_API_PROCESSES": given.processes,
    }
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder), "--gpu-workers", "0", code=given.code, **environment) as stack,
    ):
        token = stack.http.headers["Authorization"].removeprefix("Bearer ")
        for name in given.only.split(","):
            with Watch(stack) as watch:
                told = ATTACKS[name](stack.url, token, given.lines)
                time.sleep(1)
            print(json.dumps({"attack": name, **watch.result(), "told": told}), flush=True)


if __name__ == "__main__":
    main()
