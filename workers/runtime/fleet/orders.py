"""Doing what a worker is asked, from within its loop: to take nothing, to take again, to end, to be larger."""

from __future__ import annotations

import logging
import os
import signal
from typing import Any

from common.jobs.workers import RUN, STOP, Wish

log = logging.getLogger(__name__)


class Orders:
    """Of one consumer. Nothing here is safe in another thread than the loop's."""

    def __init__(self, consumer: Any, queues: list[str], size: int) -> None:
        self._consumer, self._queues, self._size = consumer, queues, size
        self._takes = True
        self._is_ending = False

    def follow(self, wish: Wish) -> None:
        """Come to what is asked, as far as that can be done now."""
        if wish.asked == STOP:
            self._end()
            return
        if (wish.asked == RUN) != self._takes:
            self._take(wish.asked == RUN)
        self._resize(wish.concurrency or self._size)

    def _take(self, takes: bool) -> None:
        for queue in self._queues:
            if takes:
                self._consumer.add_task_queue(queue)
            else:
                self._consumer.cancel_task_queue(queue)
        self._takes = takes
        log.info("takes messages again" if takes else "takes no more messages, as it was asked")

    def _end(self) -> None:
        """As if whoever started it had asked: what runs is saved and goes back to its queue."""
        if not self._is_ending:
            self._is_ending = True
            log.info("ends, as it was asked")
            os.kill(os.getpid(), signal.SIGTERM)

    def _resize(self, size: int) -> None:
        pool = self._consumer.pool
        more = size - pool.num_processes
        if more > 0:
            pool.grow(more)
        elif more < 0:
            try:
                pool.shrink(-more)
            except ValueError:  # all of them work: at a later look
                return
        if more:
            self._consumer._update_prefetch_count(more)
            log.info("runs %d jobs at once", size)
