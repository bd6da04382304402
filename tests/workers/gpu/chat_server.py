"""A small real server that speaks OpenAI's chat completions, for tests."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ChatServer(ThreadingHTTPServer):
    """Answers each caption with two fit paraphrases and some that are not; remembers the questions."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Chat)
        self.asked: list[str] = []
        self.keys: set[str | None] = set()
        self.delay_s = 0.0
        self.status = 200

    @property
    def address(self) -> str:
        """What CLIP_BROWSER_LLM_BASE_URL is set to."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Chat(BaseHTTPRequestHandler):
    server: ChatServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        caption = json.loads(body["messages"][-1]["content"].rsplit("Caption: ", 1)[1])
        self.server.asked.append(caption)
        self.server.keys.add(self.headers["Authorization"])
        time.sleep(self.server.delay_s)
        texts = [caption, f"there is {caption}", "seventeen dogs", f"{caption}, drawn"]
        answer = {"choices": [{"message": {"content": f"Here you are: {json.dumps(texts)}"}}]}
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

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
