"""Datasets: ids, counts, steps, uploads, files, exports, deletion."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import event

from api.datasets.slugs import slug_of
from api.images.file_names import safe_file_name
from common.captions.csv_files import write_rows
from common.captions.heads import first_texts
from common.captions.spreadsheet import harmless
from common.db.tables import Image, Job
from tests.api.conftest import Caller, Service
from tests.captions import put_caption

SPLIT = {"train_images": 4, "val_images": 1, "train_rows": 4, "val_rows": 1}


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Cats", "cats"), ("Über Hüte!", "uber-hute"), ("  a / b  ", "a-b"), ("猫", "dataset"),
        ("../../etc", "etc"), ("x" * 200, "x" * 60), ("Ａ", "a"),
    ],
)  # fmt: skip
def test_an_id_is_a_slug_of_the_name(name: str, slug: str) -> None:
    assert slug_of(name) == slug


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../a.png", "a.png"), ("C:\\x\\b.jpg", "b.jpg"), ("", "file"), (".", "file"),
        (".png", "file.png"), ("a\nb.png", "a_b.png"), ("x" * 300 + ".jpeg", "x" * 95 + ".jpeg"),
    ],
)  # fmt: skip
def test_a_file_name_is_made_safe(name: str, safe: str) -> None:
    assert safe_file_name(name) == safe


def test_a_dataset_has_the_shape_of_the_contract(call_any: Caller) -> None:
    made = call_any("POST", "/datasets", 201, json={"name": "My Cats"})
    assert made["id"] == "my-cats"
    assert made["counts"] == {"images": 0, "captioned": 0, "train": 0, "val": 0, "train_rows": 0}
    assert [step["key"] for step in made["steps"]] == [
        "images", "captioned", "split", "augment", "train", "index", "search",
    ]  # fmt: skip
    assert {step["state"] for step in made["steps"]} == {"empty"}
    assert call_any("GET", "/datasets/my-cats") == made
    assert call_any("GET", "/datasets")["items"] == [made]


def test_the_same_name_gets_another_id(call_any: Caller) -> None:
    ids = [call_any("POST", "/datasets", 201, json={"name": "Cats"})["id"] for _ in range(3)]
    assert ids == ["cats", "cats-2", "cats-3"]


def test_datasets_made_at_once_get_different_ids(any_service: Service) -> None:
    people = [any_service.person(f"p{number}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda each: each.dataset("Cats"), people))
    assert len(set(ids)) == 8


def test_a_dataset_can_be_renamed(call: Caller) -> None:
    dataset = call.dataset()
    assert call("PATCH", f"/datasets/{dataset}", json={"name": "Dogs"})["name"] == "Dogs"
    assert call("GET", f"/datasets/{dataset}")["id"] == dataset


def test_counts_and_steps_follow_the_data(any_service: Service, call_any: Caller) -> None:
    dataset = call_any.dataset()
    any_service.add_images(dataset, 5, captioned=3)
    shape = call_any("GET", f"/datasets/{dataset}")
    assert shape["counts"]["images"] == 5
    assert shape["counts"]["captioned"] == 3
    assert len(shape["cover"]) == 4
    steps = {step["key"]: step for step in shape["steps"]}
    assert steps["captioned"]["figure"] == "3 of 5"
    assert steps["split"]["state"] == "ready"
    any_service.finished(dataset, "split", {**SPLIT, "caption_seq": 5})
    steps = {s["key"]: s for s in call_any("GET", f"/datasets/{dataset}")["steps"]}
    assert steps["split"]["state"] == "done"
    assert steps["augment"]["state"] == "ready"
    any_service.finished(dataset, "augment", {"rows": 16, "captions": 4, "variants": 12})
    shape = call_any("GET", f"/datasets/{dataset}")
    assert shape["counts"]["train_rows"] == 16
    assert shape["steps"][3]["figure"] == "16 rows (x4.0)"


def upload(*files: tuple[str, bytes], field: str = "files") -> dict[str, Any]:
    return {
        "data": {field: [(io.BytesIO(data), name) for name, data in files]},
        "content_type": "multipart/form-data",
    }


def test_images_are_counted_of_indexes_and_not_row_by_row(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    service.add_images(dataset, 5, captioned=2)
    asked: list[tuple[str, Any]] = []

    def note(_line: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        if "count(" in statement and "FROM images" in statement:
            asked.append((statement, given))

    event.listen(service.engine, "before_cursor_execute", note)
    assert call("GET", f"/datasets/{dataset}")["counts"]["captioned"] == 2
    event.remove(service.engine, "before_cursor_execute", note)
    [(statement, given)] = asked
    with service.engine.connect() as line:
        plan = [row[3] for row in line.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)]
    assert [step.partition(" images ")[2] for step in plan if " images " in step] == [
        "USING COVERING INDEX ix_images_dataset_id (dataset_id=?)",  # the newest one's id,
        "USING INDEX ix_images_dataset_id (dataset_id=?)",  # and when it came
        "USING COVERING INDEX ix_images_dataset_id (dataset_id=?)",
        "USING INDEX ix_images_uncaptioned (dataset_id=?)",
    ]


def test_uploads_are_stored_and_handed_to_an_ingest_job(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    big = bytes(range(256)) * 4096
    answer = call(
        "POST", f"/datasets/{dataset}/images", 202, **upload(("a b.png", big), ("../x.png", b"2"))
    )
    job = answer["job"]
    assert (job["kind"], job["state"], job["queue_position"]) == ("ingest", "queued", 1)
    first, second = job["params"]["uploads"]
    assert first["name"] == "a b.png"
    assert first["key"].endswith("/0/a b.png")
    assert second["name"] == "../x.png"
    assert second["key"].endswith("/1/x.png")
    assert service.services.store.get_bytes(first["key"]) == big
    assert service.services.queue.depth("cpu") == 1
    assert list((service.settings.work_dir / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [
        upload(("a.png", b"")), upload(), upload(("a.png", b"1"), field="file"),
        {"data": b"--x\r\nbroken", "content_type": "multipart/form-data; boundary=x"},
        {"data": b"no boundary at all " * 200_000, "content_type": "multipart/form-data; boundary=x"},
    ],
)  # fmt: skip
def test_an_upload_with_nothing_in_it_is_invalid(
    service: Service, call: Caller, options: dict[str, Any]
) -> None:
    dataset = call.dataset()
    assert call("POST", f"/datasets/{dataset}/images", 400, **options)["code"] == "invalid_input"
    assert list(service.services.store.list("uploads")) == []


def test_an_upload_that_is_no_multipart_is_refused(call: Caller) -> None:
    dataset = call.dataset()
    answer = call("POST", f"/datasets/{dataset}/images", 415, data=b"x", content_type="image/png")
    assert answer["code"] == "unsupported_media_type"


def test_an_upload_over_the_limit_leaves_nothing(service: Service, call: Caller) -> None:
    object.__setattr__(
        service.services, "settings", service.settings.model_copy(update={"max_upload_mib": 1})
    )
    dataset = call.dataset()
    files = upload(("small.png", b"1"), ("large.png", b"x" * 1_200_000))
    assert call("POST", f"/datasets/{dataset}/images", 413, **files)["code"] == "too_large"
    assert list(service.services.store.list("uploads")) == []


def test_captions_are_imported_from_one_file(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    files = upload(("c.csv", b"image,caption\na.png,a cat\n"), field="file")
    job = call("POST", f"/datasets/{dataset}/captions", 202, **files)["job"]
    assert job["kind"] == "import_captions"
    assert job["params"]["upload"]["name"] == "c.csv"
    two = upload(("a.csv", b"1"), ("b.csv", b"2"), field="file")
    call("POST", f"/datasets/{dataset}/captions", 400, **two)
    assert len(list(service.services.store.list("uploads"))) == 1


def test_the_sample_dataset_is_made_with_its_job(call: Caller) -> None:
    made = call("POST", "/datasets/sample", 202, json={})
    assert made["job"]["kind"] == "sample"
    assert made["job"]["dataset_id"] == made["dataset"]["id"] == "sample-shapes"
    assert made["dataset"]["steps"][0]["state"] == "running"
    call("POST", "/datasets/sample", 202)


def test_index_csv_is_as_current_as_the_database(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    assert call("GET", f"/datasets/{dataset}/files/index.csv") == b"filepath\ttitle\n"
    service.add_images(dataset, 3, captioned=2)
    data = call("GET", f"/datasets/{dataset}/files/index.csv")
    frame = pd.read_csv(io.BytesIO(data), sep="\t")
    assert list(frame["title"]) == ["caption 0", "caption 1"]
    assert frame["filepath"].str.match(r"images/[0-9a-f]{64}\.png").all()


def test_a_file_that_is_not_there_yet_says_which_step_makes_it(call: Caller) -> None:
    dataset = call.dataset()
    answer = call("GET", f"/datasets/{dataset}/files/train.csv", 404)
    assert answer["remedy"] == "Augment the captions first."
    call("GET", f"/datasets/{dataset}/files/passwd", 404)
    call("GET", f"/datasets/{dataset}/files/..%2f..%2fsecret", 404)


def test_the_export_holds_every_path_that_its_files_name(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    ids = service.add_images(dataset, 5, captioned=5)
    with service.services.sessions() as session:
        rows = {image.id: image for image in session.query(Image)}
        rows[ids[1]].filename = "sub/PICTURE 000.png"
        rows[ids[2]].filename = "ta\tb.png"
        put_caption(session, rows[ids[0]], "NA")
        session.flush()
        captions = first_texts(session, ids)
        stored = [(f"images/{rows[each].sha256}.png", captions[each]) for each in ids]
    gone = [("images/" + "0" * 64 + ".png", "of a deleted image")]
    service.services.store.put_bytes(f"datasets/{dataset}/train.csv", write_rows(stored[:4] + gone))
    service.services.store.put_bytes(f"datasets/{dataset}/val.csv", write_rows(stored[4:]))
    lines = [json.dumps({"image_id": each, "method": "original"}) for each in [*ids[:4], 0]]
    lineage = "".join(f"{line}\n" for line in lines).encode()
    service.services.store.put_bytes(f"datasets/{dataset}/train_lineage.jsonl", lineage)
    archive = zipfile.ZipFile(io.BytesIO(call("GET", f"/datasets/{dataset}/export.zip")))
    assert archive.testzip() is None
    names = set(archive.namelist())
    assert {"images/picture 000.png", "images/PICTURE 000-2.png", "images/ta_b.png"} <= names
    for name, count in (("index.csv", 5), ("train.csv", 4), ("val.csv", 1)):
        frame = pd.read_csv(io.BytesIO(archive.read(name)), sep="\t")
        assert len(frame) == count
        assert not frame["title"].isna().any()
        assert set(frame["filepath"]) <= names
    assert archive.read("train_lineage.jsonl").decode().splitlines() == lines[:4]
    assert "train_original.csv" not in names
    first = next(csv.reader(io.StringIO(archive.read("val.csv").decode()), delimiter="\t"))
    assert first == ["filepath", "title"]


def test_an_export_goes_on_without_a_file_that_the_store_has_lost_and_names_it(
    service: Service, call: Caller
) -> None:
    dataset = call.dataset()
    ids = service.add_images(dataset, 3, captioned=3)
    with service.services.readers() as session:
        service.services.store.delete(session.get_one(Image, ids[1]).key)
    whole = call("GET", f"/datasets/{dataset}/export.zip?captions=txt")
    archive = zipfile.ZipFile(io.BytesIO(whole))
    assert archive.testzip() is None
    assert {"images/picture 000.png", "images/picture 002.png"} <= set(archive.namelist())
    assert "images/picture 001.png" not in archive.namelist()
    assert archive.read("images/picture 001.txt") == b"caption 1\n"
    assert archive.read("MISSING.txt").decode().splitlines()[2:] == ["images/picture 001.png"]


def test_deleting_a_dataset_stops_its_jobs_and_removes_its_files(
    any_service: Service, call_any: Caller
) -> None:
    dataset, other = call_any.dataset("one"), call_any.dataset("one-more")
    any_service.add_images(dataset, 2, captioned=1)
    kept = any_service.add_images(other, 1)
    call_any("POST", f"/datasets/{dataset}/images", 202, **upload(("a.png", b"1")))
    call_any("DELETE", f"/datasets/{dataset}", 204)
    call_any("GET", f"/datasets/{dataset}", 404)
    call_any("DELETE", f"/datasets/{dataset}", 404)
    with any_service.services.readers() as session:
        assert [job.state for job in session.query(Job)] == ["stopped"]
    call_any("DELETE", f"/trash/datasets/{dataset}", 204)
    any_service.work_off()
    left = [item.key for item in any_service.services.store.list("")]
    assert all(not key.startswith((f"datasets/{dataset}/", "uploads/")) for key in left)
    with any_service.services.readers() as session:
        assert [image.id for image in session.query(Image)] == kept
        assert [job.kind for job in session.query(Job)] == ["remove_dataset"]


def test_captions_for_a_spreadsheet_are_never_formulas_and_training_files_stay_exact(
    service: Service, call: Caller
) -> None:
    dataset = call.dataset()
    ids = service.add_images(dataset, 5)
    attack = "=cmd|' /C calc'!A0"
    texts = [attack, "+1 dog", "-5 degrees", "@SUM(A1)", 'a "dog", große Straße']
    for image_id, text in zip(ids, texts, strict=True):
        service.save(image_id, text, author="=ada")
    raw = call("GET", f"/datasets/{dataset}/files/captions.csv")
    assert raw.startswith(b"\xef\xbb\xbf")
    header, *rows = csv.reader(io.StringIO(raw.decode("utf-8-sig")))
    assert header == ["image", "caption number", "caption", "author", "date"]
    assert [row[2] for row in rows] == [f"'{text}" for text in texts[:4]] + texts[4:]
    assert {row[3] for row in rows} == {"'=ada"}
    assert rows[0][:2] == ["picture 000.png", "1"]
    exact = call("GET", f"/datasets/{dataset}/files/index.csv").decode()
    assert [line.split("\t")[1] for line in exact.splitlines()[1:3]] == [attack, "+1 dog"]
    for hidden in (" =1+1", "\u00a0=1+1", "\t=1+1", "\r=1+1", "＝1+1"):
        assert harmless(hidden) == f"'{hidden}"
    call("GET", "/datasets/none/files/captions.csv", 404)
