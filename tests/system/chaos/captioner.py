"""A person at a tab: types, adds second captions, takes away, undoes, claims, crashes, comes back."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from tests.system.chaos.history import Claim, History
from tests.system.chaos.tab import Tab

SCRAPS = (
    "a red circle on the left", 'with a "quoted" word', "two dogs, one cat", "ünïcödé and ß",
    "emoji 🦊🌈", "עברית מימין לשמאל", "日本語の説明", "back\\slash and 'quote'", "NA", "1e5", "= SUM(A1)",
)  # fmt: skip
ACTIONS = {
    "caption own": 40, "caption shared": 22, "second caption": 12, "take away": 7, "undo": 7,
    "claim": 10, "crash": 2,
}  # fmt: skip


class Captioner:
    """One person with images of their own and images shared with others."""

    def __init__(
        self, name: str, token: str, url: str, dataset: str, folder: Path, history: History,
        seed: str, own: list[int], shared: list[int],
    ) -> None:  # fmt: skip
        self.name = name
        dice = random.Random(f"{seed}:{name}:choices")
        stored = folder / f"{name}.json"
        self._open_tab = partial(Tab, name, token, url, dataset, stored, history, dice)
        self._dataset, self._history = dataset, history
        self._dice = random.Random(f"{seed}:{name}")
        self._own, self._shared = own, shared
        self._seen: dict[tuple[int, int], list[str | None]] = {}
        self._typed = 0
        self._claimed: dict[int, Claim] = {}
        self.tab = self._open_tab()

    def work(self, until: threading.Event, pause_s: float) -> None:
        """Do one thing after another, every `pause_s` seconds on average."""
        while not until.wait(self._dice.uniform(0.2, 1.8) * pause_s):
            action = self._dice.choices(list(ACTIONS), list(ACTIONS.values()))[0]
            self.do(action)

    def do(self, action: str) -> None:
        """One action of ACTIONS."""
        if action == "crash":
            self.tab.crash()
            self.tab = self._open_tab()
        elif action == "claim":
            self._claim()
        else:
            images = self._shared if action == "caption shared" else self._own + self._shared
            slot = self._dice.choice((1, 1, 2)) if action == "second caption" else 0
            image_id = self._dice.choice(self._own if action == "caption own" else images)
            self._caption((image_id, slot), action)

    def type_last(self) -> str:
        """One more caption, of an own image, when all is calm; its client id."""
        self.tab.read(self._own[0])
        return self.tab.save((self._own[0], 0), self._text())

    def _caption(self, place: tuple[int, int], action: str) -> None:
        """Open the image (mostly; sometimes an old tab still shows it), change the caption."""
        if (not self.tab.knows(place) or self._dice.random() < 0.3) and not self.tab.read(place[0]):
            return
        shown = self.tab.shown(place)
        text: str | None = self._text()
        if action == "take away" and shown is not None:
            text = None
        elif action == "undo" and self._seen.get(place):
            text = self._seen[place].pop()
        if text is None and shown is None:
            return
        self._seen.setdefault(place, []).append(shown)
        self.tab.save(place, text)

    def _text(self) -> str:
        self._typed += 1
        return f"{self.name} {self._typed} {self._dice.choice(SCRAPS)}"

    def _claim(self) -> None:
        """Take the next uncaptioned images; mostly caption the first, else give it back or walk away."""
        self._end_claims()
        asked_s = time.time()
        wish = {"holder": self.name, "count": self._dice.choice((1, 1, 2, 3))}
        answer = self.tab.call("POST", f"/datasets/{self._dataset}/claims", params=wish)
        if not isinstance(answer, dict) or not answer["items"]:
            return
        for item in answer["items"]:
            ends_s = datetime.fromisoformat(item["lease_expires_at"]).timestamp()
            self._claimed[item["id"]] = Claim(item["id"], self.name, asked_s, time.time(), ends_s)
            self.tab.learn(item)
        first = answer["items"][0]["id"]
        if self._dice.random() < 0.7:
            self._end_claim(first)
            self.tab.save((first, 0), self._text())
        elif self._dice.random() < 0.5:
            self._end_claim(first)
            self.tab.call("POST", f"/images/{first}/release", params={"holder": self.name})

    def _end_claims(self) -> None:
        for image_id in list(self._claimed):
            self._end_claim(image_id)

    def _end_claim(self, image_id: int) -> None:
        """From here on somebody else may be served the image."""
        claim = self._claimed.pop(image_id)
        self._history.claimed(replace(claim, until_s=min(time.time(), claim.until_s)))

    def leave(self) -> None:
        """Close the tab."""
        self._end_claims()
        self.tab.close()
