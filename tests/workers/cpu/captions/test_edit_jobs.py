"""Bulk edits and their undo as jobs of real worker processes, on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import func, insert, select

from common.captions.heads import Target, read_heads, store_targets
from common.db.tables import Caption, CaptionRevision, Dataset, Image, Job, Review, now
from common.jobs import states
from common.messaging.events import CHANNEL, read_message
from tests.captions import head_of, save_one
from tests.workers.conftest import PATIENCE_S, Backstage, open_backstage, wait_until
from workers.cpu.captions.saving import Save

MANY = 2000
HELD_AT = 1600


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def worked(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Backstage]:
    """A stage with beat and one worker."""
    url = ""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_session")
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE caption_edits")
        url = server.url.replace("/postgres", "/caption_edits")
    folder: Path = tmp_path_factory.mktemp("edited")
    with open_backstage(folder, url) as stage:
        stage.start_beat()
        stage.start_worker("cpu")
        yield stage


def fill(stage: Backstage, dataset: str, count: int) -> None:
    """A dataset of captioned images: 'caption 0', 'caption 1' ..."""
    with stage.services.sessions() as session:
        session.add(Dataset(id=dataset, name=dataset, created_by="anna", defaults={}))
        session.flush()
        rows = [
            {
                "dataset_id": dataset, "sha256": f"{dataset}{number}", "ext": "png",
                "filename": f"{number}.png", "width": 8, "height": 8, "size_bytes": 1, "phash": "",
                "is_captioned": True,
            }
            for number in range(count)
        ]  # fmt: skip
        session.execute(insert(Image), rows)
        wanted = select(Image).where(Image.dataset_id == dataset).order_by(Image.id)
        images = session.scalars(wanted).all()
        session.execute(
            insert(Caption),
            [
                {
                    "image_id": image.id, "slot": 0, "revision": 1, "text": f"caption {number}",
                    "author": "anna",
                }
                for number, image in enumerate(images)
            ],
        )  # fmt: skip
        session.execute(
            insert(CaptionRevision),
            [
                {
                    "image_id": image.id, "slot": 0, "revision": 1, "text": f"caption {number}",
                    "author": "anna", "client_id": f"typed:{image.id}",
                }
                for number, image in enumerate(images)
            ],
        )  # fmt: skip


def targets_of(stage: Backstage, dataset: str) -> list[Target]:
    with stage.services.readers() as session:
        ids = select(Image.id).where(Image.dataset_id == dataset)
        return [Target(*head[:3]) for head in read_heads(session, ids) if head.text is not None]


def start(stage: Backstage, kind: str, dataset: str, **params: Any) -> str:
    with stage.services.sessions() as session:
        job = states.create_job(session, kind, dataset_id=dataset, params=params, created_by="bert")
    stage.services.queue.send_job(job, stage.services.sessions)
    return job.id


def start_edit(stage: Backstage, dataset: str, targets: list[Target], **edit: Any) -> str:
    key = f"datasets/{dataset}/edits/{len(targets)}.json"
    store_targets(stage.services.store, key, targets)
    return start(stage, "edit_captions", dataset, edit=edit, targets=key)


def ended(stage: Backstage, job_id: str) -> Job:
    return stage.wait_for(job_id, "succeeded", "failed", "stopped")


def captions(stage: Backstage, dataset: str) -> list[tuple[str | None, int]]:
    with stage.services.readers() as session:
        rows = session.execute(
            select(Caption.text, Caption.revision)
            .join(Image, Image.id == Caption.image_id)
            .where(Image.dataset_id == dataset, Caption.slot == 0)
            .order_by(Image.id)
        )
        return [(text, revision) for text, revision in rows]


def changed(stage: Backstage, dataset: str) -> int:
    """How many captions have a second revision."""
    wanted = (
        select(func.count())
        .select_from(Caption)
        .join(Image, Image.id == Caption.image_id)
        .where(Image.dataset_id == dataset, Caption.slot == 0, Caption.revision == 2)
    )
    with stage.services.readers() as session:
        return session.scalar(wanted) or 0


def change(stage: Backstage, target: Target, text: str | None) -> None:
    """Somebody saves a caption."""
    image_id, slot, revision = target
    with stage.services.sessions() as session:
        client_id = f"carl:{image_id}:{slot}:{revision}"
        save_one(session, Save(image_id, text, revision, client_id, "carl", slot))


def test_an_edit_changes_all_slots_and_leaves_what_was_saved_since(worked: Backstage) -> None:
    fill(worked, "slots", 3)
    first, second, third = targets_of(worked, "slots")
    change(worked, Target(first.image_id, 1, 0), "caption 0 again")
    targets = targets_of(worked, "slots")
    change(worked, second, "caption of carl")
    with worked.services.sessions() as session:
        session.delete(session.get_one(Image, third.image_id))
    job = ended(
        worked,
        start_edit(worked, "slots", targets, mode="replace", find="caption", text="title"),
    )
    assert job.result == {
        "changed": 2,
        "unchanged": 0,
        "conflicts": 1,
        "rejected": [{"image_id": third.image_id, "slot": 0, "reason": "the image was deleted"}],
        "rejected_count": 1,
    }
    assert captions(worked, "slots") == [("title 0", 2), ("caption of carl", 2)]
    with worked.services.readers() as session:
        heads = read_heads(session, [first.image_id])
        seq = session.get_one(Dataset, "slots").caption_seq
        author = session.get_one(Caption, (first.image_id, 0)).author
    assert [(head.text, head.revision) for head in heads] == [("title 0", 2), ("title 0 again", 2)]
    assert (author, seq) == ("bert", 3)


def test_what_cannot_be_a_caption_is_listed_and_the_rest_is_done(worked: Backstage) -> None:
    fill(worked, "refused", 12)
    edit = start_edit(
        worked, "refused", targets_of(worked, "refused"), mode="replace", find="caption 1"
    )
    result = ended(worked, edit).result
    assert result is not None
    assert (result["changed"], result["unchanged"], result["rejected_count"]) == (0, 11, 1)
    assert result["rejected"][0]["reason"] == "nothing would be left of it"


def test_undo_restores_every_caption_that_nobody_changed_since(worked: Backstage) -> None:
    fill(worked, "undone", 4)
    before = captions(worked, "undone")
    targets = targets_of(worked, "undone")
    edit = ended(worked, start_edit(worked, "undone", targets, mode="clear"))
    assert [text for text, _ in captions(worked, "undone")] == [None] * 4
    change(worked, Target(targets[3].image_id, 0, 2), "a new one")
    undo = ended(worked, start(worked, "undo_edit", "undone", job_id=edit.id))
    assert undo.result == {"restored": 3, "kept": 1}
    after = captions(worked, "undone")
    assert [text for text, _ in after] == [*(text for text, _ in before[:3]), "a new one"]
    redo = ended(worked, start(worked, "undo_edit", "undone", job_id=undo.id))
    assert redo.result == {"restored": 3, "kept": 0}
    assert [text for text, _ in captions(worked, "undone")] == [None, None, None, "a new one"]


def review(stage: Backstage, image_id: int, reviewer: str) -> None:
    """Somebody finds an image's captions right."""
    with stage.services.sessions() as session:
        image = session.get_one(Image, image_id)
        image.reviewed_by, image.reviewed_at = reviewer, now()
        session.add(Review(image_id=image_id, reviewer=reviewer, author="anna"))


