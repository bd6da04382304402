"""Captioning as a team, in real browsers on the running stack: by keyboard, at once, offline, in conflict."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, expect

from bench.stack import Stack
from tests.system.browser import PATIENCE_S, Camera, open_browser
from tests.system.captioning_team import (
    Captioning,
    Person,
    caption,
    claimer,
    held_by,
    image_ids,
    is_ready,
    kill_api,
    latest,
    make_dataset,
    outbox_of,
    stored_captions,
)
from tests.workers.conftest import wait_until

Open = Callable[[Person], BrowserContext]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def anna(stack: Stack, browser: Browser) -> Person:
    return Person(stack, browser, "anna")


@pytest.fixture(scope="module")
def ben(stack: Stack, browser: Browser) -> Person:
    return Person(stack, browser, "ben")


@pytest.fixture
def at_browser() -> Iterator[Open]:
    """Opens a person's browser; all are closed at the end of the test."""
    with ExitStack() as browsers:
        yield lambda person: browsers.enter_context(person.open_browser())


@pytest.fixture(scope="module")
def birds(stack: Stack) -> str:
    """Thirty images without a caption; each test takes some of its own."""
    return make_dataset(stack, "Birds", 30)


@pytest.fixture(scope="module")
def bird_ids(stack: Stack, birds: str) -> list[int]:
    return image_ids(stack, birds)


def test_two_people_are_served_different_images_see_each_other_and_free_them_on_leaving(
    stack: Stack, birds: str, anna: Person, ben: Person, at_browser: Open
) -> None:
    first = Captioning(at_browser(anna), birds).open()
    second = Captioning(at_browser(ben), birds).open()
    mine, theirs = first.image_id, second.image_id
    assert mine != theirs
    expect(first.line).to_contain_text("Also here: ben")
    expect(second.line).to_contain_text("Also here: anna")
    strip = first.page.get_by_role("navigation", name="Neighbours")
    expect(strip.get_by_role("link", name="open at ben")).to_have_count(1)
    second.page.close()
    expect(first.line).not_to_contain_text("ben")
    wait_until(lambda: claimer(stack, theirs) is None, PATIENCE_S, "the end of Ben's claim")
    assert claimer(stack, mine) == "anna"
    assert first.errors == []


def test_a_caption_saved_by_another_while_one_types_asks_which_text_stays(
    stack: Stack, birds: str, bird_ids: list[int], anna: Person, ben: Person, at_browser: Open,
    camera: Camera,
) -> None:  # fmt: skip
    image_id = bird_ids[20]
    page = Captioning(at_browser(anna), birds).open(image_id)
    page.type("a blue bird, says Anna")
    caption(stack, image_id, "a red bird, says Ben", ben.token)
    expect(page.page.get_by_text("ben saved another text while you type")).to_be_visible()
    page.press("Enter")
    dialog = page.page.get_by_role("dialog")
    expect(dialog.get_by_role("region", name="Your text")).to_contain_text("says Anna")
    expect(dialog.get_by_role("region", name="The other text")).to_contain_text("says Ben")
    camera.take(page.page, "conflict")
    page.press("1")
    expect(dialog).to_be_hidden()
    wait_until(lambda: len(stored_captions(stack, image_id)) == 2, PATIENCE_S, "Anna's revision")
    assert stored_captions(stack, image_id) == [
        (1, "a red bird, says Ben", "ben"),
        (2, "a blue bird, says Anna", "anna"),
    ]
    assert outbox_of(page.page) == []


def test_a_conflict_met_after_being_offline_can_be_given_up(
    stack: Stack, birds: str, bird_ids: list[int], anna: Person, ben: Person, at_browser: Open
) -> None:
    image_id = bird_ids[21]
    context = at_browser(anna)
    page = Captioning(context, birds).open(image_id)
    context.set_offline(True)
    page.type("typed on a train")
    page.press("Shift+Enter")
    expect(page.line).to_contain_text("Saved in the background")
    caption(stack, image_id, "saved at the office", ben.token)
    context.set_offline(False)
    page.page.get_by_role("button", name="Choose a text").click()
    dialog = page.page.get_by_role("dialog")
    expect(dialog.get_by_role("region", name="The other text")).to_contain_text("at the office")
    page.press("2")
    expect(page.box).to_have_value("saved at the office")
    assert stored_captions(stack, image_id) == [(1, "saved at the office", "ben")]
    assert outbox_of(page.page) == []


