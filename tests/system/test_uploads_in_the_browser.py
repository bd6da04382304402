"""A folder and a large zip uploaded in a real browser, over a network that goes away."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from bench.stack import PASSWORD, Stack
from tests.system.browser import open_browser, watch_errors

MINUTE_MS = 60_000
IMAGES = 450  # three portions


@pytest.fixture(scope="module")
def page(stack: Stack) -> Iterator[Page]:
    with open_browser() as browser:
        context = browser.new_context(base_url=stack.url, viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.set_default_timeout(20_000)
        errors = watch_errors(page)
        page.goto("/")
        page.get_by_label("User name").fill("admin")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Datasets")).to_be_visible()
        yield page
        assert errors == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images in two subfolders, captions beside some of them, and what systems leave behind."""
    made = tmp_path_factory.mktemp("upload") / "set"
    for number in range(IMAGES):
        path = made / f"part{number % 2}" / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        if number % 10 == 0:
            path.with_suffix(".txt").write_text(f"number {number}\nagain {number}\n")
    (made / "part0" / ".DS_Store").write_bytes(b"x")
    return made


def open_dataset(stack: Stack, page: Page, name: str) -> str:
    dataset: str = stack.call("POST", "/datasets", json={"name": name})["id"]
    page.goto(f"/d/{dataset}")
    return dataset


def counts(stack: Stack, dataset: str) -> tuple[int, int]:
    found = stack.call("GET", f"/datasets/{dataset}")["counts"]
    return found["images"], found["captioned"]


def shown(page: Page, what: str, number: int) -> None:
    figure = page.locator(".upload-counts div").filter(has_text=what)
    expect(figure).to_contain_text(f"{number:,}", timeout=MINUTE_MS)


def test_a_folder_goes_on_after_the_network_was_away_and_is_told_as_one(
    stack: Stack, page: Page, folder: Path
) -> None:
    dataset = open_dataset(stack, page, "Folder")
    expect(
        page.get_by_label("Image folder")
    ).to_be_attached()  # a part of the page that comes later
    page.context.set_offline(True)
    page.get_by_label("Image folder").set_input_files(folder)
    expect(page.get_by_role("button", name="Resume upload")).to_be_visible()
    page.context.set_offline(False)
    shown(page, "added", IMAGES)
    shown(page, "rejected", 0)
    expect(page.get_by_text("90 captions imported.")).to_be_visible()
    expect(page.locator(".upload-counts")).to_have_count(1)
    assert counts(stack, dataset) == (IMAGES, IMAGES // 10)


def test_a_folder_that_is_picked_again_sends_nothing_that_is_there(
    stack: Stack, page: Page, folder: Path
) -> None:
    page.reload()
    sent: list[int] = []
    page.on(
        "request",
        lambda asked: (
            sent.append(1)
            if asked.method == "POST" and asked.url.partition("?")[0].endswith("/images")
            else None
        ),
    )
    page.get_by_label("Image folder").set_input_files(folder)
    shown(page, "already there", IMAGES)
    expect(page.get_by_text("90 unchanged.")).to_be_visible()
    assert len(sent) == 1  # the captions


def test_a_large_zip_goes_in_portions(stack: Stack, page: Page, tmp_path: Path) -> None:
    dataset = open_dataset(stack, page, "Zip")
    archive = tmp_path / "large.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for number in range(12):
            noise = np.random.default_rng(900 + number).integers(0, 255, (1000, 1000, 3), "uint8")
            buffer = io.BytesIO()
            Image.fromarray(noise).save(buffer, "PNG", compress_level=0)
            out.writestr(f"{number}.png", buffer.getvalue())
    assert archive.stat().st_size > 33 * 2**20
    with page.expect_request(lambda asked: asked.method == "PUT" and "/uploads/" in asked.url):
        page.get_by_label("Image files").set_input_files(archive)
    shown(page, "added", 12)
    assert counts(stack, dataset)[0] == 12


def test_an_export_is_made_in_the_form_that_is_chosen(
    stack: Stack, page: Page, tmp_path: Path
) -> None:
    page.goto("/d/folder")
    page.get_by_role("button", name="Export").click()
    page.get_by_role("radio", name=".txt beside each image").check()
    page.get_by_label("Only images with a caption").check()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download zip").click()
    download.value.save_as(tmp_path / "out.zip")
    names = zipfile.ZipFile(tmp_path / "out.zip").namelist()
    assert len(names) == 2 * IMAGES // 10
    text = zipfile.ZipFile(tmp_path / "out.zip").read("images/010.txt")
    assert text == b"number 10\nagain 10\n"
