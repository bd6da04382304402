"""The registry and comparisons in a real browser on the running stack: two runs, one trained on from the other."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from bench.stack import PASSWORD, Stack
from tests.system.browser import Camera, open_browser, watch_errors
from tests.system.shapes import make_shapes

pytestmark = pytest.mark.timeout(900)  # two trainings before the first test, on a busy machine
SLOW_MS = 240_000  # a job on such a machine
SMALL = "clip-browser-small"


@dataclass(frozen=True)
class Trained:
    """Drawn pictures and two runs on them: the second goes on from the model of the first."""

    dataset: str
    runs: tuple[str, str]
    models: tuple[str, str]

    @property
    def compared(self) -> str:
        """The address of both side by side."""
        return f"/compare?runs={','.join(self.runs)}"


@pytest.fixture(scope="module")
def trained(stack: Stack) -> Trained:
    slug = make_shapes(stack, "Compared", 240)
    stack.run_job(slug, "split")
    untrained = {"model": SMALL, "pretrained": ""}
    first = stack.run_job(slug, "train", **untrained, epochs=3, name="First run")
    base = first["result"]["model_id"]
    second = stack.run_job(
        slug, "train", model=SMALL, pretrained=base, epochs=2, lr=3e-4, name="Second run"
    )
    return Trained(slug, (first["id"], second["id"]), (base, second["result"]["model_id"]))


@pytest.fixture(scope="module")
def page(stack: Stack) -> Iterator[Page]:
    with open_browser() as browser:
        page = browser.new_page(base_url=stack.url, viewport={"width": 1440, "height": 900})
        account = {"username": "admin", "password": PASSWORD}
        page.request.post("/api/v1/auth/login", data=account)  # a download takes the cookie alone
        page.set_default_timeout(20_000)
        errors = watch_errors(page)
        yield page
        assert errors == []


@pytest.fixture(scope="module")
def downloaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where test 6 leaves the model that it imports again."""
    return tmp_path_factory.mktemp("downloaded") / "model.zip"


def row(page: Page, name: str) -> Locator:
    """The row of the tuned models with this name."""
    table = page.get_by_role("table", name="Tuned models")
    return table.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def model(stack: Stack, model_id: str) -> Any:
    return stack.call("GET", f"/models/{model_id}")


def test_1_two_runs_are_chosen_and_stand_side_by_side(
    page: Page, trained: Trained, camera: Camera
) -> None:
    page.goto("/compare")
    page.get_by_label("Compare First run").check()
    page.get_by_label("Compare Second run").check()
    page.get_by_role("link", name="Compare 2 runs").click()
    table = page.get_by_role("table", name="Runs side by side")
    rate = table.get_by_role("row").filter(has_text="learning rate")
    expect(rate).to_contain_text("differs")
    expect(rate).to_contain_text("3e-4")
    expect(table.get_by_role("row").filter(has_text="batch size")).not_to_contain_text("differs")
    recall = table.get_by_role("row").filter(has_text="Text to image, recall@5")
    expect(recall.get_by_label("best")).to_have_count(1)
    expect(table.get_by_role("row").filter(has_text="Forgetting")).to_contain_text("%")
    for title in ("Recall@1, text to image", "Loss", "Learning rate"):
        chart = page.get_by_role("figure").filter(has=page.get_by_role("heading", name=title))
        expect(chart.locator("canvas")).to_be_visible()
        expect(chart).to_contain_text(re.compile(r"1\. \w+ run"))
        expect(chart).to_contain_text(re.compile(r"2\. \w+ run"))
    camera.take(page, "compare")


def test_2_the_same_words_are_searched_with_both_models(
    page: Page, trained: Trained, camera: Camera
) -> None:
    page.goto(trained.compared)
    page.get_by_role("button", name="Build 2 missing indexes").click()
    page.get_by_label("Words to search with all models").fill("a red circle")
    page.keyboard.press("Enter")
    lists = page.get_by_role("list", name="Images found")
    expect(lists).to_have_count(2, timeout=SLOW_MS)
    for number in range(2):
        expect(lists.nth(number).get_by_role("listitem")).to_have_count(12)
    expect(page.get_by_text(re.compile(r"\d+ of 12 images found by both"))).to_have_count(2)
    moved = page.locator(".hit.moved").first
    expect(moved).to_contain_text("the other model")
    expect(page).to_have_url(re.compile(r"q=a\+red\+circle"))
    camera.take(page, "compare-search")


