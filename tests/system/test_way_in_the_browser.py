"""The whole way in a real browser on the running stack: images, captions, split, augment, train, search."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image as Picture
from playwright.sync_api import Page, expect

from bench.stack import PASSWORD, Stack
from tests.system.browser import Camera, open_browser, watch_errors
from workers.cpu.images.sample import SampleImage, draw_sample

pytestmark = pytest.mark.timeout(900)  # its trainings go behind whatever runs beside them
DATASET = "Shapes by hand"
SLUG = "shapes-by-hand"
MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def drawn() -> list[SampleImage]:
    return list(draw_sample(90, seed=5))


@pytest.fixture(scope="module")
def page(stack: Stack) -> Iterator[Page]:
    with open_browser() as browser:
        context = browser.new_context(base_url=stack.url, viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.set_default_timeout(20_000)
        errors = watch_errors(page)
        yield page
        assert errors == []


def archive(drawn: list[SampleImage]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for image in drawn:
            made.writestr(image.filename, image.png)
        made.writestr("cut-short.png", drawn[0].png[:200])
        made.writestr("notes.pdf", b"%PDF-1.7 not a picture")
    return buffer.getvalue()


def test_1_sign_in_by_password(stack: Stack, page: Page, camera: Camera) -> None:
    page.goto("/")
    camera.take(page, "sign-in")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Datasets")).to_be_visible()
    camera.take(page, "datasets-empty")


def test_2_make_a_dataset_and_drop_a_zip_with_two_bad_files(
    page: Page, drawn: list[SampleImage], camera: Camera
) -> None:
    page.get_by_role("button", name="Create dataset").first.click()
    page.get_by_label("Dataset name").fill(DATASET)
    page.get_by_role("dialog").get_by_role("button", name="Create dataset").click()
    expect(page).to_have_url(re.compile(f"/d/{SLUG}$"))
    zipped = {"name": "shapes.zip", "mimeType": "application/zip", "buffer": archive(drawn)}
    page.get_by_label("Image files").set_input_files(zipped)  # type: ignore[arg-type]
    rejected = page.get_by_text("cut-short.png")
    expect(rejected).to_be_visible(timeout=MINUTE_MS)
    expect(page.get_by_text("notes.pdf")).to_be_visible()
    expect(page.get_by_text("it is a PDF, not an image")).to_be_visible()
    expect(page.get_by_role("list", name="Steps")).to_contain_text("0 of 90", timeout=MINUTE_MS)
    camera.take(page, "overview-after-upload")


def test_3_caption_with_the_keyboard_alone(
    stack: Stack, page: Page, drawn: list[SampleImage], camera: Camera
) -> None:
    captions = {image.filename: image.caption for image in drawn}
    page.goto(f"/d/{SLUG}/caption")
    for number in range(3):
        page.wait_for_url(re.compile(rf"/d/{SLUG}/caption/\d+"))
        address = page.url
        box = page.get_by_label("Caption", exact=True)
        expect(box).to_be_focused()
        shown = page.locator("img.sharp.there")
        expect(shown).to_be_visible()
        page.keyboard.type(captions[shown.get_attribute("alt") or ""] + "x")
        page.keyboard.press("Backspace")
        if number == 1:
            camera.take(page, "caption")
        page.keyboard.press("Enter")
        page.wait_for_function("before => location.href !== before", arg=address)
    page.wait_for_url(re.compile(rf"/d/{SLUG}/caption/\d+"))
    page.keyboard.type("a half-written")
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(f"/d/{SLUG}$"))
    saved = stack.call("GET", f"/datasets/{SLUG}/images", params={"status": "captioned"})["items"]
    assert len(saved) == 3
    assert all(item["caption"] == captions[item["filename"]] for item in saved)
    assert {item["captioned_by"] for item in saved} == {"admin"}


def test_4_a_draft_that_was_left_is_still_there_after_a_reload(page: Page) -> None:
    page.goto(f"/d/{SLUG}/caption")
    page.wait_for_url(re.compile(rf"/d/{SLUG}/caption/\d+"))
    page.reload()
    expect(page.get_by_label("Caption", exact=True)).to_have_value("a half-written")
    page.get_by_label("Caption", exact=True).fill("")
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(f"/d/{SLUG}$"))


def test_5_import_the_other_captions_from_a_csv(
    page: Page, drawn: list[SampleImage], camera: Camera
) -> None:
    rows = "".join(f"{image.filename},{image.caption}\n" for image in drawn)
    table = f"image,caption\n{rows}not-there.png,a ghost\n".encode()
    page.get_by_label("Captions file").set_input_files(
        {"name": "captions.csv", "mimeType": "text/csv", "buffer": table}
    )
    page.get_by_text("1 name without an image").click(timeout=MINUTE_MS)
    expect(page.get_by_text("not-there.png")).to_be_visible()
    expect(page.get_by_role("list", name="Steps")).to_contain_text("90 of 90", timeout=MINUTE_MS)
    camera.take(page, "overview-captioned")


def test_6_split_and_augment(page: Page, camera: Camera) -> None:
    page.goto(f"/d/{SLUG}/prepare")
    page.get_by_role("button", name="Split captions").click()
    expect(page.locator("main")).to_contain_text(re.compile(r"7\d"), timeout=MINUTE_MS)
    page.get_by_text("Synonyms", exact=True).first.click()
    augment = page.get_by_role("button", name="Run augmentation")
    expect(augment).to_be_enabled(timeout=MINUTE_MS)
    augment.click()
    page.goto(f"/d/{SLUG}")
    expect(page.get_by_role("list", name="Steps")).to_contain_text("(x", timeout=MINUTE_MS)
    page.goto(f"/d/{SLUG}/prepare")
    camera.take(page, "prepare")


def test_7_paraphrases_without_a_language_model_say_so_and_offer_synonyms(page: Page) -> None:
    page.goto(f"/d/{SLUG}/prepare")
    page.get_by_text("Language model").first.click()
    page.get_by_role("button", name="Run augmentation").click()
    offer = page.get_by_role("button", name="Use synonyms instead")
    expect(offer).to_be_visible(timeout=2 * MINUTE_MS)
    offer.click()
    expect(offer).to_be_hidden(timeout=MINUTE_MS)


def test_8_train_watch_stop_and_resume(page: Page, camera: Camera) -> None:
    page.goto(f"/d/{SLUG}/train")
    page.get_by_label("Model", exact=True).select_option("clip-browser-small")
    page.get_by_label("Epochs").fill("30")
    camera.take(page, "train")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"/runs/\w+"))
    expect(page.locator("main")).to_contain_text(
        re.compile(r"[Ee]poch \d+ of 30"), timeout=2 * MINUTE_MS
    )
    camera.take(page, "run-live")
    page.get_by_role("button", name="Stop", exact=True).first.click()
    page.get_by_role("button", name="Stop and keep checkpoint").click()
    expect(page.get_by_text("Resume goes on from there")).to_be_visible(timeout=MINUTE_MS)
    camera.take(page, "run-stopped")
    page.get_by_role("button", name="Resume").first.click()
    expect(page.get_by_role("heading", name="What it learned")).to_be_visible(timeout=5 * MINUTE_MS)
    expect(page.get_by_label("Log").first).to_contain_text("epoch")
    camera.take(page, "run-done")


def test_9_build_the_index_and_find_images(
    stack: Stack, page: Page, drawn: list[SampleImage], camera: Camera
) -> None:
    page.get_by_role("button", name="Build index with this model").click()
    page.get_by_role("link", name="Search with it").click(timeout=2 * MINUTE_MS)
    box = page.get_by_role("searchbox").or_(page.get_by_label("Search", exact=True)).first
    box.fill("a red circle")
    page.keyboard.press("Enter")
    hits = page.get_by_role("list", name="Images found").get_by_role("listitem")
    expect(hits.first).to_be_visible(timeout=2 * MINUTE_MS)
    camera.take(page, "search")
    page.goto(f"/d/{SLUG}/search")
    expect(page.get_by_label("Model", exact=True)).to_be_visible()


@pytest.mark.parametrize("place", ["models", "jobs", "workers", "settings", f"d/{SLUG}/map"])
def test_every_other_page_opens_without_an_error(page: Page, place: str, camera: Camera) -> None:
    page.goto(f"/{place}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    camera.take(page, place.rsplit("/", 1)[-1])


def test_the_map_is_drawn_moved_and_opened(stack: Stack, page: Page, camera: Camera) -> None:
    images = stack.call("GET", f"/datasets/{SLUG}/images", params={"limit": 4})["items"]
    corners = [[0, 0], [10, 0], [10, 10], [0, 10]]
    points = [[x, y, n % 2, image["id"]] for n, ((x, y), image) in enumerate(zip(corners, images, strict=True))]  # fmt: skip
    drawn = {
        "points": points, "clusters": [{"id": n, "label": f"group {n}", "size": 2} for n in (0, 1)],
        "model": "ViT-B-32/openai", "index_job_id": None, "created_at": "2026-11-28T08:00:00+00:00",
    }  # fmt: skip
    model = page_model(stack)
    place = stack.data_dir / "maps" / SLUG / f"{model.replace('/', '_')}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(drawn | {"model": model}))
    page.goto(f"/d/{SLUG}/map")
    canvas = page.locator(".map-stage canvas")
    expect(page.locator(".map-label").first).to_be_visible()
    box = canvas.bounding_box()
    assert box is not None
    reach = min(box["width"], box["height"]) / 2 * 0.92
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_timeout(200)
    shot = Picture.open(io.BytesIO(canvas.screenshot())).convert("RGB")
    dot = (round(box["width"] / 2 + reach), round(box["height"] / 2 - reach))
    assert shot.getpixel(dot) != shot.getpixel((dot[0] - 40, dot[1]))
    page.mouse.move(middle[0] + reach, middle[1] - reach)  # the third point stands there
    expect(page.locator(f".map-thumb img[src*='/images/{images[2]['id']}/']")).to_be_visible()
    camera.take(page, "map")
    page.mouse.move(*middle)
    page.mouse.wheel(0, 200)
    page.mouse.down()
    page.mouse.move(middle[0] - 40, middle[1] + 30)
    page.mouse.up()
    expect(page.locator(".map-thumb")).to_have_count(0)
    page.get_by_role("button", name="All").click()
    page.wait_for_timeout(400)  # the flight
    page.mouse.click(middle[0] + reach, middle[1] - reach)
    expect(page).to_have_url(re.compile(f"/caption/{images[2]['id']}$"))


def page_model(stack: Stack) -> str:
    """The model that the dataset's pages begin with."""
    dataset = stack.call("GET", f"/datasets/{SLUG}")
    indexes = stack.call("GET", f"/datasets/{SLUG}/indexes")["items"]
    return str(dataset["model_id"] or indexes[0]["model_id"])


