"""A small real server that speaks OpenAI's chat completions, for tests."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """A reply that is not the usual one. drip_s: seconds before each byte of the body."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    drip_s: float = 0.0


class ChatServer(ThreadingHTTPServer):
    """Answers each caption with two fit paraphrases and some that are not; remembers the questions."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Chat)
        self.asked: list[str] = []
        self.times: list[float] = []
        self.keys: set[str | None] = set()
        self.delay_s = 0.0
        self.first: deque[Reply] = deque()  # to the first questions
        self.always: Reply | None = None
        self.about: dict[str, Reply] = {}  # to questions about a caption
        self.texts: list[str] | None = None  # in place of the usual paraphrases
        self.under_way = self.most_under_way = 0
        self.most_answers: int | None = None  # whoever asks after so many answers waits
        self.answers = 0
        self.least_at_once = 0  # nobody is answered before so many have asked at the same time
        self.lock = threading.Lock()

    @property
    def address(self) -> str:
        """What CLIP_BROWSER_LLM_BASE_URL is set to."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Chat(BaseHTTPRequestHandler):
    server: ChatServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        caption = json.loads(body["messages"][-1]["content"].rsplit("Caption: ", 1)[1])
        with self.server.lock:
            self.server.asked.append(caption)
            self.server.times.append(time.monotonic())
            self.server.keys.add(self.headers["Authorization"])
            self.server.under_way += 1
            self.server.most_under_way = max(self.server.most_under_way, self.server.under_way)
            first = self.server.first.popleft() if self.server.first else None
        while self.server.most_under_way < self.server.least_at_once:
            time.sleep(0.01)
        time.sleep(self.server.delay_s)
        while not self._may_answer():
            time.sleep(0.01)
        with self.server.lock:
            self.server.under_way -= 1
        self._send(
            first or self.server.about.get(caption) or self.server.always or self._usual(caption)
        )

    def _may_answer(self) -> bool:
        with self.server.lock:
            most = self.server.most_answers
            may_answer = most is None or self.server.answers < most
            self.server.answers += may_answer
            return may_answer

    def _usual(self, caption: str) -> Reply:
        texts = self.server.texts
        if texts is None:
            texts = [caption, f"there is {caption}", "seventeen dogs", f"a picture of {caption}"]
        answer = {"choices": [{"message": {"content": f"Here you are: {json.dumps(texts)}"}}]}
        return Reply(body=json.dumps(answer).encode())

    def _send(self, reply: Reply) -> None:
        try:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if not reply.drip_s:
                self.wfile.write(reply.body)
                return
            for byte in reply.body:
                time.sleep(reply.drip_s)
                self.wfile.write(bytes([byte]))
        except OSError:
            return  # the client has lost its patience

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    """The server while it runs."""
    server = ChatServer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
