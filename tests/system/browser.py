"""A real Chromium: the installed one where there is one, else Playwright's own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

PATIENCE_S = 20  # with what is expected of a page: other tests share the cores
OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Headless Chromium. CHROMIUM names another program."""
    program = os.environ.get("CHROMIUM") or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    expect.set_options(timeout=PATIENCE_S * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


class Camera:
    """Takes a screenshot of a page where a folder for them was given."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def take(self, page: Page, name: str) -> None:
        """`name`.png, as the page is now."""
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            page.wait_for_timeout(400)
            page.screenshot(path=self._folder / f"{name}.png")


def watch_errors(page: Page) -> list[str]:
    """Uncaught exceptions of the page, and what its security policy refused, as they come."""
    seen: list[str] = []
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("console", lambda said: seen.append(said.text) if is_refusal(said.text) else None)
    return seen


def is_refusal(said: str) -> bool:
    """Whether a line of the console tells of a policy that is broken, or not understood."""
    return "Content Security Policy" in said or "Permissions-Policy" in said
