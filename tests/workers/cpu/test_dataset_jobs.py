"""Ingest, captions, split and synonyms as jobs of a real worker process, on SQLite and PostgreSQL."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest
from PIL import Image as Pillow
from sqlalchemy import select

from common.captions.csv_files import read_rows
from common.db.tables import Caption, CaptionRevision, Dataset, Image, Job
from common.jobs import states
from common.messaging.broker import CAPTIONS, SAVE_CAPTIONS
from tests.captions import head_of
from tests.workers.conftest import PATIENCE_S, Backstage, open_backstage, wait_until
from workers.cpu.images.sample import draw_sample


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def worked(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Backstage]:
    """A stage with one worker for everything but the GPU, and beat."""
    folder: Path = tmp_path_factory.mktemp("worked")
    url = ""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_session")
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE dataset_jobs")
        url = server.url.replace("/postgres", "/dataset_jobs")
    with open_backstage(folder, url) as stage:
        stage.start_beat()
        stage.start_worker("cpu,captions,maintenance")
        yield stage


def make_dataset(stage: Backstage, name: str) -> str:
    with stage.services.sessions() as session:
        session.add(Dataset(id=name, name=name, created_by="anna", defaults={}))
    return name


def run(stage: Backstage, kind: str, dataset: str, **params: Any) -> Job:
    with stage.services.sessions() as session:
        job = states.create_job(session, kind, dataset_id=dataset, params=params, created_by="anna")
    stage.services.queue.send_job(job, stage.services.sessions)
    return stage.wait_for(job.id, "succeeded", "failed")


def upload(stage: Backstage, dataset: str, **files: bytes) -> Job:
    uploads = []
    for number, (name, data) in enumerate(files.items()):
        key = f"uploads/{dataset}/{number}/{name}"
        stage.services.store.put_bytes(key, data)
        uploads.append({"key": key, "name": name.replace("__", ".")})
    return run(stage, "ingest", dataset, uploads=uploads)


def png(colour: str, size: int = 40) -> bytes:
    buffer = io.BytesIO()
    Pillow.new("RGB", (size, size), colour).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "."), data)
    return buffer.getvalue()


def images_of(stage: Backstage, dataset: str) -> list[Image]:
    with stage.services.readers() as session:
        found = session.scalars(select(Image).where(Image.dataset_id == dataset).order_by(Image.id))
        return list(found)


def heads_of(stage: Backstage, dataset: str) -> list[Caption]:
    """The first captions of the images, in their order."""
    images = images_of(stage, dataset)
    with stage.services.readers() as session:
        return [head_of(session, image.id) for image in images]


def test_bad_files_are_rejected_one_by_one_and_the_rest_goes_in(worked: Backstage) -> None:
    dataset = make_dataset(worked, "mixed")
    archive = zipped(red__png=png("red"), notes__doc=b"no image", cut__png=png("blue")[:60])
    job = upload(worked, dataset, many__zip=archive, green__png=png("green"), again__png=png("red"))
    assert job.state == "succeeded", job.error
    assert job.result is not None
    assert (job.result["added"], job.result["duplicates"]) == (2, 1)
    reasons = {entry["name"]: entry["reason"] for entry in job.result["rejected"]}
    assert set(reasons) == {"notes.doc", "cut.png"}
    assert "cut short" in reasons["cut.png"]
    stored = images_of(worked, dataset)
    assert [image.filename for image in stored] == ["red.png", "green.png"]
    assert all(worked.services.store.exists(image.key) for image in stored)
    assert all(worked.services.store.exists(image.thumb_key) for image in stored)
    assert not list(worked.services.store.list("uploads/mixed/"))


def test_captions_in_a_zip_of_images_come_along(worked: Backstage) -> None:
    dataset = make_dataset(worked, "together")
    table = b"filepath\ttitle\na.png\ta red field\nmissing.png\tnothing\n"
    archive = zipped(
        a__png=png("red"), index__csv=table, b__png=png("blue"), b__txt=b"a blue field"
    )
    job = upload(worked, dataset, set__zip=archive)
    assert job.result is not None, job.error
    assert job.result["captions"]["written"] == 2
    assert job.result["captions"]["unmatched"] == ["missing.png"]
    assert [head.text for head in heads_of(worked, dataset)] == [
        "a red field",
        "a blue field",
    ]


def test_importing_the_same_captions_again_changes_nothing(worked: Backstage) -> None:
    dataset = make_dataset(worked, "again")
    upload(worked, dataset, a__png=png("red", 50), b__png=png("blue", 50))
    table = b"image,caption\na.png,None\nb.png,ein blaues Feld\nc.png,\n"
    results = []
    for number in range(2):
        key = f"uploads/again-{number}.csv"
        worked.services.store.put_bytes(key, table)
        job = run(worked, "import_captions", dataset, upload={"key": key, "name": "captions.csv"})
        assert job.result is not None, job.error
        results.append(
            (job.result["written"], job.result["unchanged"], job.result["rejected_count"])
        )
    assert results == [(2, 0, 1), (0, 2, 1)]
    assert [head.revision for head in heads_of(worked, dataset)] == [1, 1]


def test_a_column_of_tags_or_classes_tags_the_images(worked: Backstage) -> None:
    dataset = make_dataset(worked, "classes")
    upload(worked, dataset, a__png=png("red", 52), b__png=png("blue", 52), c__png=png("lime", 52))
    table = b"image,class,caption\na.png, owl ,a red field\nb.png,,a blue field\nc.png,gull,\n"
    worked.services.store.put_bytes("uploads/classes.csv", table)
    uploaded = {"key": "uploads/classes.csv", "name": "captions.csv"}
    job = run(worked, "import_captions", dataset, upload=uploaded)
    assert job.result is not None, job.error
    assert (job.result["written"], job.result["tagged"]) == (2, 1)
    assert [image.tag for image in images_of(worked, dataset)] == ["owl", None, None]


def send_caption(stage: Backstage, image: Image, text: str, base: int, client_id: str) -> Any:
    message = {
        "image_id": image.id, "text": text, "base_revision": base, "client_id": client_id,
        "author": "bert",
    }  # fmt: skip
    stage.services.queue.send(SAVE_CAPTIONS, [[message], f"test:{client_id}"], CAPTIONS)
    answer = stage.services.replies.wait(f"test:{client_id}", PATIENCE_S)
    assert answer is not None
    return answer[client_id]


def test_a_caption_sent_twice_is_saved_once_and_a_stale_one_is_a_conflict(
    worked: Backstage,
) -> None:
    dataset = make_dataset(worked, "typed")
    upload(worked, dataset, a__png=png("red", 60))
    (image,) = images_of(worked, dataset)
    first = send_caption(worked, image, " a red\tfield ", 0, "typed-1")
    assert (first["revision"], first["text"]) == (1, "a red field")
    assert send_caption(worked, image, " a red\tfield ", 0, "typed-1")["revision"] == 1
    stale = send_caption(worked, image, "something else", 0, "typed-2")
    assert stale["error"]["code"] == "caption_conflict"
    assert stale["error"]["details"]["current"]["text"] == "a red field"
    other = send_caption(worked, image, "another text", 1, "typed-1")
    assert other["error"]["code"] == "invalid_input"
    with worked.services.readers() as session:
        texts = session.scalars(
            select(CaptionRevision.text).where(CaptionRevision.image_id == image.id)
        ).all()
    assert texts == ["a red field"]


def test_index_csv_follows_the_captions_within_seconds(worked: Backstage) -> None:
    dataset = make_dataset(worked, "followed")
    upload(worked, dataset, a__png=png("red", 70))
    (image,) = images_of(worked, dataset)
    send_caption(worked, image, "null", 0, "followed-1")
    key = f"datasets/{dataset}/index.csv"
    rows = wait_until(
        lambda: worked.services.store.exists(key) and read_rows(worked.services.store.get_bytes(key)),
        what="index.csv",
    )  # fmt: skip
    assert rows == [(f"images/{image.sha256}.png", "null")]


def test_the_way_from_sample_to_training_rows_leaks_nothing(worked: Backstage) -> None:
    dataset = make_dataset(worked, "shapes")
    drawn = run(worked, "sample", dataset, count=60, seed=1)
    assert drawn.result is not None, drawn.error
    assert drawn.result["added"] == 60
    texts = [head.text for head in heads_of(worked, dataset)]
    names = [image.filename for image in images_of(worked, dataset)]
    captions = dict(zip(names, texts, strict=True))
    assert captions == {picture.filename: picture.caption for picture in draw_sample(60, 1)}

    split = run(worked, "split", dataset, val_fraction=0.2, seed=3)
    assert split.result is not None, split.error
    assert split.result["train_images"] + split.result["val_images"] == 60
    assert 8 <= split.result["val_images"] <= 16
    assert any("100" in warning for warning in split.result["warnings"])

    augmented = run(worked, "augment", dataset, method="synonyms", per_caption=3, seed=0)
    assert augmented.result is not None, augmented.error
    store = worked.services.store
    train = read_rows(store.get_bytes(f"datasets/{dataset}/train.csv"))
    val = read_rows(store.get_bytes(f"datasets/{dataset}/val.csv"))
    assert len(train) == augmented.result["rows"] > 2 * split.result["train_images"]
    assert len(set(train)) == len(train)
    assert not {path for path, _ in train} & {path for path, _ in val}
    plain = pd.read_csv(io.BytesIO(store.get_bytes(f"datasets/{dataset}/train.csv")), sep="\t")
    assert list(plain.columns) == ["filepath", "title"]
    assert len(plain) == len(train)
    assert not plain["title"].isna().any()

    run(worked, "split", dataset, seed=4)
    assert not store.exists(f"datasets/{dataset}/train.csv")


def test_a_split_without_captions_and_augmentation_without_a_split_say_what_is_missing(
    worked: Backstage,
) -> None:
    dataset = make_dataset(worked, "bare")
    upload(worked, dataset, a__png=png("red", 80))
    codes = []
    for kind in ("split", "augment"):
        job = run(worked, kind, dataset)
        assert job.error is not None
        assert job.error["remedy"]
        codes.append(job.error["code"])
    assert codes == ["no_captions", "no_split"]
