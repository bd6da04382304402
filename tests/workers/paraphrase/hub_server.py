"""A small real server that offers one model's files as the Hugging Face hub does, for tests."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "probe/model"
COMMIT = "c0ffee"


class HubServer(ThreadingHTTPServer):
    """Knows `ranges` for range requests; breaks off after `breaks_after` bytes of an answer."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Hub)
        self.files = files
        self.breaks_after: int | None = None
        self.tells_sizes = True
        self.status = 200
        self.digest: str | None = None  # in place of the true one
        self.asked: list[tuple[str, int]] = []  # (file, from which byte)
        self.sent = 0

    @property
    def address(self) -> str:
        """What HF_ENDPOINT is set to."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def describe(self) -> dict[str, Any]:
        """What the hub's API tells of the model."""
        entries: list[dict[str, Any]] = []
        for name, content in self.files.items():
            entry: dict[str, Any] = {"rfilename": name}
            if self.tells_sizes:
                entry["size"] = len(content)
            if name.endswith(".safetensors"):
                entry["lfs"] = {"sha256": self.digest or hashlib.sha256(content).hexdigest()}
            entries.append(entry)
        return {"sha": COMMIT, "siblings": entries}


class _Hub(BaseHTTPRequestHandler):
    server: HubServer

    def do_GET(self) -> None:
        if self.path.startswith(f"/api/models/{MODEL}"):
            self._send(self.server.status, json.dumps(self.server.describe()).encode())
            return
        name = self.path.removeprefix(f"/{MODEL}/resolve/{COMMIT}/")
        if name not in self.server.files:
            self._send(404, b"{}")
            return
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        self.server.asked.append((name, start))
        content = self.server.files[name]
        if start >= len(content) > 0:
            self._send(416, b"")
            return
        self._send(206 if asked else 200, content[start:], self.server.breaks_after)

    def _send(self, status: int, body: bytes, most: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        part = body if most is None else body[:most]
        self.wfile.write(part)
        self.server.sent += len(part)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def hub_server(files: dict[str, bytes]) -> Iterator[HubServer]:
    """The server while it runs."""
    server = HubServer(files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
