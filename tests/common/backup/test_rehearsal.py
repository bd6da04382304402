"""The whole way: a stack is backed up while people work, restored into one of another kind, and back again."""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import select, update

import workers.cpu.tasks  # noqa: F401  (the bodies of the jobs)
from common.backup.making import make_backup
from common.backup.names import missing_artifacts
from common.backup.places import open_source
from common.backup.restoring import restore_backup
from common.backup.verifying import verify
from common.captions.csv_files import read_rows
from common.captions.rows import index_rows
from common.db.tables import Caption, CaptionRevision, Image, Job, TrashedImage
from common.trash.images import remove_images, trash_images
from tests.common.backup.stacks import Stack, fill
from tests.migrated import migrate_new
from tests.workers.conftest import wait_until
from workers.runtime.job_runs import run_next

IMAGES = 60
LATER = ["cats-later"]


class People:
    """They save captions all the time; when told to, they delete images for good, and empty the trash."""

    def __init__(self, stack: Stack, ids: list[int]) -> None:
        self._stack, self._ids = stack, ids
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._save)
        self.saved = 0
        self.deleted: list[str] = []

    def _save(self) -> None:
        bases = dict.fromkeys(self._ids, 1)
        while not self._ended.is_set():
            image_id = self._ids[self.saved % len(self._ids)]
            bases[image_id] = self._stack.save(image_id, f"save {self.saved}", bases[image_id])
            self.saved += 1

    def delete(self, image_ids: list[int]) -> None:
        """Into the trash and out of it, with what lay there before; the job for the files is run at once."""
        services = self._stack.services
        trash_images(services.sessions, "cats", image_ids, "ada")
        with services.sessions() as session:
            held = session.scalars(select(TrashedImage)).all()
            self.deleted += [f"datasets/cats/images/{each.sha256}.png" for each in held]
            remove_images(session, [each.image_id for each in held], "ada")
        while run_next(services, "cpu"):
            pass

    def __enter__(self) -> People:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def test_what_people_save_and_delete_meanwhile_leaves_the_backup_whole_and_it_comes_back_in_every_kind_of_stack(
    tmp_path: Path, redis_url: str, postgres_url: str, s3_url: str
) -> None:
    laptop = Stack(tmp_path / "laptop", redis_url)
    migrate_new(laptop.settings.database)
    ids = fill(laptop, IMAGES)
    before = laptop.objects()
    with People(laptop, ids[10:]) as people:

        def work(what: str, done: int, _total: int) -> None:
            """When the rows are read, and some files copied, images are deleted for good."""
            if what == "files" and done == 5:
                before = people.saved
                wait_until(lambda: people.saved > before, what="a save meanwhile")
                people.delete(ids[:10])

        manifest, figures = make_backup(laptop.settings, str(tmp_path / "backup"), report=work)
    assert len(people.deleted) == 12
    assert (manifest.missing, manifest.damaged) == ([], [])
    assert figures["new_objects"] > 2 * IMAGES
    assert not verify(open_source(str(tmp_path / "backup"))).wrong

    # the files went after the backup, not before
    assert set(people.deleted) <= set(laptop.objects())
    with laptop.services.sessions() as session:
        session.execute(update(Job).values(not_before=None))
    while run_next(laptop.services, "cpu"):
        pass
    assert not set(people.deleted) & set(laptop.objects())

    team = Stack(tmp_path / "team", redis_url, postgres_url, s3_url.replace("tests?", "team?"))
    restored = restore_backup(team.settings, str(tmp_path / "backup"))
    assert (restored.lost, restored.second_factors) == ([], 1)
    require_whole(team, set(people.deleted))
    there = team.objects()
    kept = {key: value for key, value in before.items() if key in there}
    changed = {"datasets/cats/index.csv", "datasets/cats/val.csv"}
    assert {key for key in kept if kept[key] != there[key]} == changed
    assert set(before) - set(there) == {
        "uploads/forgotten/0/red.png", "models_finetuned/nobody/model.safetensors",
    }  # fmt: skip

    make_backup(team.settings, str(tmp_path / "backup.zip"))
    again = Stack(tmp_path / "again", redis_url)
    restore_backup(again.settings, str(tmp_path / "backup.zip"))
    for name, rows in team.rows().items():
        assert again.rows()[name] == rows, name
        assert rows, f"{name} is empty"
    assert again.objects() == there
    new = again.add_image("cats", b"one more")
    assert new > max(ids) + 2, "an image's number was given again"


def require_whole(stack: Stack, deleted: set[str]) -> None:
    """What the rows name is there; the captions are those of one moment."""
    with stack.services.readers() as session:
        assert missing_artifacts(session, stack.services.store) == []
        assert deleted <= set(stack.objects())
        keys = {image.key for image in session.scalars(select(Image))}
        assert len(keys) == IMAGES - 2
        stored = read_rows(stack.services.store.get_bytes("datasets/cats/index.csv"))
        assert stored == list(index_rows(session, "cats"))
        saves = session.scalars(select(CaptionRevision.text).order_by(CaptionRevision.id)).all()
        numbers = [int(text.split()[1]) for text in saves if text and text.startswith("save ")]
        assert numbers == list(range(len(numbers)))
        newest = {
            row.image_id: row.text
            for row in session.scalars(select(CaptionRevision).order_by(CaptionRevision.id))
        }
        heads = {row.image_id: row.text for row in session.scalars(select(Caption))}
        assert heads == {image_id: newest[image_id] for image_id in heads}
