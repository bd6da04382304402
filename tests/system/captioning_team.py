"""A dataset and people at real browsers, for the tests of captioning."""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any

import httpx
import psutil
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from bench.stack import Stack
from tests.system.browser import watch_errors
from tests.system.chaos.killer import VICTIMS
from workers.cpu.images.sample import draw_sample


def make_dataset(
    stack: Stack, name: str, images: int, captions: dict[int, str] | None = None
) -> str:
    """A dataset of drawn pictures 000.png, 001.png ...; captions: by number; its id."""
    dataset = str(stack.call("POST", "/datasets", json={"name": name})["id"])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number, image in enumerate(draw_sample(images, seed=len(name))):
            archive.writestr(f"{number:03}.png", image.png)
    files = {"files": ("pictures.zip", packed.getvalue(), "application/zip")}
    job = stack.call("POST", f"/datasets/{dataset}/images", files=files)["job"]
    assert stack.succeeded(job["id"])["result"]["added"] == images
    for number, text in (captions or {}).items():
        caption(stack, image_ids(stack, dataset)[number], text)
    return dataset


def image_ids(stack: Stack, dataset: str) -> list[int]:
    """All images, in order."""
    items = stack.call("GET", f"/datasets/{dataset}/images", params={"limit": 200})["items"]
    return [int(item["id"]) for item in items]


def caption(stack: Stack, image_id: int, text: str, token: str | None = None) -> dict[str, Any]:
    """Save a caption by a script, on top of whatever is there; the answer."""
    item = stack.call("GET", f"/images/{image_id}")
    headers = {"Prefer": "wait=10"} | ({"Authorization": f"Bearer {token}"} if token else {})
    body = {"text": text, "base_revision": item["revision"], "client_id": f"{image_id}:{text}"}
    saved: dict[str, Any] = stack.call(
        "PUT", f"/images/{image_id}/caption", json=body, headers=headers
    )
    return saved


class Person:
    """Somebody with an account. `state` is what their browsers start with: a sign-in."""

    def __init__(self, stack: Stack, browser: Browser, name: str) -> None:
        self.name, self._stack, self._browser = name, stack, browser
        link = stack.call("POST", "/users", json={"name": name})["link"]
        body = {"token": link.split("token=")[1]}
        answer = httpx.post(f"{stack.url}/api/v1/auth/link", json=body)
        self.token = str(answer.json()["token"])
        cookies = [
            {"name": cookie, "value": value, "url": stack.url}
            for cookie, value in answer.cookies.items()
        ]
        self._cookies: Any = cookies

    def open_browser(self) -> BrowserContext:
        """A browser of their own with an empty storage, signed in."""
        view = {"width": 1280, "height": 800}
        context = self._browser.new_context(base_url=self._stack.url, viewport=view)  # type: ignore[arg-type]
        context.set_default_timeout(30_000)
        context.add_cookies(self._cookies)
        return context


class Captioning:
    """The page where images are captioned, as its user sees it."""

    def __init__(self, context: BrowserContext, dataset: str) -> None:
        self.page: Page = context.new_page()
        self.errors = watch_errors(self.page)
        self._dataset = dataset

    def open(self, image_id: int | None = None, query: str = "") -> Captioning:
        """Go to an image, or to the one that is served."""
        place = f"/d/{self._dataset}/caption"
        self.page.goto(place + (f"/{image_id}" if image_id else "") + query)
        self.page.wait_for_url(re.compile(r"/caption/\d+"))
        expect(self.page.locator("img.sharp.there")).to_be_visible()
        expect(self.box).to_be_focused()
        return self

    @property
    def box(self) -> Locator:
        """Where one types."""
        return self.page.get_by_label("Caption", exact=True)

    @property
    def line(self) -> Locator:
        """What stands under the box: tokens, state, who else is here."""
        return self.page.locator("#caption-line")

    @property
    def image_id(self) -> int:
        """The open image."""
        return int(re.search(r"/caption/(\d+)", self.page.url)[1])  # type: ignore[index]

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Replace what is in the box by typing."""
        self.press("Control+A")
        self.page.keyboard.type(text)

    def go_on(self, key: str = "Enter") -> int:
        """Press a key that leads to another image; that one."""
        before = self.page.url
        self.press(key)
        self.page.wait_for_function("before => location.href !== before", arg=before)
        return self.image_id


def stored_captions(stack: Stack, image_id: int) -> list[tuple[int, str | None, str]]:
    """(revision, text, author) of the first caption, oldest first."""
    rows = stack.call("GET", f"/images/{image_id}/captions")["items"]
    own = [row for row in rows if row.get("slot", 0) == 0]
    return sorted((row["revision"], row["text"], row["author"]) for row in own)


def outbox_of(page: Page) -> list[dict[str, Any]]:
    """What the browser keeps of captions that are not known to be saved."""
    kept = page.evaluate(
        "() => Object.keys(localStorage).filter(key => key.includes('.outbox.')).map(key => localStorage[key])"
    )
    return [json.loads(entry) for entry in kept]


def claimer(stack: Stack, image_id: int) -> str | None:
    """Who holds an image; None: nobody."""
    name: str | None = stack.call("GET", f"/images/{image_id}")["claimed_by"]
    return name


def held_by(stack: Stack, dataset: str, name: str) -> int:
    """Images ahead that this person's tab holds."""
    items = stack.call("GET", f"/datasets/{dataset}/images", params={"limit": 200})["items"]
    return sum(item["claimed_by"] == name for item in items)


def latest(stack: Stack, image_id: int) -> str | None:
    """The newest text of the first caption."""
    return stored_captions(stack, image_id)[-1][1]


def kill_api(stack: Stack) -> None:
    """SIGKILL, as a crash would, and none of it answers any more.

    Its processes see a moment later that their parent is gone, and answer until then.
    """
    started = psutil.Process(stack.process.pid).children(recursive=True)
    api = next(process for process in started if VICTIMS["API killed"](process))
    family = [api, *api.children(recursive=True)]
    api.kill()
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []


def is_ready(stack: Stack) -> bool:
    """Whether the API and all it needs are there."""
    try:
        return httpx.get(f"{stack.url}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
