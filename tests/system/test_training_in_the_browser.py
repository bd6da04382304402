"""Trainings of a team in a real browser on the running stack: measured, watched, stopped, copied, queued in order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from bench.stack import Stack
from tests.system.browser import Camera, open_browser, watch_errors

pytestmark = pytest.mark.timeout(900)  # its trainings go behind whatever runs beside them
MINUTE_MS = 60_000
SMALL = "clip-browser-small"
# What makes a page scroll sideways; tables scroll in frames of their own.
TOO_WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
  [...document.querySelectorAll("body *")]
    .filter(one => one.getBoundingClientRect().right > innerWidth && !one.closest(".table-frame"))
    .map(one => `${one.tagName} ${one.getAttribute("class")} ${one.textContent}`.slice(0, 80))"""
LONG, SHORT, FURTHER = "A long run", "A short copy", "Further on"


@pytest.fixture(scope="module")
def dataset(stack: Stack) -> Iterator[str]:
    made = stack.call("POST", "/datasets/sample", json={"name": "Queued"})
    stack.succeeded(made["job"]["id"])
    slug = str(made["dataset"]["id"])
    stack.run_job(slug, "split")
    yield slug
    # Other tests use the same stack: whatever failed here, no run and no pause may stay behind.
    for job in stack.call("GET", f"/jobs?state=active&dataset_id={slug}")["items"]:
        stack.call("POST", f"/jobs/{job['id']}/stop", json={"mode": "kill"})
    if stack.call("GET", "/queues/gpu")["paused"]:
        stack.call("POST", "/queues/gpu/resume")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def page(stack: Stack, browser: Browser) -> Iterator[Page]:
    page = browser.new_page(base_url=stack.url, viewport={"width": 1440, "height": 900})
    page.set_extra_http_headers({"Authorization": stack.http.headers["Authorization"]})
    page.set_default_timeout(20_000)
    errors = watch_errors(page)
    yield page
    assert errors == []


@pytest.fixture(scope="module")
def member(stack: Stack, browser: Browser) -> Page:
    """Somebody who is no admin, in a browser of their own, on a phone."""
    link = stack.call("POST", "/users", json={"name": "Mira", "role": "member"})["link"]
    page = browser.new_context(
        base_url=stack.url, viewport={"width": 390, "height": 844}
    ).new_page()
    page.goto(link)
    expect(page.get_by_role("heading", name="Datasets")).to_be_visible()
    return page


def trainings(stack: Stack, dataset: str) -> list[Any]:
    """All runs of the dataset, newest first."""
    found = stack.call("GET", "/jobs", params={"kind": "train", "dataset_id": dataset})
    return list(found["items"])


def run_named(stack: Stack, dataset: str, name: str) -> Any:
    return next(job for job in trainings(stack, dataset) if job["params"].get("name") == name)


def chart(page: Page, title: str) -> Locator:
    return page.get_by_role("figure").filter(has=page.get_by_role("heading", name=title))


def waiting(page: Page) -> Locator:
    return page.get_by_role("list", name="Waiting in the GPU queue").get_by_role("listitem")


def test_1_what_a_run_takes_is_measured_before_it_starts(
    page: Page, dataset: str, camera: Camera
) -> None:
    page.goto(f"/d/{dataset}/train")
    expect(page.get_by_text("time unknown on the CPU")).to_be_visible()
    page.get_by_role("button", name="Measure on this machine").click()
    expect(page.get_by_text("a short probe")).to_be_visible(timeout=3 * MINUTE_MS)
    expect(page.get_by_text(re.compile(r"^~ \d+ (s|min)"))).to_be_visible()
    camera.take(page, "train-measured")


def test_2_each_auto_value_says_why_to_the_keyboard_too(
    page: Page, dataset: str, camera: Camera
) -> None:
    page.goto(f"/d/{dataset}/train")
    chip = page.get_by_role("button", name=re.compile("^auto 1e-3"))
    page.get_by_label("Batch size").focus()
    while not chip.evaluate("chip => chip === document.activeElement"):
        page.keyboard.press("Tab")
    why = page.get_by_role("tooltip").filter(has_text="training from scratch")
    expect(why).to_be_visible()
    camera.take(page, "train-why")
    page.keyboard.press("Escape")
    expect(why).to_be_hidden()


