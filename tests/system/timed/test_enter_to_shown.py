"""From Enter to the next image shown, in a real browser on the running stack."""

from __future__ import annotations

import statistics

import pytest
from playwright.sync_api import expect

from bench.stack import Stack
from tests.system.browser import PATIENCE_S, open_browser
from tests.system.captioning_team import Captioning, Person, make_dataset, outbox_of
from tests.workers.conftest import wait_until

pytestmark = pytest.mark.timed

ENTER_TO_SHOWN_MS = 100.0  # median
SHOWN_IMAGES = 20


def test_from_enter_to_the_next_image_shown_takes_less_than_a_tenth_of_a_second(
    stack: Stack,
) -> None:
    dataset = make_dataset(stack, "A quick hand", SHOWN_IMAGES + 3)
    with open_browser() as browser, Person(stack, browser, "anna").open_browser() as context:
        write_and_go_on(Captioning(context, dataset).open())
    counts = stack.call("GET", f"/datasets/{dataset}")["counts"]
    assert counts["captioned"] == SHOWN_IMAGES


def write_and_go_on(page: Captioning) -> None:
    for number in range(SHOWN_IMAGES):
        page.page.keyboard.type(f"picture number {number}", delay=5)
        page.go_on()
        expect(page.page.locator("img.sharp.there")).to_be_visible()
    page.page.wait_for_function(
        f"() => performance.getEntriesByName('enter-to-shown').length >= {SHOWN_IMAGES}"
    )
    took_ms: list[float] = page.page.evaluate(
        "() => performance.getEntriesByName('enter-to-shown').map(one => one.duration)"
    )
    shown = ", ".join(f"{one:.0f}" for one in sorted(took_ms))
    print(f"from Enter to shown: median {statistics.median(took_ms):.0f} ms; {shown} ms")
    assert statistics.median(took_ms) < ENTER_TO_SHOWN_MS
    wait_until(lambda: outbox_of(page.page) == [], PATIENCE_S, "the last save")
