"""Captions on their way to the queue: many requests share one message (group commit).

While a message with captions is being written, the captions that arrive meanwhile gather, and go
as the next one. So a single captioner waits for nobody, and a hundred at once cost one message and
one transaction for many captions, not for each.
"""

from __future__ import annotations

import logging
import queue
import secrets
import threading
import time
from collections import defaultdict
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from typing import Any

from common.errors import QueueUnavailable
from common.messaging.broker import CAPTIONS, SAVE_CAPTIONS, Queue
from common.messaging.replies import Replies

Answer = dict[str, Any]
MAX_SAVES = 256  # captions in one message
GATHER_S = 0.1  # how long the next message waits at most for the answer to the one before
LISTEN_S = 5.0
SEND_S = 5.0  # how long a request waits at most until its caption is queued
log = logging.getLogger(__name__)


class _Pending:
    """A caption that waits for its message, and then perhaps for its answer."""

    def __init__(self, save: dict[str, Any]) -> None:
        self.save = save
        self.sent: Future[None] = Future()
        self.answer: Future[Answer] = Future()


class CaptionSaves:
    """Sends captions to the captions worker. One per process, thread-safe."""

    def __init__(self, to_worker: Queue, replies: Replies) -> None:
        self._to_worker, self._replies = to_worker, replies
        self._waiting: queue.SimpleQueue[_Pending] = queue.SimpleQueue()
        self._asked: dict[str, list[_Pending]] = defaultdict(list)
        self._lock = threading.Lock()
        self._answered = threading.Event()
        self.name = f"saves:{secrets.token_hex(8)}"
        self._started = False

    def save(self, save: dict[str, Any], wait_s: float) -> Answer | None:
        """Queue one caption; its answer, or None when there is none within `wait_s` seconds.

        save: the fields of the captions worker's `Save`. Raises QueueUnavailable when it was not
        queued.
        """
        self._start()
        pending = _Pending(save)
        if wait_s > 0:
            with self._lock:
                self._asked[save["client_id"]].append(pending)
        try:
            self._waiting.put(pending)
            _wait_until_sent(pending)
            return pending.answer.result(wait_s) if wait_s > 0 else None
        except NotYet:
            return None
        finally:
            self._forget(pending)

    def _forget(self, pending: _Pending) -> None:
        with self._lock:
            asked = self._asked.get(pending.save["client_id"], [])
            if pending in asked:
                asked.remove(pending)
            if not asked:
                self._asked.pop(pending.save["client_id"], None)

    def _start(self) -> None:
        """Start the two threads, at the first caption: after a server has forked."""
        with self._lock:
            if self._started:
                return
            self._started = True
        for run in (self._send, self._listen):
            threading.Thread(target=run, name=f"captions{run.__name__}", daemon=True).start()

    def _send(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while len(batch) < MAX_SAVES and not self._waiting.empty():
                batch.append(self._waiting.get())
            self._answered.clear()
            if self._send_batch(batch):
                self._answered.wait(GATHER_S)

    def _send_batch(self, batch: list[_Pending]) -> bool:
        try:
            message = [[pending.save for pending in batch], self.name]
            self._to_worker.send(SAVE_CAPTIONS, message, CAPTIONS)
        except (
            Exception
        ) as problem:  # whatever it is, each request must hear of it and the next go on
            if not isinstance(problem, QueueUnavailable):
                log.exception("%d captions were not queued", len(batch))
            for pending in batch:
                pending.sent.set_exception(problem)
            return False
        for pending in batch:
            pending.sent.set_result(None)
        return True

    def _listen(self) -> None:
        """Hand the answers to the requests that wait for them."""
        while True:
            began = time.monotonic()
            try:
                answers = self._replies.wait(self.name, LISTEN_S)
                self._hand_out(answers or {})
            except Exception:  # an answer that cannot be read must not end the listening
                log.exception("answers to captions could not be read")
                answers = None
            if answers is None and time.monotonic() - began < LISTEN_S / 2:
                time.sleep(0.2)  # Redis is away

    def _hand_out(self, answers: dict[str, Answer]) -> None:
        with self._lock:
            found = [
                (pending, answer)
                for client_id, answer in answers.items()
                for pending in self._asked.pop(client_id, [])
            ]
        for pending, answer in found:
            pending.answer.set_result(answer)
        if answers:
            self._answered.set()


def _wait_until_sent(pending: _Pending) -> None:
    """Raises QueueUnavailable, also when Redis hangs: a thread of the server is not held for long."""
    try:
        pending.sent.result(SEND_S)
    except NotYet:
        raise QueueUnavailable(
            f"Redis has not answered for {SEND_S:.0f} s.",
            remedy="Nothing is lost: try again in a moment, or start Redis.",
        ) from None