def test_3_a_model_is_renamed_noted_and_tagged_and_found_by_that(
    page: Page, stack: Stack, trained: Trained, camera: Camera
) -> None:
    page.goto("/models")
    row(page, "First run").get_by_role("button", name="Rename, note and tag").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Model name").fill("Base of the team")
    dialog.get_by_label("Note").fill("Short captions only")
    dialog.get_by_label("Tags", exact=True).fill("approved, night ,approved")
    page.keyboard.press("Enter")
    expect(row(page, "Base of the team")).to_contain_text("Short captions only")
    changed = model(stack, trained.models[0])
    assert (changed["name"], changed["tags"]) == ("Base of the team", ["approved", "night"])
    row(page, "Base of the team").get_by_role("link", name="Models tagged night").click()
    expect(page).to_have_url(re.compile(r"tag=night"))
    expect(row(page, "Second run")).to_have_count(0)
    page.reload()
    expect(row(page, "Base of the team")).to_be_visible()
    page.get_by_label("Tag", exact=True).select_option("")
    page.get_by_label("Search models").fill("second")
    expect(row(page, "Second run")).to_contain_text("from Base of the team")
    expect(row(page, "Base of the team")).to_have_count(0)
    page.get_by_label("Search models").fill("nothing like it")
    page.get_by_role("link", name="Show all models").click()
    camera.take(page, "models")


def test_4_the_default_model_is_where_search_begins(
    page: Page, stack: Stack, trained: Trained
) -> None:
    page.goto("/models")
    row(page, "Base of the team").get_by_role("button", name="Make default").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Dataset")).to_have_value(trained.dataset)
    dialog.get_by_role("button", name="Make default").click()
    expect(row(page, "Base of the team")).to_contain_text("default of Compared")
    assert stack.call("GET", f"/datasets/{trained.dataset}")["model_id"] == trained.models[0]
    page.goto(f"/d/{trained.dataset}/search")
    chosen = page.get_by_label("Model", exact=True)
    expect(chosen).to_have_value(trained.models[0])
    expect(chosen.locator("option:checked")).to_have_text("Base of the team (default)")
    page.goto(f"/d/{trained.dataset}")
    steps = page.get_by_role("list", name="Steps")
    expect(steps).to_contain_text(re.compile(r"recall@1 \d+ % → \d+ %"))
    expect(steps).to_contain_text("Default: Base of the team.")


def test_5_a_models_page_tells_what_it_is_made_from_and_makes_a_blend(
    page: Page, stack: Stack, trained: Trained, camera: Camera
) -> None:
    page.goto(f"/models?model={trained.models[1]}")
    expect(page.get_by_role("heading", name="Second run", level=1)).to_be_visible()
    recall = page.get_by_role("table", name="Recall on the validation images")
    expect(recall.get_by_role("row")).to_have_count(7)
    expect(page.get_by_text(re.compile(r"200 images that it did not train on"))).to_be_visible()
    made_from = page.get_by_role("region", name="Made from")
    expect(made_from).to_contain_text("frozen captions")
    expect(made_from).to_contain_text("code version")
    expect(page.get_by_label("Lines that load the model")).to_contain_text(
        f"local-dir:{trained.models[1]}"
    )
    camera.take(page, "model")
    half = page.get_by_role("table", name="Blends").get_by_role("row").filter(has_text="50 % tuned")
    half.get_by_role("button", name="Make this blend").click()
    page.get_by_text("The blend is in the registry").get_by_role("link").click(timeout=SLOW_MS)
    expect(page.get_by_role("region", name="About")).to_contain_text("Blended")
    assert [each["source"] for each in stack.call("GET", "/models")["items"][:3]] == [
        "blended", "trained", "trained",
    ]  # fmt: skip


