"""Captions and claims on their way to the queue: many requests share one message (group commit).

While a message is being written, what arrives meanwhile gathers, and goes as the next one. So a single
captioner waits for nobody, and a hundred at once cost one message and one transaction for many
captions and claims, not for each.
"""

from __future__ import annotations

import logging
import queue
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from api.live.workers import LiveWorkers
from common.captions.asks import Ask, write_ask
from common.db.engine import ConnectionFactory
from common.errors import DatabaseUnavailable, QueueUnavailable
from common.messaging.broker import CAPTIONS, SAVE_CAPTIONS, Queue
from common.messaging.replies import Replies

Answer = dict[str, Any]
MAX_ENTRIES = 256  # captions and claims in one message
GATHER_S = 0.1  # how long the next message waits at most for the answer to the one before
LISTEN_S = 5.0
SEND_S = 4.0  # how long a request waits at most until its caption is queued
ASK_S = 2.0  # how long a claim waits at most for the worker
HEARD_S = 30.0  # a worker that has answered within that time is there
LOOK_EVERY_S = 1.0
log = logging.getLogger(__name__)


class _Pending:
    """What waits for its message, and then perhaps for its answer, which comes under `key`."""

    def __init__(self, key: str, entry: dict[str, Any]) -> None:
        self.key, self.entry = key, entry
        self.sent: Future[None] = Future()
        self.answer: Future[Answer] = Future()


class GroupCommit:
    """Sends captions and claims to the captions worker. One per process, thread-safe."""

    def __init__(
        self, to_worker: Queue, replies: Replies, require_parts: Callable[[], None] | None = None
    ) -> None:
        """require_parts: raises what says which of the parts that a caption passes through is away."""
        self._to_worker, self._replies = to_worker, replies
        self._require_parts = require_parts or to_worker.ping
        self._workers = LiveWorkers(to_worker.redis)
        self._waiting: queue.SimpleQueue[_Pending] = queue.SimpleQueue()
        self._asked: dict[str, list[_Pending]] = defaultdict(list)
        self._lock = threading.Lock()
        self._answered = threading.Event()
        self.name = f"saves:{secrets.token_hex(8)}"
        self._started = False
        self._heard = float("-inf")  # when the worker has answered last, in monotonic seconds
        self._is_silent = False  # it did not answer when it was asked last
        self._greeted = float("-inf")
        self._looking = threading.Lock()
        self._seen, self._looked = False, float("-inf")

    def save(self, save: dict[str, Any], wait_s: float) -> Answer | None:
        """Queue one caption; its answer, or None when there is none within `wait_s` seconds.

        save: the fields of the captions worker's `Save`. Raises QueueUnavailable when it was not
        queued, and what `require_parts` does when no answer can come.
        """
        return self._send_and_wait(_Pending(save["client_id"], save), SEND_S, wait_s)

    def ask(self, ask: Ask) -> Answer | None:
        """The worker's answer to a claim; None when none is there, or it does not answer.

        Then the caller does it himself. A worker that was silent is greeted now and then: once it has
        answered, it is asked again.
        """
        if self._is_silent:
            self._greet()
            return None
        if time.monotonic() - self._heard > HEARD_S and not self._is_there():
            return None
        key = secrets.token_hex(8)
        began = time.monotonic()
        try:
            pending = _Pending(key, {"key": key, **write_ask(ask)})
            answer = self._send_and_wait(pending, ASK_S, ASK_S)
        except QueueUnavailable:
            answer = None
        if answer is None and self._heard < began:
            self._is_silent = True
        return answer

    def _is_there(self) -> bool:
        """Whether a captions worker says that it takes messages; looked at once in LOOK_EVERY_S."""
        with self._looking:
            if time.monotonic() - self._looked > LOOK_EVERY_S:
                self._seen = any(CAPTIONS in each["queues"] for each in self._workers.read())
                self._looked = time.monotonic()
            return self._seen

    def _greet(self) -> None:
        """An entry that asks for nothing but an answer."""
        with self._lock:
            if time.monotonic() - self._greeted < HEARD_S:
                return
            self._greeted = time.monotonic()
        self._start()
        self._waiting.put(_Pending("", {"key": "", "ask": "hello"}))

    def _send_and_wait(self, pending: _Pending, send_s: float, wait_s: float) -> Answer | None:
        """Raises QueueUnavailable, also when Redis hangs."""
        self._start()
        if wait_s > 0:
            with self._lock:
                self._asked[pending.key].append(pending)
        try:
            self._waiting.put(pending)
            _wait_until_sent(pending, send_s)
            return self._answer(pending, wait_s) if wait_s > 0 else None
        finally:
            self._forget(pending)

    def _answer(self, pending: _Pending, wait_s: float) -> Answer | None:
        """None when there is none in time. Raises what `require_parts` does: nobody waits for what is away."""
        until = time.monotonic() + wait_s
        while True:
            left_s = until - time.monotonic()
            try:
                return pending.answer.result(max(0.0, min(left_s, LOOK_EVERY_S)))
            except NotYet:
                if left_s <= LOOK_EVERY_S:
                    return None
            self._require_parts()

    def _forget(self, pending: _Pending) -> None:
        with self._lock:
            asked = self._asked.get(pending.key, [])
            if pending in asked:
                asked.remove(pending)
            if not asked:
                self._asked.pop(pending.key, None)

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
            while len(batch) < MAX_ENTRIES and not self._waiting.empty():
                batch.append(self._waiting.get())
            self._answered.clear()
            if self._send_batch(batch):
                self._answered.wait(GATHER_S)

    def _send_batch(self, batch: list[_Pending]) -> bool:
        try:
            message = [[pending.entry for pending in batch], self.name]
            self._to_worker.send(SAVE_CAPTIONS, message, CAPTIONS)
        except (
            Exception
        ) as problem:  # whatever it is, each request must hear of it and the next go on
            if not isinstance(problem, QueueUnavailable):
                log.exception("%d captions and claims were not queued", len(batch))
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
            except QueueUnavailable:
                answers = None
            except Exception:  # an answer that cannot be read must not end the listening
                log.exception("answers to captions could not be read")
                answers = None
            if answers is None and time.monotonic() - began < LISTEN_S / 2:
                time.sleep(0.2)  # Redis is away

    def _hand_out(self, answers: dict[str, Answer]) -> None:
        if not answers:
            return
        with self._lock:
            self._heard, self._is_silent = time.monotonic(), False
            found = [
                (pending, answer)
                for key, answer in answers.items()
                for pending in self._asked.pop(key, [])
            ]
        self._answered.set()  # the next message is on its way while the answers go out
        for pending, answer in found:
            pending.answer.set_result(answer)


def _wait_until_sent(pending: _Pending, within_s: float) -> None:
    """Raises QueueUnavailable, also when Redis hangs: a thread of the server is not held for long."""
    try:
        pending.sent.result(within_s)
    except NotYet:
        raise QueueUnavailable(
            f"Redis has not answered for {within_s:.0f} s.",
            remedy="Nothing is lost: try again in a moment, or start Redis.",
        ) from None


def require_way(rows: ConnectionFactory, to_worker: Queue) -> None:
    """Raises DatabaseUnavailable or QueueUnavailable when a caption that was sent cannot be saved at present."""
    to_worker.ping()
    try:
        with rows() as connection:
            connection.execute(select(1))
    except SQLAlchemyError as away:
        raise DatabaseUnavailable(
            "The database does not answer; the caption waits in the queue.",
            remedy="It is saved when the database is back. To be sure, save again: it will not be there twice.",
        ) from away