def marks(stage: Backstage, dataset: str) -> list[tuple[str | None, str | None]]:
    """(who captioned, who reviewed) each image."""
    with stage.services.readers() as session:
        images = session.scalars(
            select(Image).where(Image.dataset_id == dataset).order_by(Image.id)
        )
        return [(head_of(session, image.id).author, image.reviewed_by) for image in images]


def test_undo_gives_authors_and_reviews_back_where_nothing_else_happened(
    worked: Backstage,
) -> None:
    fill(worked, "reviewed", 4)
    targets = targets_of(worked, "reviewed")
    change(worked, Target(targets[0].image_id, 1, 0), "a second caption")
    for target in targets[:3]:
        review(worked, target.image_id, "carl")
    targets = targets_of(worked, "reviewed")
    edit = ended(worked, start_edit(worked, "reviewed", targets, mode="append", text="!"))
    assert marks(worked, "reviewed") == [("bert", None)] * 4
    change(worked, Target(targets[2].image_id, 0, 2), "by carl")
    review(worked, targets[4].image_id, "dora")
    undo = ended(worked, start(worked, "undo_edit", "reviewed", job_id=edit.id))
    assert undo.result == {"restored": 4, "kept": 1}
    assert marks(worked, "reviewed") == [
        ("anna", "carl"),
        ("carl", None),
        ("anna", "carl"),
        ("anna", None),  # what dora has reviewed was the edited text
    ]
    ended(worked, start(worked, "undo_edit", "reviewed", job_id=undo.id))
    redone = [reviewer for _, reviewer in marks(worked, "reviewed")]
    assert redone == [None, None, None, "dora"]  # which stands again now


def test_undoing_the_first_captions_of_images_takes_them_away(worked: Backstage) -> None:
    fill(worked, "first", 2)
    image_id = targets_of(worked, "first")[0].image_id
    targets = [Target(image_id, 1, 0)]
    edit = ended(worked, start_edit(worked, "first", targets, mode="set", text="one more"))
    assert edit.result is not None
    assert edit.result["rejected_count"] == 1  # there is no second caption to edit
    change(worked, Target(image_id, 0, 1), None)
    again = [Target(image_id, 0, 2)]
    edit = ended(worked, start_edit(worked, "first", again, mode="set", text="a cat"))
    assert captions(worked, "first")[0] == ("a cat", 3)
    ended(worked, start(worked, "undo_edit", "first", job_id=edit.id))
    assert captions(worked, "first")[0] == (None, 4)


