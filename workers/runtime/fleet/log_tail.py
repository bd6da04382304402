"""The last log lines of a worker, kept in Redis, so that they can be read wherever it runs.

Nobody who logs waits for Redis: lines gather, and a thread of its own sends them. While Redis is away the newest
ones are kept. They are text whatever the format of the log is, and hold no secret.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque

import redis as redis_client

from common.log_secrets import Secrets
from common.logs import AddIds, TextLines
from common.messaging.live_workers import LOG_LINES, LOG_PREFIX
from common.settings import Settings

KEPT_S = 7 * 86_400
GATHER_S = 0.3
PAUSE_S = 2.0
MAX_CHARS = 2000


class LogTail(logging.Handler):
    """Keeps the last LOG_LINES lines of a worker and its pool processes under its name."""

    def __init__(self, settings: Settings, name: str) -> None:
        super().__init__()
        self.addFilter(AddIds())
        self.setFormatter(TextLines(Secrets(settings)))
        self._redis_url, self._key = settings.redis_url, LOG_PREFIX + name
        self._lines: deque[str] = deque(maxlen=LOG_LINES)
        self._pid = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line; never waits and never raises."""
        try:
            line = self.format(record)[:MAX_CHARS]
        except Exception:
            self.handleError(record)
            return
        if self._pid != os.getpid():
            self._begin()  # the thread of the process that forked this one is not here
        self._lines.append(line)
        self._came.set()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lines.clear()
        self._came = threading.Event()
        self._redis = redis_client.Redis.from_url(
            self._redis_url, socket_timeout=2, socket_connect_timeout=2
        )
        threading.Thread(target=self._run, name="log-tail", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._came.wait()
            self._came.clear()
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if lines and not self._send(lines):
                for line in reversed(lines[-(LOG_LINES - len(self._lines)) :]):
                    self._lines.appendleft(line)
                self._came.set()
                time.sleep(PAUSE_S)
            time.sleep(GATHER_S)

    def _send(self, lines: list[str]) -> bool:
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.rpush(self._key, *lines)
                pipe.ltrim(self._key, -LOG_LINES, -1)
                pipe.expire(self._key, KEPT_S)
                pipe.execute()
        except redis_client.RedisError:
            return False
        return True