def test_what_was_typed_offline_survives_a_reload_and_is_saved_when_the_network_is_back(
    stack: Stack, birds: str, bird_ids: list[int], anna: Person, at_browser: Open
) -> None:
    context = at_browser(anna)
    page = Captioning(context, birds).open(bird_ids[10])
    wait_until(lambda: held_by(stack, birds, "anna") >= 3, PATIENCE_S, "the claims ahead")
    context.set_offline(True)
    typed = {}
    for number in range(2):
        typed[page.image_id] = f"offline {number}, עברית 🐦"
        page.type(typed[page.image_id])
        page.go_on()
    page.type("half a draft")
    half = page.image_id
    assert len(outbox_of(page.page)) == 2
    assert [stored_captions(stack, image_id) for image_id in typed] == [[], []]
    with suppress(Error):
        page.page.reload()  # the browser shows its own page: there is no network
    context.set_offline(False)
    page.open(half)
    expect(page.box).to_have_value("half a draft")
    for image_id, text in typed.items():
        wait_until(partial(stored_captions, stack, image_id), PATIENCE_S, "the save")
        assert stored_captions(stack, image_id) == [(1, text, "anna")]
    wait_until(lambda: outbox_of(page.page) == [], PATIENCE_S, "the end of the outbox")


def test_a_caption_typed_while_the_api_is_killed_is_saved_by_itself_and_all_is_live_again(
    stack: Stack, birds: str, bird_ids: list[int], anna: Person, ben: Person, at_browser: Open
) -> None:
    image_id = bird_ids[19]
    page = Captioning(at_browser(anna), birds).open(image_id)
    kill_api(stack)
    page.type("typed while nobody listened")
    page.press("Shift+Enter")
    wait_until(lambda: is_ready(stack), 60, "the API's return", every_s=0.3)
    wait_until(lambda: outbox_of(page.page) == [], PATIENCE_S, "the save")
    assert stored_captions(stack, image_id) == [(1, "typed while nobody listened", "anna")]
    expect(page.page.get_by_text("Live", exact=True)).to_be_visible()
    caption(stack, image_id, "and Ben is heard again", ben.token)
    expect(page.box).to_have_value("and Ben is heard again")
    assert page.errors == []


def test_what_somebody_saves_while_a_tab_is_cut_off_is_shown_when_it_is_back(
    stack: Stack, birds: str, bird_ids: list[int], anna: Person, ben: Person, at_browser: Open
) -> None:
    image_id = bird_ids[20]
    context = at_browser(anna)
    page = Captioning(context, birds).open(image_id)
    expect(page.page.get_by_text("Live", exact=True)).to_be_visible()
    context.set_offline(True)
    kill_api(stack)  # or the socket would stay open
    expect(page.page.get_by_text("Live", exact=True)).to_be_hidden()
    wait_until(lambda: is_ready(stack), 60, "the API's return", every_s=0.3)
    caption(stack, image_id, "saved while she was away", ben.token)
    context.set_offline(False)
    expect(page.box).to_have_value("saved while she was away")
    assert page.errors == []


def test_undo_goes_back_and_brings_the_text_before(
    stack: Stack, birds: str, bird_ids: list[int], anna: Person, at_browser: Open
) -> None:
    image_id = bird_ids[22]
    caption(stack, image_id, "a text that was right")
    page = Captioning(at_browser(anna), birds).open(image_id)
    page.type("a text that is wrong")
    page.go_on()
    page.press("Alt+U")
    page.page.wait_for_url(re.compile(f"/caption/{image_id}"))
    expect(page.box).to_have_value("a text that was right")
    wait_until(lambda: len(stored_captions(stack, image_id)) == 3, PATIENCE_S, "the undo")
    assert [text for _, text, _ in stored_captions(stack, image_id)] == [
        "a text that was right",
        "a text that is wrong",
        "a text that was right",
    ]


def test_a_former_caption_is_restored_from_the_history(
    stack: Stack, birds: str, bird_ids: list[int], anna: Person, at_browser: Open, camera: Camera
) -> None:
    image_id = bird_ids[23]
    for text in ("the first text", "the second text", "the third text"):
        caption(stack, image_id, text)
    page = Captioning(at_browser(anna), birds).open(image_id)
    page.press("Alt+H")
    dialog = page.page.get_by_role("dialog", name="Former captions")
    expect(dialog.get_by_role("listitem")).to_have_count(3)
    camera.take(page.page, "history")
    page.press("ArrowDown", "Enter")
    expect(dialog).to_be_hidden()
    expect(page.box).to_have_value("the first text")
    wait_until(lambda: len(stored_captions(stack, image_id)) == 4, PATIENCE_S, "the restored text")
    assert stored_captions(stack, image_id)[-1] == (4, "the first text", "anna")