def test_captions_of_an_import_are_undone_too(worked: Backstage) -> None:
    fill(worked, "imported", 2)
    with worked.services.sessions() as session:
        image = session.scalar(
            select(Image).where(Image.filename == "0.png", Image.dataset_id == "imported")
        )
        assert image is not None
        job = states.create_job(
            session, "import_captions", dataset_id="imported", params={}, created_by="bert"
        )
        save_one(session, Save(image.id, "of a file", 1, f"import:{job.id}:{image.id}", "bert"))
    assert captions(worked, "imported")[0] == ("of a file", 2)
    undo = ended(worked, start(worked, "undo_edit", "imported", job_id=job.id))
    assert undo.result == {"restored": 1, "kept": 0}
    assert captions(worked, "imported")[0] == ("caption 0", 3)


def test_a_bad_pattern_fails_with_its_reason_and_changes_nothing(worked: Backstage) -> None:
    fill(worked, "bad", 1)
    targets = targets_of(worked, "bad")
    job = ended(worked, start_edit(worked, "bad", targets, mode="replace", find="(a", regex=True))
    assert job.state == "failed"
    assert job.error is not None
    assert job.error["code"] == "invalid_input"
    assert captions(worked, "bad") == [("caption 0", 1)]


def heard(stage: Backstage, dataset: str, targets: list[Target]) -> Counter[str]:
    """The events that an edit sends to a dataset's room, by name.

    It waits after its first portion until something of it has been heard, so that not all is told in one.
    """
    listener = stage.services.queue.redis.pubsub()
    listener.subscribe(CHANNEL)
    stage.hold_jobs("captions", 1)
    job_id = start_edit(stage, dataset, targets, mode="append", text="!")
    found: Counter[str] = Counter()
    is_over = False
    while not is_over or found["dataset"] < 2:
        message = listener.get_message(timeout=PATIENCE_S)
        assert message is not None, found
        for rooms, told in read_message(message["data"]) if message["type"] == "message" else ():
            name, data = json.loads(told)
            found[name] += f"dataset:{dataset}" in json.loads(rooms)
            is_over = is_over or (name == "job" and data["job_id"] == job_id and is_end(data))
        if found["dataset"]:
            stage.let_go()
    listener.close()
    return found


def is_end(told: dict[str, Any]) -> bool:
    return told["state"] in states.FINISHED


def test_few_changes_are_told_one_by_one_and_many_are_not(worked: Backstage) -> None:
    fill(worked, "few", 5)
    assert heard(worked, "few", targets_of(worked, "few"))["caption"] == 5
    fill(worked, "many", 700)  # four portions: each may be told of, and its begin and its end
    events = heard(worked, "many", targets_of(worked, "many"))
    assert events["caption"] == 0
    assert 2 <= events["dataset"] <= 6


def test_a_killed_edit_goes_on_and_changes_no_caption_twice(any_stage: Backstage) -> None:
    fill(any_stage, "killed", MANY)
    any_stage.start_beat()
    worker = any_stage.start_worker("cpu")
    any_stage.hold_jobs("captions", HELD_AT)
    job_id = start_edit(
        any_stage, "killed", targets_of(any_stage, "killed"), mode="append", text=", photo"
    )
    wait_until(lambda: changed(any_stage, "killed"), what="a changed caption", every_s=0.005)
    any_stage.lose(worker, job_id)
    any_stage.let_go()
    any_stage.start_worker("cpu,maintenance")
    job = ended(any_stage, job_id)
    assert job.result is not None, job.error
    assert (job.result["changed"], job.result["conflicts"]) == (MANY, 0)
    assert captions(any_stage, "killed") == [
        (f"caption {number}, photo", 2) for number in range(MANY)
    ]


def test_a_stopped_edit_says_how_far_it_came_and_a_retry_does_the_rest(
    any_stage: Backstage,
) -> None:
    fill(any_stage, "stopped", MANY)
    any_stage.start_worker("cpu")
    any_stage.hold_jobs("captions", HELD_AT)
    job_id = start_edit(
        any_stage, "stopped", targets_of(any_stage, "stopped"), mode="prepend", text="photo: "
    )
    wait_until(lambda: changed(any_stage, "stopped"), what="a changed caption", every_s=0.005)
    with any_stage.services.sessions() as session:
        states.request_stop(session, job_id, "save")
    job = ended(any_stage, job_id)
    assert job.state == "stopped"
    assert job.result is not None
    assert 0 < job.result["changed"] == changed(any_stage, "stopped") < MANY
    any_stage.let_go()
    with any_stage.services.sessions() as session:
        job = states.requeue(session, job_id, fresh=True)
    any_stage.services.queue.send_job(job, any_stage.services.sessions)
    job = any_stage.wait_for(job_id, "succeeded", "failed")
    assert job.result is not None, job.error
    assert job.result["changed"] == MANY
    assert {revision for _, revision in captions(any_stage, "stopped")} == {2}
