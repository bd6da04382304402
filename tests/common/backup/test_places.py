"""Backups one after the other in a folder, a bucket or a zip: what is kept, found damaged, and refused."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import MetaData, update

from common.backup.keeping import keep_newest
from common.backup.making import make_backup
from common.backup.manifest import (
    choose_manifest,
    object_name,
    read_list,
    read_manifests,
    table_part,
)
from common.backup.places import MARK, open_source, open_target
from common.backup.restoring import UNFINISHED, restore_backup
from common.backup.verifying import verify
from common.db.engine import migrate, open_engine
from common.db.revisions import known_revisions
from common.db.tables import Dataset, Image, Job, User
from common.errors import ClipBrowserError, Conflict, InvalidInput, NotFound
from tests.common.backup.stacks import Stack
from tests.migrated import migrate_new

NO_REDIS = "redis://127.0.0.1:1/0"


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    made = Stack(tmp_path / "data", NO_REDIS)
    migrate_new(made.settings.database)
    with made.services.sessions() as session:
        session.add_all(
            [User(name="admin", role="admin"), Dataset(id="cats", name="c", created_by="a")]
        )
    for number in range(3):
        made.add_image("cats", f"picture {number}".encode())
    return made


@pytest.fixture(params=["folder", "bucket"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "backups")
    return str(request.getfixturevalue("s3_url")).replace(
        "tests?", f"{tmp_path.name[:20]}?".replace("_", "-")
    )


def test_a_second_backup_copies_only_what_is_new_and_the_oldest_goes_when_enough_are_kept(
    stack: Stack, target: str
) -> None:
    first, figures = make_backup(stack.settings, target)
    assert figures["new_objects"] == figures["artifacts"] == 7
    gone = stack.services.store.stat("datasets/cats/images/" + hash_of(b"picture 0") + ".png").key
    added = b"a new picture"
    stack.add_image("cats", added)
    with stack.services.sessions() as session:
        session.query(Image).filter(Image.sha256 == hash_of(b"picture 0")).delete()
    stack.services.store.delete(gone)
    second, figures = make_backup(stack.settings, target)
    assert (figures["artifacts"], figures["new_objects"]) == (7, 2)
    place = open_source(target)
    assert [each.name for each in read_manifests(place)] == [first.name, second.name]
    assert first.created_at < second.created_at
    assert verify(place).objects == 9
    _, figures = make_backup(stack.settings, target, keep=2)
    assert (figures["new_objects"], figures["removed"]) == (0, 1)
    left = {name.rsplit("/", 1)[-1] for name, _ in place.list("objects")}
    assert hash_of(added) in left
    assert hash_of(b"picture 0") not in left, "no backup that is kept has it"
    assert verify(place).wrong == {}
    assert {name.split("/")[1] for name, _ in place.list("snapshots")} == {
        each.name for each in read_manifests(place)
    }


def hash_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_what_is_missing_or_damaged_is_found_and_everything_else_comes_back(
    stack: Stack, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    manifest, _ = make_backup(stack.settings, str(folder))
    images = [
        each for each in read_list(open_source(str(folder)), manifest) if "/images/" in each.key
    ]
    damaged, missing, _ = [folder / object_name(each.sha256) for each in images]
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    missing.unlink()
    wrong = verify(open_source(str(folder))).wrong
    assert wrong == {
        object_name(images[0].sha256): "is damaged", object_name(images[1].sha256): "is missing",
    }  # fmt: skip
    other = Stack(tmp_path / "other", NO_REDIS)
    restored = restore_backup(other.settings, str(folder))
    assert restored.lost == sorted(each.key for each in images[:2])
    assert restored.artifacts == 5
    assert images[2].key in other.objects()
    rows = next(folder.glob("snapshots/*/tables/users.jsonl.gz"))
    rows.write_bytes(rows.read_bytes()[:-9])
    with pytest.raises(InvalidInput, match="damaged"):
        restore_backup(Stack(tmp_path / "third", NO_REDIS).settings, str(folder))


def test_a_store_that_has_lost_files_is_backed_up_without_them_and_told_of(
    stack: Stack, tmp_path: Path
) -> None:
    store = stack.services.store
    lost = f"datasets/cats/images/{hash_of(b'picture 0')}.png"
    rotten = f"datasets/cats/images/{hash_of(b'picture 1')}.png"
    store.delete(lost)
    store.put_bytes(rotten, b"rotten")
    manifest, figures = make_backup(stack.settings, str(tmp_path / "backups"))
    assert (manifest.missing, manifest.damaged) == ([lost], [rotten])
    assert (figures["missing"], figures["damaged"]) == (1, 1)


def test_a_stack_that_is_not_empty_is_refused_by_name_and_a_restore_that_broke_off_is_begun_again(
    stack: Stack, tmp_path: Path
) -> None:
    zipped = str(tmp_path / "backup.zip")
    manifest, _ = make_backup(stack.settings, zipped)
    with pytest.raises(InvalidInput, match="there already"):
        make_backup(stack.settings, zipped)
    with pytest.raises(Conflict, match="1 datasets, 3 images"):
        restore_backup(stack.settings, zipped)
    other = Stack(tmp_path / "other", NO_REDIS)
    migrate_new(other.settings.database)
    with other.services.sessions() as session:
        session.add(User(name="admin", role="admin"))  # as the first start leaves it

    class BrokeOff(Exception):
        pass

    def break_off(what: str, _done: int, _total: int) -> None:
        if what == "rows":
            raise BrokeOff

    with pytest.raises(BrokeOff):
        restore_backup(other.settings, zipped, report=break_off)
    assert other.services.store.get_bytes(UNFINISHED) == manifest.name.encode()
    make_backup(stack.settings, str(tmp_path / "third.zip"))
    with pytest.raises(Conflict, match="The store"):
        restore_backup(other.settings, str(tmp_path / "third.zip"))
    restored = restore_backup(other.settings, zipped)
    assert (restored.artifacts, restored.size_bytes) == (7, 0), "the files were there already"
    assert other.rows() == stack.rows()
    assert other.objects().items() >= stack.objects().items()
    assert not other.services.store.exists(UNFINISHED)


def test_jobs_that_ran_wait_to_be_done_again_and_those_being_stopped_have_stopped(
    stack: Stack, tmp_path: Path
) -> None:
    facts = {"kind": "split", "queue": "cpu", "created_by": "a", "lease_owner": "w", "attempt": 2}
    with stack.services.sessions() as session:
        session.add_all(
            [Job(id=state, state=state, **facts) for state in ("running", "stopping", "queued")]
        )
    make_backup(stack.settings, str(tmp_path / "b.zip"))
    other = Stack(tmp_path / "other", NO_REDIS)
    assert restore_backup(other.settings, str(tmp_path / "b.zip")).jobs_again == 1
    with other.services.readers() as session:
        jobs = {job.id: job for job in session.query(Job)}
    assert [jobs[name].state for name in sorted(jobs)] == ["queued", "queued", "stopped"]
    assert (jobs["running"].lease_owner, jobs["running"].attempt) == (None, 1)
    assert "restored from a backup" in jobs["running"].notes[0]
    assert jobs["queued"].attempt == 2


def test_a_backup_of_an_earlier_schema_comes_back_in_the_newest_one_and_of_a_later_one_is_refused(
    stack: Stack, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    make_backup(stack.settings, str(folder))
    [path] = folder.glob("snapshots/*/manifest.json")
    write_as_of(known_revisions()[-2], path, tmp_path / "earlier.db")
    manifest = json.loads(path.read_text())
    other = Stack(tmp_path / "other", NO_REDIS)
    restore_backup(other.settings, str(folder))
    assert other.rows() == stack.rows()
    with open_engine(other.settings.database).connect() as connection:
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    assert found == known_revisions()[-1]
    path.write_text(json.dumps({**manifest, "revision": "9999", "app_version": "7.0"}))
    with pytest.raises(InvalidInput, match=r"schema 9999 \(CLIP Browser 7.0\)"):
        restore_backup(Stack(tmp_path / "third", NO_REDIS).settings, str(folder))


def write_as_of(revision: str, path: Path, database: Path) -> None:
    """Turn the backup of this manifest into one of an earlier schema, which has fewer tables and columns."""
    url = f"sqlite:///{database}"
    migrate(url, revision)
    known = MetaData()
    known.reflect(open_engine(url))
    manifest = json.loads(path.read_text())
    for name in list(manifest["tables"]):
        file = path.parent / table_part(name)
        if name not in known.tables:
            del manifest["tables"][name]
            file.unlink()
            continue
        columns, *rows = map(json.loads, gzip.decompress(file.read_bytes()).splitlines())
        kept = [number for number, column in enumerate(columns) if column in known.tables[name].c]
        lines = [json.dumps([values[number] for number in kept]) for values in (columns, *rows)]
        file.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
        content = file.read_bytes()
        manifest["tables"][name] |= {"size_bytes": len(content), "sha256": hash_of(content)}
    path.write_text(json.dumps({**manifest, "revision": revision}))


def test_a_database_of_another_schema_is_not_backed_up(stack: Stack, tmp_path: Path) -> None:
    with open_engine(stack.settings.database).begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0003'")
    with pytest.raises(InvalidInput, match="of schema 0003"):
        make_backup(stack.settings, str(tmp_path / "b.zip"))
    assert list(tmp_path.glob("*.zip")) == list(tmp_path.glob(".tmp*")) == []


@pytest.mark.parametrize(
    ("name", "problem"),
    [("nowhere", NotFound), ("file", InvalidInput), ("b.tar", InvalidInput), ("b.zip", NotFound)],
)
def test_a_place_without_backups_is_told_of(
    tmp_path: Path, name: str, problem: type[ClipBrowserError]
) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(problem):
        open_source(str(tmp_path / name))


def test_a_folder_with_something_else_is_not_written_to_and_a_later_form_not_read(
    tmp_path: Path,
) -> None:
    (tmp_path / "letter.txt").write_text("dear all")
    with pytest.raises(InvalidInput, match="no backup"):
        open_target(str(tmp_path))
    (tmp_path / MARK).write_text('{"format": 2}')
    with pytest.raises(InvalidInput, match="of form 2"):
        open_source(str(tmp_path))


def test_of_two_backups_of_one_second_the_later_one_is_the_newest_whatever_their_names(
    stack: Stack, tmp_path: Path
) -> None:
    made, _ = make_backup(stack.settings, str(tmp_path / "made"))
    place = open_target(str(tmp_path / "backups"))
    for name, at in (("20260101T000000Z-ffff", 100_000), ("20260101T000000Z-0000", 900_000)):
        moment = datetime(2026, 1, 1, microsecond=at, tzinfo=UTC).isoformat()
        one = replace(made, name=name, created_at=moment)
        place.put_bytes(one.path("manifest.json"), one.to_json())
    assert [each.name[-4:] for each in read_manifests(place)] == ["ffff", "0000"]
    assert choose_manifest(place, None).name.endswith("0000")
    assert choose_manifest(place, "20260101").name.endswith("0000")


def test_what_a_killed_backup_left_goes_with_the_next_one_that_keeps_few(
    stack: Stack, tmp_path: Path
) -> None:
    target = str(tmp_path / "backups")
    make_backup(stack.settings, target)
    place = open_target(target)
    place.put_bytes("snapshots/20200101T000000Z-aaaa/tables/users.jsonl.gz", b"half")
    place.put_bytes(object_name(hash_of(b"of it")), b"of it")
    assert keep_newest(place, 1) == 0
    assert verify(place).wrong == {}
    assert len({name.split("/")[1] for name, _ in place.list("snapshots")}) == 1
    assert hash_of(b"of it") not in {name.rsplit("/", 1)[-1] for name, _ in place.list("objects")}
    with stack.services.sessions() as session:
        session.execute(update(Dataset).values(name="changed"))
    assert make_backup(stack.settings, target)[1]["new_objects"] == 0
