"""Uploads and captions on their way in, with real workers: killed, repeated, several captions."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from PIL import Image as Pillow
from sqlalchemy import func, select

from common.captions.csv_files import read_rows, write_rows
from common.captions.rows import index_rows
from common.captions.text import MAX_CAPTIONS
from common.db.tables import Caption, CaptionRevision, Dataset, Image, ImageSource, Job
from common.jobs import states
from tests.workers.conftest import Backstage, open_backstage, wait_until
from workers.cpu.captions.saving import Save, save_captions

Files = Sequence[tuple[str, bytes]]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def worked(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Backstage]:
    """A stage with one worker for the CPU queue."""
    folder: Path = tmp_path_factory.mktemp("taking-in")
    url = ""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_session")
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE taking_in")
        url = server.url.replace("/postgres", "/taking_in")
    with open_backstage(folder, url) as stage:
        stage.start_worker("cpu")
        yield stage


def make_dataset(stage: Backstage, name: str) -> str:
    with stage.services.sessions() as session:
        session.add(Dataset(id=name, name=name, created_by="anna", defaults={}))
    return name


def start(stage: Backstage, kind: str, dataset: str, **params: Any) -> str:
    with stage.services.sessions() as session:
        job = states.create_job(session, kind, dataset_id=dataset, params=params, created_by="anna")
    stage.services.queue.send_job(job, stage.services.sessions)
    return job.id


def ended(stage: Backstage, job_id: str) -> Job:
    job = stage.wait_for(job_id, "succeeded", "failed")
    assert job.state == "succeeded", job.error
    return job


def stored(stage: Backstage, files: Files) -> list[dict[str, str]]:
    folder = f"uploads/{np.random.default_rng().bytes(8).hex()}"
    uploads = []
    for number, (name, data) in enumerate(files):
        uploads.append({"key": f"{folder}/{number}/{name.replace('/', '_')}", "name": name})
        stage.services.store.put_bytes(uploads[-1]["key"], data)
    return uploads


def ingest(stage: Backstage, dataset: str, files: Files) -> dict[str, Any]:
    result = ended(stage, start(stage, "ingest", dataset, uploads=stored(stage, files))).result
    assert result is not None
    return result


def import_file(stage: Backstage, dataset: str, name: str, data: bytes) -> Job:
    (upload,) = stored(stage, [(name, data)])
    return ended(stage, start(stage, "import_captions", dataset, upload=upload))


def zipped(files: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files:
            archive.writestr(name, data)
    return buffer.getvalue()


def picture(seed: int, side: int = 24) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Pillow.fromarray(noise).save(buffer, "PNG")
    return buffer.getvalue()


def captions_of(stage: Backstage, dataset: str) -> dict[str, list[str]]:
    """{file name: captions} of a dataset."""
    with stage.services.readers() as session:
        names = {
            f"images/{image.sha256}.{image.ext}": image.filename
            for image in session.scalars(select(Image).where(Image.dataset_id == dataset))
        }
        found: dict[str, list[str]] = {}
        for path, text in index_rows(session, dataset):
            found.setdefault(names[path], []).append(text)
    return found


def revisions_of(stage: Backstage, dataset: str) -> int:
    with stage.services.readers() as session:
        return int(
            session.scalar(
                select(func.count(CaptionRevision.id))
                .join(Image, Image.id == CaptionRevision.image_id)
                .where(Image.dataset_id == dataset)
            )
            or 0
        )


def test_a_worker_killed_in_the_middle_of_an_upload_is_followed_by_one_that_goes_on(
    any_stage: Backstage,
) -> None:
    stage = any_stage
    number = 300
    files: list[tuple[str, bytes]] = [("bad.png", b"no image")]
    for each in range(number):
        files += [
            (f"{each}.png", picture(each)),
            (f"{each}.txt", b"one %d\ntwo %d\n" % (each, each)),
        ]
    dataset = make_dataset(stage, "interrupted")
    stage.start_beat()
    stage.start_worker("maintenance")
    worker = stage.start_worker("cpu")
    stage.hold_jobs("files", 500)  # of 601
    job_id = start(stage, "ingest", dataset, uploads=stored(stage, [("set.zip", zipped(files))]))
    wait_until(lambda: (stage.job(job_id).checkpoint or {}).get("done", 0) >= 96)
    stage.lose(worker, job_id)
    stage.let_go()
    with stage.services.readers() as session:
        first = session.scalars(select(Image).order_by(Image.id)).first()
    assert first is not None
    written_at = stage.services.store.stat(first.key).modified_at
    stage.start_worker("cpu")
    job = ended(stage, job_id)
    assert job.attempt == 2
    assert job.result is not None
    assert (job.result["added"], job.result["duplicates"]) == (number, 0)
    assert [entry["name"] for entry in job.result["rejected"]] == ["bad.png"]
    assert stage.services.store.stat(first.key).modified_at == written_at  # it was not done again
    assert captions_of(stage, dataset) == {
        f"{each}.png": [f"one {each}", f"two {each}"] for each in range(number)
    }
    assert revisions_of(stage, dataset) == 2 * number
    assert job.result["captions"]["written"] == 2 * number
    assert list(stage.services.store.list("uploads")) == []


def test_a_worker_killed_while_it_saves_captions_leaves_none_out_and_none_twice(
    stage: Backstage,
) -> None:
    number = 800
    dataset = make_dataset(stage, "captions")
    with stage.services.sessions() as session:
        session.add_all(
            Image(
                dataset_id=dataset, sha256=f"{each:064x}", ext="png", filename=f"{each}.png",
                width=1, height=1, size_bytes=1, phash="0" * 28,
            )
            for each in range(number)
        )  # fmt: skip
    rows = [(f"{each}.png", f"{word} {each}") for each in range(number) for word in ("one", "two")]
    stage.start_beat()
    stage.start_worker("maintenance")
    worker = stage.start_worker("cpu")
    (upload,) = stored(stage, [("index.csv", write_rows(rows))])
    stage.hold_jobs("captions", 1400)  # of 1600
    job_id = start(stage, "import_captions", dataset, upload=upload)
    wait_until(lambda: revisions_of(stage, dataset) > 0, every_s=0.005)
    stage.lose(worker, job_id)
    stage.let_go()
    stage.start_worker("cpu")
    job = ended(stage, job_id)
    assert job.attempt == 2
    assert job.result is not None
    assert (job.result["written"], job.result["unchanged"]) == (2 * number, 0)
    assert revisions_of(stage, dataset) == 2 * number
    assert captions_of(stage, dataset) == {
        f"{each}.png": [f"one {each}", f"two {each}"] for each in range(number)
    }


def test_importing_the_same_set_again_changes_nothing_with_several_captions_too(
    worked: Backstage,
) -> None:
    dataset = make_dataset(worked, "again")
    files = [("set/a.png", picture(1)), ("set/b.png", picture(2)), ("set/a.txt", b"one\ntwo\n")]
    first = ingest(worked, dataset, [("set.zip", zipped(files))])
    assert (first["added"], first["captions"]["written"]) == (2, 2)
    second = ingest(worked, dataset, [("set.zip", zipped(files))])
    assert (second["added"], second["duplicates"]) == (0, 2)
    assert (second["captions"]["written"], second["captions"]["unchanged"]) == (0, 2)
    table = write_rows([("set/a.png", "two"), ("set/a.png", "one"), ("set/a.png", "three")])
    for written, unchanged in ((1, 2), (0, 3)):
        job = import_file(worked, dataset, "index.csv", table)
        assert job.result is not None
        assert (job.result["written"], job.result["unchanged"]) == (written, unchanged)
    assert captions_of(worked, dataset) == {"set/a.png": ["one", "two", "three"]}
    assert revisions_of(worked, dataset) == 3


def test_the_services_own_index_csv_and_an_export_find_their_images_again(
    worked: Backstage,
) -> None:
    dataset = make_dataset(worked, "own")
    same = [("x/cat.png", picture(11)), ("y/cat.png", picture(12)), ("cat.jpg", picture(13))]
    ingest(worked, dataset, same)
    with worked.services.readers() as session:
        images = session.scalars(select(Image).where(Image.dataset_id == dataset)).all()
    table = write_rows([(image.key.split("/", 2)[2], image.filename) for image in images])
    assert import_file(worked, dataset, "index.csv", table).result["written"] == 3  # type: ignore[index]
    expected = {name: [name] for name, _ in same}
    assert captions_of(worked, dataset) == expected
    renamed = [("images/cat.png", picture(11)), ("images/cat-2.png", picture(12)),
               ("images/cat-3.png", picture(13))]  # fmt: skip
    rows = [(name, caption) for (name, _), (caption, _) in zip(renamed, same, strict=True)]
    exported = zipped([("index.csv", write_rows(rows)), *renamed])
    result = ingest(worked, dataset, [("export.zip", exported)])
    assert (result["duplicates"], result["captions"]["unchanged"]) == (3, 3)
    assert result["captions"]["unmatched"] == []
    assert captions_of(worked, dataset) == expected


def test_captions_that_come_along_never_write_over_what_somebody_typed(worked: Backstage) -> None:
    dataset = make_dataset(worked, "typed")
    files = [("a.png", picture(21)), ("a.txt", b"from the file"), ("b.png", picture(22)),
             ("b.caption", b"also from a file")]  # fmt: skip
    ingest(worked, dataset, [("set.zip", zipped(files[:2]))])
    with worked.services.sessions() as session:
        image = session.scalars(select(Image).where(Image.dataset_id == dataset)).one()
        save_captions(session, [Save(image.id, "typed since", 1, "typed-since", "bert")])
    again = ingest(worked, dataset, [("set.zip", zipped(files))])["captions"]
    assert (again["written"], again["kept"], again["kept_count"]) == (1, ["a.png"], 1)
    assert captions_of(worked, dataset) == {
        "a.png": ["typed since"],
        "b.png": ["also from a file"],
    }
    explicit = import_file(worked, dataset, "a.txt", b"from the file")
    assert explicit.result is not None
    assert explicit.result["written"] == 1
    assert captions_of(worked, dataset)["a.png"] == ["from the file"]


def test_a_picture_that_was_changed_when_stored_is_known_again(worked: Backstage) -> None:
    dataset = make_dataset(worked, "turned")
    exif = Pillow.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Pillow.new("RGB", (40, 20), "red").save(buffer, "JPEG", exif=exif)
    lying = [("lying.jpg", buffer.getvalue())]
    assert ingest(worked, dataset, [*lying, ("twice.jpg", lying[0][1])])["added"] == 1
    again = ingest(worked, dataset, lying)
    assert (again["added"], again["duplicates"]) == (0, 1)
    with worked.services.readers() as session:
        image = session.scalars(select(Image).where(Image.dataset_id == dataset)).one()
        source = session.scalars(select(ImageSource).where(ImageSource.image_id == image.id)).one()
    assert source.sha256 != image.sha256
    assert (image.filename, image.width, image.height) == ("lying.jpg", 20, 40)


def test_what_cannot_be_read_of_the_captions_is_told_and_the_rest_goes_in(
    worked: Backstage,
) -> None:
    dataset = make_dataset(worked, "bad")
    names = ["long", "empty", "binary", "latin", "mark", "many", "fine"]
    texts = {
        "long": b"x" * 10_000,
        "empty": b" \n",
        "binary": picture(1),
        "latin": "un café".encode("latin-1"),
        "mark": "\ufeffwith a mark\r\n\r\nand two lines\r\n".encode(),
        "many": b"".join(b"line %d\n" % each for each in range(MAX_CAPTIONS + 2)),
        "fine": "\u202bשלום\u202c 👩‍🎨\tafter a TAB".encode(),
    }
    files = [(f"{name}.png", picture(30 + number)) for number, name in enumerate(names)]
    files += [(f"{name}.txt", text) for name, text in texts.items()]
    job_id = start(worked, "ingest", dataset, uploads=stored(worked, [("s.zip", zipped(files))]))
    job = ended(worked, job_id)
    assert job.result is not None
    reasons = {row["name"]: row["reason"] for row in job.result["captions"]["rejected"]}
    assert set(reasons) == {"long.txt", "empty.txt", "binary.txt", "many.txt"}
    assert "10000 characters" in reasons["long.txt"]
    assert "binary" in reasons["binary.txt"]
    assert "at most 10 captions" in reasons["many.txt"]
    assert any("not UTF-8" in note for note in job.notes)
    assert captions_of(worked, dataset) == {
        "latin.png": ["un café"],
        "mark.png": ["with a mark", "and two lines"],
        "many.png": [f"line {each}" for each in range(MAX_CAPTIONS)],
        "fine.png": ["\u202bשלום\u202c 👩‍🎨 after a TAB"],
    }


def test_all_captions_of_an_image_are_on_its_side_and_variants_repeat_nothing(
    worked: Backstage,
) -> None:
    dataset = make_dataset(worked, "several")
    words = ("a red circle on white", "a crimson circle on white", "one big circle, red")
    files: list[tuple[str, bytes]] = []
    for each in range(20):
        files.append((f"{each}.png", picture(100 + each)))
        lines = "".join(f"{text}\n" for text in words[: 1 + each % 3])
        files.append((f"{each}.txt", lines.encode()))
    ingest(worked, dataset, [("set.zip", zipped(files))])
    split = ended(worked, start(worked, "split", dataset, val_fraction=0.3)).result
    assert split is not None
    store = worked.services.store
    train = read_rows(store.get_bytes(f"datasets/{dataset}/train_original.csv"))
    val = read_rows(store.get_bytes(f"datasets/{dataset}/val.csv"))
    with worked.services.readers() as session:
        rows = list(index_rows(session, dataset))
    assert sorted(train + val) == sorted(rows)
    assert not {path for path, _ in train} & {path for path, _ in val}
    assert (split["train_rows"], split["val_rows"]) == (len(train), len(val))
    assert split["train_images"] == len({path for path, _ in train})
    assert split["train_images"] + split["val_images"] == 20
    augmented = ended(worked, start(worked, "augment", dataset, per_caption=10)).result
    assert augmented is not None
    made = read_rows(store.get_bytes(f"datasets/{dataset}/train.csv"))
    assert len(set(made)) == len(made) == augmented["rows"]
    assert augmented["captions"] == len(train)
    assert set(train) <= set(made)


def test_a_caption_that_was_taken_away_leaves_the_images_others_in_the_rows(
    worked: Backstage,
) -> None:
    dataset = make_dataset(worked, "taken")
    ingest(worked, dataset, [("s.zip", zipped([("a.png", picture(50)), ("a.txt", b"one\ntwo")]))])
    with worked.services.sessions() as session:
        image = session.scalars(select(Image).where(Image.dataset_id == dataset)).one()
        save_captions(session, [Save(image.id, None, 1, "taken-1", "bert", 0)])
    assert captions_of(worked, dataset) == {"a.png": ["two"]}
    with worked.services.sessions() as session:
        save_captions(session, [Save(image.id, None, 1, "taken-2", "bert", 1)])
        assert session.get_one(Caption, (image.id, 1)).text is None
    assert captions_of(worked, dataset) == {}


def test_uploads_in_an_s3_store_are_taken_in_and_leave_nothing_on_the_workers_disk(
    tmp_path: Path, s3_url: str
) -> None:
    with open_backstage(tmp_path, "", store_url=s3_url) as stage:
        left_by_others = list(stage.services.store.list("uploads"))
        stage.start_worker("cpu")
        dataset = make_dataset(stage, "away")
        files = [("a.png", picture(61)), ("a.txt", b"one\ntwo")]
        archive = ("set.zip", zipped([("b.png", picture(62)), ("b.txt", b"three")]))
        result = ingest(stage, dataset, [*files, archive, ("bad.png", b"x")])
        assert (result["added"], result["rejected_count"]) == (2, 1)
        assert captions_of(stage, dataset) == {"a.png": ["one", "two"], "b.png": ["three"]}
        import_file(stage, dataset, "more.jsonl", b'{"image": "b.png", "captions": ["four"]}')
        assert captions_of(stage, dataset)["b.png"] == ["four"]
        assert list(stage.services.store.list("uploads")) == left_by_others
        left = [path for path in stage.settings.work_dir.rglob("*") if path.is_file()]
        assert [path for path in left if "upload" in path.name] == []
