"""People who keep every kind of job going: they upload, train, import captions, delete, bring back, search."""

from __future__ import annotations

import io
import json
import random
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from PIL import Image

from bench.stack import Stack
from tests.system.chaos.history import History
from tests.system.shapes import make_shapes

PICTURES = 120  # of the dataset that is trained on, again and again
IN_A_ZIP = 8
PORTION = (
    2048  # bytes of an upload in a request: an API that is killed meanwhile is killed within it
)
TIMEOUT_S = 10.0
TRAIN = {"model": "clip-browser-small", "pretrained": "", "epochs": 2, "batch_size": 32}
PATIENCE_S = 60.0


@dataclass
class Deeds:
    """What was confirmed to somebody, and must be so at the end.

    uploads: the job of each zip, with the names of its pictures. deleted: batch to names in the trash; removed: names
    that were removed for good, restored: names that were brought back. doubtful: asked for, without an answer.
    """

    uploads: dict[str, list[str]] = field(default_factory=dict)
    deleted: dict[str, list[str]] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    restored: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    done: Counter[str] = field(default_factory=Counter)


class Works:
    """The hands of one dataset of uploads and one that is trained on, on the bad line of the captioners."""

    def __init__(self, stack: Stack, url: str, history: History, seed: str) -> None:
        self.trained = make_shapes(stack, "Trained", PICTURES)
        self.uploaded = str(stack.call("POST", "/datasets", json={"name": "Uploaded"})["id"])
        self.deeds = Deeds()
        self._history, self._seed = history, seed
        self._url, self._token = url, stack.http.headers["Authorization"]
        self._model: str | None = None
        self._sending = threading.Event()

    @property
    def is_sending(self) -> bool:
        """Whether bytes of an upload are on their way."""
        return self._sending.is_set()

    def hands(self) -> list[Callable[[threading.Event], None]]:
        """Each works until the event is set, then finishes what it has begun."""
        return [self._upload, self._train, self._describe, self._tidy, self._search]

    # -- each works by itself

    def _upload(self, over: threading.Event) -> None:
        """Zips of new pictures, in portions, each from where the last one broke off."""
        dice = random.Random(f"{self._seed}:uploads")
        number = 0
        while not over.is_set():
            number += 1
            names, packed = _zip(dice, number)
            job = self._send(f"batch{number:04}.zip", packed)
            if job is not None:
                self.deeds.uploads[job] = names
            over.wait(dice.uniform(0.5, 2.0))

    def _send(self, name: str, packed: bytes) -> str | None:
        """The job that takes the zip in; None when that could not be had in time."""
        body = {"name": name, "size_bytes": len(packed), "fingerprint": name}
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            begun = self._ask("POST", "/uploads", json=body)
            if begun is not None and begun["job_id"]:  # taken: the answer was lost on its way
                return str(begun["job_id"])
            if begun is not None and self._send_portions(begun, packed):
                taken = self._ask(
                    "POST",
                    f"/datasets/{self.uploaded}/images",
                    json={"uploads": [begun["id"]]},
                )
                if taken is not None:
                    self.deeds.done["zips sent"] += 1
                    return str(taken["job"]["id"])
            time.sleep(0.3)
        self.deeds.done["zips given up"] += 1
        return None

    def _send_portions(self, begun: dict[str, Any], packed: bytes) -> bool:
        at = int(begun["offset"])
        self._sending.set()
        try:
            while at < len(packed):
                answer = self._ask(
                    "PUT",
                    f"/uploads/{begun['id']}",
                    content=packed[at : at + PORTION],
                    headers={"Upload-Offset": str(at), "Content-Type": "application/octet-stream"},
                )
                if answer is None:
                    return False
                at = int(answer["offset"])
            return True
        finally:
            self._sending.clear()

    def _train(self, over: threading.Event) -> None:
        """split, augment, train, index and map, in a chain; then once more."""
        dice = random.Random(f"{self._seed}:trainings")
        while not over.is_set():
            last = None
            for kind, params in (("split", {}), ("augment", {}), ("train", TRAIN)):
                params = {**params, "seed": dice.randrange(1000)}
                last = self._begin(kind, params, after=last)
                if last is None:
                    break
            done = self._wait(last, over) if last else None
            if done is not None and done["state"] == "succeeded":
                self._model = str(done["result"]["model_id"])
                self.deeds.done["trained"] += 1
                for kind in ("index", "map"):
                    job = self._begin(kind, {"model": self._model})
                    ended = self._wait(job, over) if job else None
                    self.deeds.done[f"{kind} {ended['state'] if ended else 'not seen'}"] += 1
                    if ended is None:
                        break  # the story is over, and a map needs an index that is there
            over.wait(dice.uniform(0.5, 2.0))

    def _begin(self, kind: str, params: dict[str, Any], after: str | None = None) -> str | None:
        body = {"kind": kind, "params": params} | ({"after_job_id": after} if after else {})
        job = self._ask("POST", f"/datasets/{self.trained}/jobs", json=body)
        return None if job is None else str(job["id"])

    def _wait(self, job: str, over: threading.Event) -> dict[str, Any] | None:
        """The job once it has ended; None when the story is over before."""
        while not over.wait(0.5):
            found = self._ask("GET", f"/jobs/{job}")
            if found and found["state"] in ("succeeded", "failed", "stopped"):
                return dict(found)
        return None

    def _describe(self, over: threading.Event) -> None:
        """Tables of captions for what was uploaded, again and again."""
        dice = random.Random(f"{self._seed}:tables")
        while not over.wait(dice.uniform(1.0, 4.0)):
            names = [name for each in list(self.deeds.uploads.values()) for name in each]
            if not names:
                continue
            rows = "".join(
                f"{name},a noise picture {dice.randrange(10**6)}\n" for name in names[-200:]
            )
            table = ("captions.csv", f"image,caption\n{rows}".encode(), "text/csv")
            if self._ask("POST", f"/datasets/{self.uploaded}/captions", files={"file": table}):
                self.deeds.done["tables sent"] += 1

    def _tidy(self, over: threading.Event) -> None:
        """A few pictures into the trash; from there back, or away for good."""
        dice = random.Random(f"{self._seed}:trash")
        while not over.wait(dice.uniform(1.0, 3.0)):
            page = self._ask("GET", f"/datasets/{self.uploaded}/images", params={"limit": 200})
            if not page or len(page["items"]) < 4:
                continue
            chosen = dice.sample(page["items"], 2)
            self._delete({int(item["id"]): str(item["filename"]) for item in chosen})
            if self.deeds.deleted and dice.random() < 0.6:
                self._decide(dice)

    def _delete(self, chosen: dict[int, str]) -> None:
        names = list(chosen.values())
        self.deeds.restored.difference_update(names)
        self.deeds.doubtful.update(names)
        answer = self._ask(
            "POST", f"/datasets/{self.uploaded}/images/delete", json={"image_ids": list(chosen)}
        )
        if answer is not None and answer["deleted"] == len(names):
            self.deeds.deleted[str(answer["batch"])] = names
            self.deeds.doubtful.difference_update(names)
            self.deeds.done["deleted"] += len(names)

    def _decide(self, dice: random.Random) -> None:
        """Bring a batch back, or remove it for good."""
        batch = dice.choice(list(self.deeds.deleted))
        names = self.deeds.deleted.pop(batch)
        self.deeds.doubtful.update(names)
        if dice.random() < 0.5:
            answer = self._ask("POST", f"/trash/images/{batch}/restore")
            if answer is not None and answer["images"] == len(names):
                self.deeds.restored.update(names)
                self.deeds.doubtful.difference_update(names)
                self.deeds.done["brought back"] += len(names)
        elif self._ask("DELETE", f"/trash/images/{batch}") is not None:
            self.deeds.removed.update(names)
            self.deeds.doubtful.difference_update(names)
            self.deeds.done["removed"] += len(names)

    def _search(self, over: threading.Event) -> None:
        """With the newest model, once there is one."""
        while not over.wait(1.0):
            if self._model is not None:
                query = {"q": "a red circle", "model": self._model, "k": 5}
                if self._ask("GET", f"/datasets/{self.trained}/search", params=query):
                    self.deeds.done["searched"] += 1

    # -- afterwards

    def find_again(self, stack: Stack) -> list[str]:
        """Search with the newest model once all is calm; what is wrong, in words."""
        if self._model is None:
            return []
        job = stack.start_job(self.trained, "index", model=self._model)
        ended = stack.wait_for_job(job["id"], 120)
        if ended["state"] != "succeeded":
            return [f"in the calm the index of {self._model} ends as {ended['error']}"]
        query = {"q": "a red circle", "model": self._model, "k": 5}
        found = stack.call("GET", f"/datasets/{self.trained}/search", params=query)
        return [] if len(found["hits"]) == 5 else [f"a search found {len(found['hits'])} of 5"]

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        """An answer's JSON, {} for none; None when it was refused or did not come."""
        headers = {"Authorization": self._token} | options.pop("headers", {})
        try:
            with httpx.Client(base_url=f"{self._url}/api/v1", timeout=TIMEOUT_S) as client:
                answer = client.request(method, path, headers=headers, **options)
                text = answer.text
        except httpx.HTTPError as problem:
            self._history.unanswered(problem)
            return None
        self._history.answered(f"{method} {path}", answer.status_code, text)
        if not answer.is_success:
            return None
        return json.loads(text) if text else {}


def _zip(dice: random.Random, number: int) -> tuple[list[str], bytes]:
    """The names of its pictures, no two alike, and the zip."""
    packed = io.BytesIO()
    names = [f"up{number:04}-{each}.png" for each in range(IN_A_ZIP)]
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            png = io.BytesIO()
            Image.frombytes("RGB", (24, 24), dice.randbytes(24 * 24 * 3)).save(png, "PNG")
            archive.writestr(name, png.getvalue())
    return names, packed.getvalue()