def test_a_filter_is_walked_through_to_its_end_by_page_down_and_enter(
    stack: Stack, birds: str, bird_ids: list[int], anna: Person, ben: Person, at_browser: Open
) -> None:
    chosen = bird_ids[25:28]
    for image_id in chosen:
        caption(stack, image_id, "a heron by the water", ben.token)
    page = Captioning(at_browser(anna), birds).open(query="?by=ben&q=heron")
    assert page.image_id == chosen[0]
    expect(page.page.get_by_text("1 of 3")).to_be_visible()
    assert page.go_on("PageDown") == chosen[1]
    page.type("a heron under the bridge")
    assert page.go_on("Enter") == chosen[2]
    assert page.go_on("PageUp") in chosen[:2]
    page.page.goto(f"/d/{birds}/caption/{chosen[2]}?by=ben&q=heron")
    expect(page.page.locator("img.sharp.there")).to_be_visible()
    page.press("Enter")
    expect(page.page.get_by_text("That was the last one")).to_be_visible()
    wait_until(lambda: len(stored_captions(stack, chosen[1])) == 2, PATIENCE_S, "Anna's revision")


def test_another_person_reviews_by_keyboard_and_one_cannot_review_oneself(
    stack: Stack, birds: str, bird_ids: list[int], anna: Person, ben: Person, at_browser: Open
) -> None:
    image_id = bird_ids[28]
    caption(stack, image_id, "an owl at night", anna.token)
    author = Captioning(at_browser(anna), birds).open(image_id)
    author.press("Alt+R")
    assert stack.call("GET", f"/images/{image_id}")["reviewed_by"] is None
    reviewer = Captioning(at_browser(ben), birds).open(image_id)
    reviewer.press("Alt+R")
    expect(author.page.get_by_text("reviewed by ben")).to_be_visible()
    assert stack.call("GET", f"/images/{image_id}")["reviewed_by"] == "ben"


def test_a_changed_key_works_and_outlasts_a_reload(
    stack: Stack, birds: str, anna: Person, at_browser: Open, camera: Camera
) -> None:
    page = Captioning(at_browser(anna), birds).open()
    page.press("?")
    sheet = page.page.get_by_role("dialog", name="Keys")
    sheet.get_by_role("button", name="Change keys").click()
    sheet.get_by_title("Change the key for: Skip: leave this one to others").click()
    expect(sheet.get_by_role("textbox", name="New key for: Skip")).to_be_focused()
    camera.take(page.page, "keys")
    page.press("Alt+Enter")
    sheet.get_by_role("button", name="Done").click()
    page.press("Escape")
    expect(page.box).to_be_focused()
    first = page.image_id
    assert page.go_on("Alt+Enter") != first
    page.page.reload()
    expect(page.page.locator("img.sharp.there")).to_be_visible()
    second = page.image_id
    assert page.go_on("Alt+Enter") not in (first, second)


def test_escape_closes_the_sheet_of_keys_also_when_nothing_in_it_has_the_focus(
    birds: str, anna: Person, at_browser: Open
) -> None:
    page = Captioning(at_browser(anna), birds).open()
    page.press("F1")
    sheet = page.page.get_by_role("dialog", name="Keys")
    sheet.get_by_role("button", name="Change keys").click()
    sheet.get_by_title("Change the key for: Skip: leave this one to others").click()
    expect(sheet.get_by_role("textbox", name="New key for: Skip")).to_be_focused()
    sheet.get_by_role("button", name="Done").click()
    page.press("Escape")
    expect(sheet).to_be_hidden()
    expect(page.box).to_be_focused()


def test_find_and_replace_shows_what_changes_and_is_undone(
    stack: Stack, anna: Person, at_browser: Open, camera: Camera
) -> None:
    texts = {number: f"a grey cat and {number} dogs" for number in range(5)}
    dataset = make_dataset(stack, "Cats and dogs", 6, {**texts, 5: "a greyhound"})
    ids = image_ids(stack, dataset)
    page = at_browser(anna).new_page()
    page.goto(f"/d/{dataset}/images?q=cat")
    expect(page.get_by_role("button", name="Find and replace")).to_be_disabled()  # a captioner
    stack.call("PUT", f"/datasets/{dataset}/members/{anna.name}", json={"role": "manager"})
    page.reload()
    page.get_by_role("button", name="Find and replace").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Find", exact=True).fill("grey")
    dialog.get_by_label("Replace with").fill("gray")
    expect(dialog.get_by_role("status")).to_contain_text("5 captions change")
    expect(dialog.locator("del").first).to_have_text("grey")
    camera.take(page, "find-and-replace")
    dialog.get_by_role("button", name="Replace in 5 captions").click()
    expect(dialog).to_be_hidden()
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_visible(timeout=20_000)
    assert [latest(stack, each) for each in ids] == [
        *(text.replace("grey", "gray") for text in texts.values()),
        "a greyhound",
    ]
    undo.click()
    wait_until(lambda: latest(stack, ids[4]) == texts[4], PATIENCE_S, "the undo")
    assert [latest(stack, each) for each in ids[:5]] == list(texts.values())