def test_3_curves_move_while_it_runs_and_are_whole_after_a_reload(
    stack: Stack, page: Page, dataset: str, camera: Camera
) -> None:
    page.get_by_label("Epochs").fill("200")
    page.get_by_text("More settings").click()
    page.get_by_label("Name").fill(LONG)
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"/runs/\w+"))
    expect(page.get_by_text(re.compile(r"Epoch [2-9] of 200"))).to_be_visible(timeout=3 * MINUTE_MS)
    now = chart(page, "Loss").locator(".readout b").first
    before = now.inner_text()
    expect(now).not_to_have_text(before, timeout=MINUTE_MS)
    page.reload()
    loss = chart(page, "Loss")
    expect(loss.locator(".readout b").first).to_have_text(re.compile(r"^\d"))
    loss.get_by_role("group").focus()
    page.keyboard.press("Home")
    expect(loss.locator(".readout")).to_contain_text("step 0")
    expect(chart(page, "CPU use").locator(".readout b").first).to_have_text(re.compile(r"\d+ %"))
    expect(chart(page, "Recall").locator(".readout")).to_contain_text(
        re.compile(r"untuned recall@1 \d+ %")
    )
    camera.take(page, "run-live-curves")


def test_4_it_is_stopped_with_a_checkpoint_and_goes_on_from_there(
    page: Page, camera: Camera
) -> None:
    page.get_by_role("button", name="Stop", exact=True).click()
    dialog = page.get_by_role("dialog", name=f"Stop {LONG}")
    expect(dialog.get_by_role("button", name="End at once")).to_be_visible()
    camera.take(page, "run-stop-dialog")
    dialog.get_by_role("button", name="Stop and keep checkpoint").click()
    stopped = page.get_by_text("Resume goes on from there")
    expect(stopped).to_be_visible(timeout=MINUTE_MS)
    at = int(re.findall(r"epoch (\d+) of 200", stopped.inner_text())[0])
    assert at >= 1
    page.get_by_role("button", name="Resume").click()
    later = re.compile(rf"Epoch ({at + 1}|{at + 2}|{at + 3}|{at + 4}) of 200")
    expect(page.get_by_text(later)).to_be_visible(timeout=3 * MINUTE_MS)


def test_5_a_copy_with_changed_settings_waits_behind_it(
    stack: Stack, page: Page, dataset: str, camera: Camera
) -> None:
    page.get_by_role("link", name="Train again with changes").click()
    expect(page.get_by_label("Epochs")).to_have_value("200")
    page.get_by_label("Epochs").fill("2")
    page.get_by_label("Learning rate").fill("5e-4")
    expect(page.get_by_text("Was 200")).to_be_visible()
    page.get_by_text("More settings").click()
    page.get_by_label("Name").fill(SHORT)
    expect(page.get_by_text("fields changed and marked")).to_be_visible()
    camera.take(page, "train-copy")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"/runs/\w+"))
    expect(page.get_by_text(re.compile("Place 1 in the queue"))).to_be_visible()
    expect(page.get_by_text(re.compile(r"Starts .*Ends about \d\d:\d\d"))).to_be_visible()
    camera.take(page, "run-waiting")
    copied = run_named(stack, dataset, SHORT)["params"]
    first = run_named(stack, dataset, LONG)["params"]
    assert (copied["epochs"], copied["lr"], copied["seed"]) == (2, 5e-4, first["seed"])


def test_6_three_learning_rates_in_one_click(
    stack: Stack, page: Page, dataset: str, camera: Camera
) -> None:
    page.goto(f"/d/{dataset}/train")
    page.get_by_label("Epochs").fill("2")
    expect(page.get_by_text("3.3e-4, 1e-3, 3e-3")).to_be_visible()
    page.get_by_role("button", name="Try 3 learning rates").click()
    started = page.get_by_role("heading", name="3 runs started together")
    expect(started).to_be_visible()
    camera.take(page, "train-sweep")
    expect(page.get_by_role("link", name="Compare 3 runs")).to_be_visible()
    groups = [job["group_id"] for job in trainings(stack, dataset) if job["group_id"]]
    assert len(groups) == 3
    assert len(set(groups)) == 1


def test_7_the_queue_is_put_in_order_by_keyboard_and_by_dragging(
    page: Page, camera: Camera
) -> None:
    page.goto("/jobs")
    expect(waiting(page)).to_have_count(4)
    expect(waiting(page).first).to_contain_text(SHORT)
    up = page.get_by_role("button", name=re.compile("Move lr 0.003 up"))
    up.focus()
    page.keyboard.press("Enter")
    expect(waiting(page).nth(2)).to_contain_text("lr 0.003")
    page.wait_for_timeout(1500)  # the server's own order has come by then
    expect(waiting(page).nth(2)).to_contain_text("lr 0.003")
    waiting(page).nth(2).locator(".grip").drag_to(waiting(page).first.locator(".grip"))
    expect(waiting(page).first).to_contain_text("lr 0.003")
    page.reload()
    expect(waiting(page).first).to_contain_text("lr 0.003")
    camera.take(page, "jobs-queue")


