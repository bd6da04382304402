"""A browser tab: an outbox at work. Entries are sent in the background until they are confirmed."""

from __future__ import annotations

import contextlib
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx
import socketio

from tests.system.chaos import outbox
from tests.system.chaos.history import History, Outcome
from tests.system.chaos.outbox import Entry, Version

SENDERS = 2  # requests under way at once, as a browser has a few
WAIT_S = 3  # asked of the API for each save (Prefer: wait)
TIMEOUT_S = 8.0
AGAIN = (401, 408, 429)
KEEPS_MINE = 0.6  # how often the person keeps their own caption in a conflict


class Tab:
    """One life of a tab of `name`, from opening to closing or crashing.

    stored: the file that outlives it, as the browser's local storage does.
    """

    def __init__(
        self, name: str, token: str, url: str, dataset: str, stored: Path, history: History,
        dice: random.Random,
    ) -> None:  # fmt: skip
        self.name = name
        self._url, self._token, self._dataset = url, token, dataset
        self._stored, self._history, self._dice = stored, history, dice
        self._changed = threading.Condition()
        self._entries = outbox.load_entries(stored)
        self._on_the_way: set[str] = set()
        self._not_before: dict[str, float] = {}
        self._known: dict[tuple[int, int], Version] = {}
        self._open = True
        self._silent_since: float | None = None
        self._heard: set[str] = set()
        self._socket: socketio.Client | None = None
        self._threads = [threading.Thread(target=self._send_all) for _ in range(SENDERS)]
        self._threads.append(threading.Thread(target=self._stay_connected))
        for thread in self._threads:
            thread.start()

    # -- what the page does

    @property
    def waiting(self) -> int:
        """Entries that are not confirmed yet."""
        with self._changed:
            return len(self._entries)

    def has_heard(self, client_ids: Iterable[str]) -> bool:
        """Whether `caption` events of all these saves have come to this tab."""
        with self._changed:
            return self._heard.issuperset(client_ids)

    def read(self, image_id: int) -> bool:
        """Open an image: learn its captions. False when the API does not answer."""
        item = self.call("GET", f"/images/{image_id}")
        if not isinstance(item, dict):
            return False
        self.learn(item)
        return True

    def learn(self, item: dict[str, Any]) -> None:
        """Take over what an image's item says of its captions."""
        heads = [(0, item["revision"], item["caption"])]
        heads += [
            (each["slot"], each["revision"], each["text"]) for each in item.get("captions", [])
        ]
        for slot, revision, text in heads:
            self._remember((item["id"], slot), Version(revision, text))

    def knows(self, place: tuple[int, int]) -> bool:
        """Whether this tab has ever learnt the caption at (image, slot)."""
        with self._changed:
            return place in self._known

    def shown(self, place: tuple[int, int]) -> str | None:
        """The caption as the page shows it: what is on its way, else what is known."""
        with self._changed:
            texts = [entry.text for entry in self._entries if entry.place == place]
            return texts[-1] if texts else self._known.get(place, Version(0, None)).text

    def save(self, place: tuple[int, int], text: str | None) -> str:
        """Enter was pressed: into the outbox, stored before anything else happens; its client id."""
        with self._changed:
            base = self._known.get(place, Version(0, None))
            before = [entry.client_id for entry in self._entries if entry.place == place]
            after = before[-1] if before else None
            entry = Entry(_new_id(), *place, text, base.revision, base.text, after)
            outbox.store_entries(self._stored, [*self._entries, entry])
            self._entries.append(entry)
            self._history.typed(entry, self.name)
            self._changed.notify_all()
        return entry.client_id

    def call(self, method: str, path: str, **options: Any) -> Any:
        """One request of the page; its JSON, None when it failed or had no body."""
        with httpx.Client(timeout=TIMEOUT_S) as client:
            answer = self._exchange(client, method, path, **options)
        if answer is None or answer.status_code >= 400 or not answer.content:
            return None
        return answer.json()

    def crash(self) -> None:
        """End at once: what is under way is never heard of again."""
        with self._changed:
            self._open = False
            self._changed.notify_all()
        self._history.crashed()
        self._hang_up()

    def close(self) -> None:
        """End, and wait for the threads."""
        with self._changed:
            self._open = False
            self._changed.notify_all()
        self._hang_up()
        for thread in self._threads:
            thread.join(TIMEOUT_S * 2)

    # -- sending

    def _send_all(self) -> None:
        with httpx.Client(timeout=TIMEOUT_S) as client:
            while (entry := self._next()) is not None:
                answer = self._send(client, entry)
                with self._changed:
                    self._on_the_way.discard(entry.client_id)
                    if self._open:
                        self._understand(entry, answer)
                    self._changed.notify_all()

    def _next(self) -> Entry | None:
        """An entry that may be sent now, once there is one; None when the tab is closed."""
        with self._changed:
            while self._open:
                moment = time.monotonic()
                for entry in outbox.sendable(self._entries):
                    due = self._not_before.get(entry.client_id, 0.0) <= moment
                    if due and entry.client_id not in self._on_the_way:
                        self._on_the_way.add(entry.client_id)
                        self._history.sent(entry)
                        return entry
                self._changed.wait(0.1)
        return None

    def _send(self, client: httpx.Client, entry: Entry) -> httpx.Response | None:
        body = {"text": entry.text, "base_revision": entry.base_revision, "slot": entry.slot}
        return self._exchange(
            client, "PUT", f"/images/{entry.image_id}/caption",
            json={**body, "client_id": entry.client_id}, headers={"Prefer": f"wait={WAIT_S}"},
        )  # fmt: skip

    def _exchange(
        self, client: httpx.Client, method: str, path: str, **options: Any
    ) -> httpx.Response | None:
        headers = {"Authorization": f"Bearer {self._token}", **options.pop("headers", {})}
        began = time.monotonic()
        try:
            url = f"{self._url}/api/v1{path}"
            answer = client.request(method, url, headers=headers, **options)
        except httpx.HTTPError as problem:
            self._history.unanswered(problem)
            self._silent_since = self._silent_since or began
            return None
        self._history.answered(f"{method} {path}", answer.status_code, answer.text)
        if answer.status_code >= 500:
            self._silent_since = self._silent_since or began
        elif self._silent_since is not None:
            self._history.outage(time.monotonic() - self._silent_since)
            self._silent_since = None
        return answer

    def _understand(self, entry: Entry, answer: httpx.Response | None) -> None:
        """As `outcomeOf` and `outcomeOfFailure` in the browser's outbox."""
        status = answer.status_code if answer is not None else 0
        body = answer.json() if answer is not None and status in (200, 409) else {}
        if status == 200:
            self._saved(entry.client_id, int(body["revision"]), "answer")
        elif status == 409 and body["code"] == "caption_conflict":
            self._decide(entry.client_id, body["current"])
        elif answer is not None and 400 <= status < 500 and status not in AGAIN:
            self._settle(entry.client_id, "refused", None, f"{status} {answer.text[:300]}")
            self._keep(outbox.without(self._entries, entry.client_id))
        else:
            self._keep(outbox.counted(self._entries, entry.client_id))
            delay_s = outbox.retry_delay_s(self._attempts_of(entry.client_id))
            self._not_before[entry.client_id] = time.monotonic() + delay_s

    def _attempts_of(self, client_id: str) -> int:
        return next((each.attempts for each in self._entries if each.client_id == client_id), 1)

    # -- what becomes of an entry; each is called with the lock held

    def _saved(self, client_id: str, revision: int, how: str) -> None:
        entry = self._find(client_id)
        if entry is None:
            return
        self._known[entry.place] = Version(revision, entry.text)
        self._settle(client_id, "saved", revision, how)
        self._keep(outbox.after_saved(self._entries, client_id, revision))

    def _decide(self, client_id: str, current: dict[str, Any]) -> None:
        """Both texts are shown; the person keeps one."""
        entry = self._find(client_id)
        if entry is None or entry.current is not None:
            return
        other = Version(int(current["revision"]), current["text"])
        self._known[entry.place] = other
        if other.text == entry.text:
            self._settle(client_id, "same", None, "")
            self._keep(outbox.after_saved(self._entries, client_id, other.revision))
        elif self._dice.random() < KEEPS_MINE:
            self._settle(client_id, "replaced", None, "")
            new_id = _new_id()
            met = outbox.after_conflict(self._entries, client_id, other)
            self._keep(outbox.on_top(met, client_id, new_id))
            again = self._find(new_id)
            assert again is not None
            self._history.typed(again, self.name)
        else:
            self._settle(client_id, "dropped", None, "")
            self._keep(outbox.without(self._entries, client_id))

    def _find(self, client_id: str) -> Entry | None:
        return next((each for each in self._entries if each.client_id == client_id), None)

    def _settle(self, client_id: str, outcome: Outcome, revision: int | None, how: str) -> None:
        self._history.settled(client_id, outcome, revision, how)

    def _keep(self, entries: list[Entry]) -> None:
        self._entries = entries
        outbox.store_entries(self._stored, entries)
        self._changed.notify_all()

    def _remember(self, place: tuple[int, int], version: Version) -> None:
        """A newer version; a late answer or event never takes back what is known."""
        with self._changed:
            if version.revision >= self._known.get(place, Version(0, None)).revision:
                self._known[place] = version

    # -- Socket.IO

    def _stay_connected(self) -> None:
        """A new client for each try: the library's own has states that it does not come out of."""
        while self._open:
            client = socketio.Client(reconnection=False, request_timeout=5)
            client.on("caption", self._within_the_lock(self._on_caption))
            client.on("caption_conflict", self._within_the_lock(self._on_conflict))
            with contextlib.suppress(socketio.exceptions.SocketIOError, OSError, ValueError):
                auth = {"token": self._token}
                client.connect(self._url, auth=auth, transports=["websocket"], wait_timeout=5)
                self._socket = client
                self._subscribe(client)
                client.wait()
            client.shutdown()
            time.sleep(0.3)

    def _subscribe(self, client: socketio.Client) -> None:
        """Enter the dataset's room; a line that is back is a reason to send at once."""
        client.call("subscribe", {"rooms": [f"dataset:{self._dataset}"]}, timeout=5)
        with self._changed:
            self._not_before.clear()
            self._changed.notify_all()

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.shutdown()

    def _within_the_lock(self, handle: Callable[[dict[str, Any]], None]) -> Callable[..., None]:
        def handler(event: dict[str, Any]) -> None:
            with self._changed:
                if self._open:
                    handle(event)

        return handler

    def _on_caption(self, event: dict[str, Any]) -> None:
        self._heard.add(event["client_id"])
        self._saved(event["client_id"], int(event["revision"]), "event")
        place = (int(event["image_id"]), int(event["slot"]))
        if place in self._known:
            self._remember(place, Version(int(event["revision"]), event["text"]))

    def _on_conflict(self, event: dict[str, Any]) -> None:
        self._decide(event["client_id"], event["current"])


def _new_id() -> str:
    return secrets.token_hex(12)
