"""index.csv follows the captions: soon after the last one, once a burst, always whole."""

from __future__ import annotations

import time

import pytest

from common.captions.csv_files import read_rows
from common.db.tables import Dataset, Image
from common.errors import NotFound
from common.messaging.broker import CAPTIONS, SAVE_CAPTIONS
from tests.workers.conftest import PATIENCE_S, Backstage, wait_until

KEY = "datasets/cats/index.csv"
BURST_S = 4.0


def rows(stage: Backstage) -> list[tuple[str, str]]:
    try:
        return read_rows(stage.services.store.get_bytes(KEY))
    except NotFound:
        return []


@pytest.fixture
def cats(any_stage: Backstage) -> Backstage:
    """The dataset "cats" with images 1 to 3, a captions worker and beat."""
    with any_stage.services.sessions() as session:
        session.add(Dataset(id="cats", name="Cats", created_by="ada", defaults={}))
        session.flush()
        for number in range(1, 4):
            session.add(
                Image(
                    id=number, dataset_id="cats", sha256=f"{number:064x}", ext="png", width=1,
                    height=1, size_bytes=1, filename=f"{number}.png", phash="0",
                )
            )  # fmt: skip
    any_stage.start_beat()
    any_stage.start_worker("captions,maintenance")
    return any_stage


def save(stage: Backstage, image_id: int, text: str | None, base: int, slot: int = 0) -> None:
    client_id = f"{image_id}-{slot}-{base}"
    message = {
        "image_id": image_id, "slot": slot, "text": text, "base_revision": base,
        "client_id": client_id, "author": "ada",
    }  # fmt: skip
    stage.services.queue.send(SAVE_CAPTIONS, [[message], client_id], CAPTIONS)
    answer = stage.services.replies.wait(client_id, PATIENCE_S)
    assert answer is not None
    assert "error" not in answer[client_id], answer


@pytest.mark.timed
def test_a_burst_of_captions_is_written_once_and_within_two_seconds_of_the_last(
    cats: Backstage,
) -> None:
    save(cats, 1, "first", 0)
    wait_until(lambda: rows(cats))
    written: set[object] = set()
    base, end = 0, time.monotonic() + BURST_S
    while time.monotonic() < end:
        save(cats, 2, f"text {base}", base)
        base += 1
        written.add(cats.services.store.stat(KEY).modified_at)
        time.sleep(0.1)
    last = time.monotonic()
    assert len(written) == 1  # it waited for the burst to end
    newest = (f"images/{2:064x}.png", f"text {base - 1}")
    wait_until(lambda: newest in rows(cats), what="index.csv", every_s=0.02)
    assert time.monotonic() - last < 2.0
    after = cats.services.store.stat(KEY).modified_at
    time.sleep(2.5)
    assert cats.services.store.stat(KEY).modified_at == after


def test_it_has_one_row_a_caption_and_none_for_what_was_taken_away(cats: Backstage) -> None:
    save(cats, 3, "third", 0)
    save(cats, 1, "a cat", 0)
    save(cats, 1, "a tabby", 0, slot=2)
    save(cats, 2, "a dog", 0)
    save(cats, 2, None, 1)
    wanted = [
        (f"images/{1:064x}.png", "a cat"),
        (f"images/{1:064x}.png", "a tabby"),
        (f"images/{3:064x}.png", "third"),
    ]
    wait_until(lambda: rows(cats) == wanted, what="index.csv")