def test_8_a_paused_queue_says_to_everybody_who_paused_it_and_why(
    stack: Stack, page: Page, member: Page, dataset: str, camera: Camera
) -> None:
    page.goto("/jobs")
    card = page.get_by_role("region", name="GPU queue")
    why = re.compile("Paused by admin at .*: moving the rack. What runs goes on")
    card.get_by_role("button", name="Pause queue").click()
    page.get_by_label("Reason").fill("moving the rack")
    page.get_by_role("dialog").get_by_role("button", name="Pause queue").click()
    expect(card.get_by_text(why)).to_be_visible()
    long = run_named(stack, dataset, LONG)
    stack.call("POST", f"/jobs/{long['id']}/stop", json={"mode": "kill"})
    stack.wait_for_job(long["id"], timeout_s=30)
    expect(page.get_by_role("list", name="Running on the GPU queue")).to_be_hidden()
    expect(waiting(page)).to_have_count(4)
    member.goto("/jobs")
    expect(member.get_by_text(why)).to_be_visible()
    expect(member.get_by_role("button", name="Resume queue")).to_be_hidden()
    expect(member.get_by_role("button", name=re.compile("^Move"))).to_have_count(0)
    camera.take(member, "jobs-paused-phone")
    page.goto("/workers")
    expect(page.get_by_role("table", name="Queues")).to_contain_text("moving the rack")
    camera.take(page, "workers-paused")
    page.goto("/jobs")
    card.get_by_role("button", name="Resume queue").click()
    expect(member.get_by_text(why)).to_be_hidden()
    expect(page.get_by_role("list", name="Running on the GPU queue")).to_contain_text("lr 0.003")


def test_9_a_training_goes_on_from_a_tuned_model(
    stack: Stack, page: Page, dataset: str, camera: Camera
) -> None:
    short = stack.succeeded(run_named(stack, dataset, SHORT)["id"], timeout_s=240)
    page.goto(f"/runs/{short['id']}")
    expect(page.get_by_role("heading", name="What it learned")).to_be_visible()
    expect(page.get_by_role("heading", name="What it kept")).to_be_visible()
    camera.take(page, "run-done")
    for job in stack.call("GET", "/queues/gpu")["waiting"]:  # rates that nobody waits for here
        stack.call("POST", f"/jobs/{job['id']}/stop", json={"mode": "save"})
    model = short["result"]["model_id"]
    page.goto(f"/d/{dataset}/train?pretrained={model}")
    expect(page.get_by_label("Pretrained")).to_have_value(model)
    expect(page.get_by_label("Model", exact=True)).to_have_value(SMALL)
    page.get_by_label("Epochs").fill("8")  # enough that its best epoch is not the untuned model
    page.get_by_label("Learning rate").fill("1e-3")
    page.get_by_text("More settings").click()
    page.get_by_label("Name").fill(FURTHER)
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"/runs/\w+"))


def test_a_finished_run_offers_the_weights_in_between(
    stack: Stack, page: Page, dataset: str, camera: Camera
) -> None:
    further = stack.succeeded(run_named(stack, dataset, FURTHER)["id"], timeout_s=240)
    page.goto(f"/runs/{further['id']}")
    expect(page.get_by_role("heading", name="Between untuned and tuned")).to_be_visible()
    page.get_by_role("radio").nth(1).check()
    camera.take(page, "run-blends")
    page.get_by_role("button", name="Make this blend").click()
    expect(page.get_by_text("The blend is among the")).to_be_visible(timeout=3 * MINUTE_MS)
    sources = [model.get("source") for model in stack.call("GET", "/models")["items"]]
    assert "blended" in sources


def test_runs_of_a_sweep_lead_to_each_other(
    stack: Stack, page: Page, dataset: str, camera: Camera
) -> None:
    sweep = next(job for job in trainings(stack, dataset) if job["group_id"])
    page.goto(f"/runs/{sweep['id']}")
    table = page.get_by_role("table", name="Runs started together")
    expect(table.get_by_role("row")).to_have_count(4)
    camera.take(page, "run-sweep")
    page.get_by_role("link", name="Compare 3 runs").click()
    expect(page).to_have_url(re.compile(r"/compare\?runs="))


@pytest.mark.parametrize("look", ["dark", "phone"])
def test_every_page_of_training_fits_in_the_dark_and_on_a_phone(
    stack: Stack, browser: Browser, dataset: str, camera: Camera, look: str
) -> None:
    size = {"width": 390, "height": 844} if look == "phone" else {"width": 1440, "height": 900}
    page = browser.new_page(base_url=stack.url, viewport=size)  # type: ignore[arg-type]
    page.emulate_media(color_scheme="dark" if look == "dark" else "light")
    page.set_extra_http_headers({"Authorization": stack.http.headers["Authorization"]})
    short = run_named(stack, dataset, SHORT)["id"]
    for name, path in [
        ("train", f"/d/{dataset}/train"), ("run", f"/runs/{short}"), ("jobs", "/jobs"),
        ("workers", "/workers"),
    ]:  # fmt: skip
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.wait_for_timeout(800)
        assert page.evaluate(TOO_WIDE) == [], path
        camera.take(page, f"{name}-{look}")
    page.close()
