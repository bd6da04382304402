"""Captions that are saved at an even pace: by the captions worker, which gets them as the API sends them.

Not through the API: what a hundred tabs cost it would be lost in what it takes to receive two hundred requests.
"""

from __future__ import annotations

import secrets
import time

from bench.stack import Stack
from common.messaging.broker import CAPTIONS, SAVE_CAPTIONS, Queue
from common.settings import Settings

TEXT = "a small red circle on the left of a large blue square"


class Saves:
    """First captions of images that have none, `pace` a second."""

    def __init__(self, stack: Stack, settings: Settings, dataset: str, pace: float) -> None:
        self._stack, self._dataset, self._pace = stack, dataset, pace
        self._queue = Queue(settings)
        self._name = f"bench:{secrets.token_hex(8)}"
        waiting = {"status": "uncaptioned"}
        path = f"/datasets/{dataset}/images/ids"
        self._images: list[int] = stack.call("GET", path, params=waiting)["ids"]
        self._before = self._captioned()
        self.sent = 0

    def send_due(self, elapsed_s: float) -> None:
        """What is due by now, as one message."""
        due = self._images[self.sent : int(elapsed_s * self._pace)]
        if due:
            self._queue.send(SAVE_CAPTIONS, [[_save(image) for image in due], self._name], CAPTIONS)
            self.sent += len(due)

    def check(self) -> None:
        """Raises RuntimeError unless all are saved within some seconds."""
        until = time.monotonic() + 15
        while (saved := self._captioned() - self._before) != self.sent:
            if time.monotonic() > until:
                raise RuntimeError(f"{self.sent} captions were sent, {saved} are saved")
            time.sleep(0.2)

    def _captioned(self) -> int:
        return int(self._stack.call("GET", f"/datasets/{self._dataset}")["counts"]["captioned"])


def _save(image: int) -> dict[str, object]:
    text = f"{TEXT}, told_at {time.time():.4f}"
    client_id = f"bench-{secrets.token_hex(8)}"
    fields = {"image_id": image, "slot": 0, "base_revision": 0, "author": "ada"}
    return {**fields, "text": text, "client_id": client_id}