def test_a_script_that_got_into_a_page_does_not_run(stack: Stack, page: Page) -> None:
    other = page.context.new_page()
    errors = watch_errors(other)
    other.goto("/jobs")
    expect(other.get_by_role("heading", level=1)).to_be_visible()
    assert errors == []
    other.evaluate(
        """() => document.body.insertAdjacentHTML("beforeend",
            "<img src='/nowhere' onerror='window.hit = 1'><p style='color: red'>x</p>"
            + "<img src='https://elsewhere.example/spy.png'>")"""
    )
    other.wait_for_timeout(300)
    assert other.evaluate("() => window.hit") is None
    refused = " ".join(errors)
    assert [f"{kind}-src" in refused for kind in ("script", "style", "img")] == [True] * 3, errors
    other.close()


def test_nothing_is_loaded_from_elsewhere(stack: Stack, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/")
    page.goto(f"/d/{SLUG}/search")
    page.wait_for_timeout(500)
    foreign = [url for url in asked if not url.startswith((stack.url, "data:", "blob:"))]
    assert asked
    assert [url for url in foreign if not url.startswith(stack.url.replace("http", "ws"))] == []


def test_downloads_hold_what_open_clip_reads(stack: Stack, tmp_path: Path) -> None:
    packed = tmp_path / "export.zip"
    packed.write_bytes(stack.http.get(f"/datasets/{SLUG}/export.zip").content)
    with zipfile.ZipFile(packed) as archive:
        names = set(archive.namelist())
        rows = archive.read("train.csv").decode().splitlines()
    assert rows[0] == "filepath\ttitle"
    assert {row.split("\t")[0] for row in rows[1:]} <= names
    assert {"index.csv", "train_original.csv", "val.csv"} <= names


def test_a_tab_whose_session_was_ended_elsewhere_shows_the_sign_in_page(page: Page) -> None:
    other = page.context.new_page()
    with other.expect_websocket():
        other.goto("/jobs")
    expect(other.get_by_role("heading", level=1)).to_be_visible()
    other.wait_for_timeout(1000)  # the line signs in
    other.route("**/api/**", lambda route: route.abort())  # only the line is left to tell
    page.goto("/")
    page.evaluate("fetch('/api/v1/auth/logout', {method: 'POST'})")
    expect(other.get_by_text("Your sign-in has ended.")).to_be_visible(timeout=10_000)
    expect(other).to_have_url(re.compile(r"/signin\?next=%2Fjobs"))