def test_6_a_download_is_imported_again_and_what_is_no_model_is_refused(
    page: Page, stack: Stack, trained: Trained, downloaded: Path
) -> None:
    page.goto("/models")
    with page.expect_download() as waiting:
        row(page, "Second run").get_by_role("link", name="Download").click()
    waiting.value.save_as(downloaded)
    page.get_by_role("button", name="Import model").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Model zip file").set_input_files(
        {"name": "notes.zip", "mimeType": "application/zip", "buffer": no_model()}
    )
    expect(dialog.get_by_role("alert")).to_contain_text("open_clip_config.json", timeout=SLOW_MS)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Import model").click()
    dialog.get_by_label("Model name").fill("Brought back")
    dialog.get_by_label("Model zip file").set_input_files(downloaded)
    dialog.get_by_role("link", name="Show model").click(timeout=SLOW_MS)
    expect(page.get_by_role("heading", name="Brought back", level=1)).to_be_visible()
    expect(page.get_by_role("region", name="About")).to_contain_text("Imported")
    assert stack.call("GET", "/models")["items"][0]["source"] == "imported"


def no_model() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("notes/readme.txt", "not a model")
    return buffer.getvalue()


def test_7_training_goes_on_from_a_model(page: Page, trained: Trained) -> None:
    page.goto("/models")
    row(page, "Second run").get_by_role("button", name="Train on from it").click()
    page.get_by_role("dialog").get_by_role("button", name="Go to settings").click()
    expect(page).to_have_url(re.compile(rf"/d/{trained.dataset}/train\?pretrained="))
    expect(page.get_by_label("Model", exact=True)).to_have_value(SMALL)
    expect(page.get_by_label("Pretrained", exact=True)).to_have_value(trained.models[1])


def test_8_a_sweep_is_followed_to_its_best_run(
    page: Page, stack: Stack, trained: Trained, camera: Camera
) -> None:
    sweep = stack.call(
        "POST",
        f"/datasets/{trained.dataset}/sweep",
        json={"params": {"model": SMALL, "pretrained": "", "epochs": 1}, "lr": [1e-6, 1e-3]},
    )
    page.goto(f"/compare?group={sweep['group_id']}")
    expect(page.get_by_text(re.compile(r"\d of 2 runs|All 2 runs"))).to_be_visible()
    expect(page.get_by_text("All 2 runs have ended.")).to_be_visible(timeout=SLOW_MS)
    best = page.get_by_role("region", name="Sweep over learning rates")
    expect(best).to_contain_text(re.compile(r"Best.*learning rate 1e-\d, recall@1"))
    best.get_by_role("button", name="Make default").click()
    expect(page.get_by_role("dialog").get_by_label("Dataset")).to_have_value(trained.dataset)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    camera.take(page, "sweep")


def test_9_a_model_in_use_is_deleted_only_after_a_warning(
    page: Page, stack: Stack, trained: Trained
) -> None:
    page.goto("/models")
    row(page, "Base of the team").get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Its index of Compared is deleted with it.")
    expect(dialog).to_contain_text("It is the default model of Compared")
    dialog.get_by_role("button", name="Keep").click()
    expect(row(page, "Base of the team")).to_be_visible()
    row(page, "Base of the team").get_by_role("button", name="Delete").click()
    sure = dialog.get_by_role("button", name="Delete all the same")
    expect(sure).to_be_disabled()
    dialog.get_by_label("Type Base of the team to go on").fill("Base of the team")
    sure.click()
    expect(row(page, "Base of the team")).to_have_count(0)
    assert stack.http.get(f"/models/{trained.models[0]}").status_code == 404
    assert stack.call("GET", f"/datasets/{trained.dataset}")["model_id"] is None
    page.goto(f"/models?model={trained.models[0]}")
    expect(page.get_by_role("heading", name="There is no such model")).to_be_visible()


def test_the_pages_fit_a_phone_in_the_dark(page: Page, trained: Trained, camera: Camera) -> None:
    page.set_viewport_size({"width": 360, "height": 780})
    page.emulate_media(color_scheme="dark")
    for number, address in enumerate(
        ["/models", f"/models?model={trained.models[1]}", "/compare", trained.compared]
    ):
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_role("table").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        camera.take(page, f"phone-{number}")
