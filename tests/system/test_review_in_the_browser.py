"""Looking over the variants of an augmentation in a real browser on the running stack."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bench.stack import Stack
from tests.system.browser import open_browser, watch_errors
from tests.system.shapes import make_shapes


@pytest.fixture(scope="module")
def dataset(stack: Stack) -> str:
    """Drawn pictures, split by tag and augmented with synonyms."""
    slug = make_shapes(stack, "To review", 160)
    ids = stack.call("GET", f"/datasets/{slug}/images/ids")["ids"]
    stack.call("POST", f"/datasets/{slug}/marks", json={"image_ids": ids[:50], "tag": "night"})
    stack.run_job(slug, "split", stratify="tag")
    stack.run_job(slug, "augment", method="synonyms", per_caption=2)
    return slug


@pytest.fixture(scope="module")
def page(stack: Stack) -> Iterator[Page]:
    with open_browser() as browser:
        page = browser.new_page(base_url=stack.url, viewport={"width": 1440, "height": 900})
        page.set_extra_http_headers({"Authorization": stack.http.headers["Authorization"]})
        page.set_default_timeout(20_000)
        errors = watch_errors(page)
        yield page
        assert errors == []


def counts(stack: Stack, dataset: str) -> Any:
    return stack.call("GET", f"/datasets/{dataset}/variants?limit=1")["counts"]


def test_1_the_prepare_page_shows_the_snapshot_the_mix_and_pairs_and_leads_to_the_review(
    page: Page, dataset: str
) -> None:
    page.goto(f"/d/{dataset}/prepare")
    expect(page.get_by_role("table", name="Images of each kind")).to_contain_text("night")
    expect(page.locator("code.snapshot")).to_have_text(re.compile(r"^[0-9a-f]{16}$"))
    assert page.locator(".pairs img").count() >= 2
    page.get_by_role("link", name=re.compile(r"Review [\d,]+ variants")).click()
    expect(page.get_by_role("heading", name="Review variants")).to_be_visible()
    expect(page.locator(".variant").first).to_be_visible()


def test_2_keys_accept_reject_edit_and_undo(page: Page, stack: Stack, dataset: str) -> None:
    all_open = counts(stack, dataset)["proposed"]
    page.keyboard.press("j")
    page.keyboard.press("a")
    page.keyboard.press("r")
    active = page.locator(".variant.active")
    page.keyboard.press("e")
    box = page.get_by_label("Other words for the variant")
    expect(box).to_be_focused()
    page.keyboard.type("words of my own, jar")  # letters that are keys elsewhere
    page.keyboard.press("Enter")
    expect(active).to_contain_text("Edited")
    expect(page.get_by_role("tab", name=re.compile("^Edited 1"))).to_be_visible()
    expect(page.get_by_role("tab", name=re.compile("^Accepted 1"))).to_be_visible()
    expect(page.get_by_role("tab", name=re.compile("^Rejected 1"))).to_be_visible()
    found = counts(stack, dataset)
    assert found == {"proposed": all_open - 3, "accepted": 1, "edited": 1, "rejected": 1}
    page.keyboard.press("u")
    expect(active).to_contain_text("To review")
    expect(active).not_to_contain_text("words of my own")
    page.keyboard.press("u")
    expect(page.get_by_role("tab", name=re.compile("^Rejected 0"))).to_be_visible()
    assert counts(stack, dataset)["proposed"] == all_open - 1


def test_3_all_that_fit_are_accepted_at_once_and_that_is_undone(
    page: Page, stack: Stack, dataset: str
) -> None:
    page.goto(f"/d/{dataset}/review-variants")
    page.get_by_label("Text").fill("circle")
    expect(page).to_have_url(re.compile("q=circle"))
    accept = page.get_by_role("button", name=re.compile(r"^Accept [\d,]+ left"))
    expect(accept).to_be_visible()
    before = counts(stack, dataset)
    accept.click()
    expect(page.get_by_text(re.compile(r"[\d,]+ variants accepted\."))).to_be_visible()
    assert counts(stack, dataset)["accepted"] > before["accepted"]
    page.locator(".toasts").get_by_role("button", name="Undo").click()
    expect(page.get_by_text(re.compile("variants back to review"))).to_be_visible()
    assert counts(stack, dataset) == before


def test_4_train_csv_and_its_lineage_have_what_stands(
    page: Page, stack: Stack, dataset: str
) -> None:
    page.goto(f"/d/{dataset}/review-variants")
    first = page.locator(".variant").first
    expect(first).to_be_visible()
    text = first.locator(".marked").inner_text()
    first.get_by_role("button", name="Reject").click()
    expect(first).to_contain_text("Rejected")
    rows = counts(stack, dataset)
    page.wait_for_timeout(2500)
    exported = stack.http.get(f"/datasets/{dataset}/export.zip").content
    archive = zipfile.ZipFile(io.BytesIO(exported))
    titles = [line.split("\t")[1] for line in archive.read("train.csv").decode().splitlines()[1:]]
    lineage = [json.loads(line) for line in archive.read("train_lineage.jsonl").splitlines()]
    assert len(titles) == len(lineage)
    methods = [line["method"] for line in lineage]
    assert methods.count("synonyms") == sum(rows.values()) - rows["rejected"]
    source = stack.call("GET", f"/datasets/{dataset}/variants?state=rejected")["items"][0]
    assert source["text"] == text
    own = [title for title, line in zip(titles, lineage, strict=True)
           if (line["image_id"], line["slot"]) == (source["image_id"], source["slot"])]  # fmt: skip
    assert own[0] == source["source_text"]
    assert text not in own
