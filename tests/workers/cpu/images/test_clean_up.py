"""Files of what was deleted: looked at again before they go, and once more when nobody writes there."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow
from sqlalchemy import select

import workers.cpu.tasks  # noqa: F401  (the bodies of the jobs)
from common.datasets.clean_up import look_again, quiet_time, taken_ids
from common.db.tables import Dataset, Image, Job, now
from common.images.files import file_name
from common.jobs import leases, states
from common.settings import load_settings
from common.store.local import LocalStore
from tests.migrated import migrate_new
from workers.runtime.job_runs import run_leased, run_next
from workers.runtime.services import Services, open_services


@pytest.fixture(params=["sqlite", "postgresql"])
def services(request: pytest.FixtureRequest, tmp_path: Path, redis_url: str) -> Services:
    url = "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))
    settings = load_settings(
        data_dir=tmp_path, database_url=url, redis_url=redis_url, secret_key="a secret of the tests"
    )
    migrate_new(settings.database)
    return open_services(settings)


def picture() -> bytes:
    data = io.BytesIO()
    Pillow.new("RGB", (40, 30), (200, 30, 30)).save(data, "PNG")
    return data.getvalue()


def queue(services: Services, kind: str, of: str | None, **params: Any) -> None:
    with services.sessions() as session:
        states.create_job(session, kind, dataset_id=of, params=params, created_by="anna")


def upload(services: Services) -> None:
    services.store.put_bytes("uploads/aa/0/red.png", picture())
    uploads = [{"key": "uploads/aa/0/red.png", "name": "red.png"}]
    queue(services, "ingest", "d", uploads=uploads)


def make_dataset(services: Services) -> None:
    with services.sessions() as session:
        session.add(Dataset(id="d", name="d", created_by="anna", defaults={}))


def delete_image(services: Services) -> None:
    """As the API does: the row, and a job for its files, in one transaction."""
    with services.sessions() as session:
        image = session.scalars(select(Image)).one()
        params = {"dataset_id": "d", "images": [file_name(image)]}
        session.delete(image)
        states.create_job(
            session, "remove_images", dataset_id=None, params=params, created_by="anna", priority=9
        )


def state_of(services: Services, kind: str) -> tuple[str, Any]:
    with services.readers() as session:
        job = session.scalars(select(Job).where(Job.kind == kind).order_by(Job.created_at)).all()[
            -1
        ]
        return job.state, job.result


def has_files(services: Services) -> bool:
    with services.readers() as session:
        image = session.scalars(select(Image)).one()
    return services.store.exists(image.key) and services.store.exists(image.thumb_key)


def test_an_image_that_is_uploaded_again_keeps_its_file(services: Services) -> None:
    make_dataset(services)
    upload(services)
    assert run_next(services, "cpu")
    delete_image(services)
    upload(services)
    assert run_next(services, "cpu")  # the upload, before the removal
    assert run_next(services, "cpu")
    assert state_of(services, "remove_images") == (
        "succeeded", {"images": 0, "kept": 1, "artifacts": 0},
    )  # fmt: skip
    assert has_files(services)


class InterruptedStore(LocalStore):
    """Right after a thumbnail was stored, something else happens."""

    meanwhile: Callable[[], None] | None = None

    def put_bytes(self, key: str, data: bytes, content_type: str = "") -> None:
        super().put_bytes(key, data, content_type)
        if "/thumbs/" in key and self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            happens()


def test_a_file_that_is_removed_before_its_row_is_written_is_stored_again(
    services: Services,
) -> None:
    make_dataset(services)
    upload(services)
    assert run_next(services, "cpu")
    delete_image(services)
    upload(services)
    store = InterruptedStore(services.settings.data_dir)
    removed: list[bool] = []
    store.meanwhile = lambda: removed.append(run_next(services, "cpu"))
    assert run_next(replace(services, store=store), "cpu")
    assert removed == [True]
    assert state_of(services, "remove_images")[1]["images"] == 1
    assert state_of(services, "ingest")[0] == "succeeded"
    assert has_files(services)


class SlowRemoval(LocalStore):
    """Right before the first file is removed, something else begins."""

    meanwhile: threading.Thread | None = None

    def delete(self, key: str) -> None:
        if self.meanwhile is not None and not self.meanwhile.ident:
            self.meanwhile.start()
            self.meanwhile.join(timeout=0.7)
        super().delete(key)


def test_a_row_that_would_be_written_while_its_file_is_removed_waits_and_has_its_file_at_the_end(
    services: Services,
) -> None:
    make_dataset(services)
    upload(services)
    assert run_next(services, "cpu")
    delete_image(services)
    with services.sessions() as session:
        [job_id] = session.scalars(select(Job.id).where(Job.kind == "remove_images")).all()
        held = leases.take(session, job_id, "here", 30.0)
    assert held is not None
    upload(services)
    store = SlowRemoval(services.settings.data_dir)
    store.meanwhile = threading.Thread(target=run_next, args=(services, "cpu"))
    run_leased(replace(services, store=store), held)
    store.meanwhile.join(timeout=20)
    assert state_of(services, "ingest")[0] == "succeeded"
    assert has_files(services)


def test_what_a_late_writer_leaves_of_a_deleted_dataset_goes_before_its_id_is_free(
    services: Services,
) -> None:
    folders = ["datasets/d", "indexes/d"]
    queue(services, "remove_dataset", None, dataset_id="d", folders=folders)
    services.store.put_bytes("datasets/d/images/a.png", b"1")
    assert run_next(services, "cpu")
    assert list(services.store.list("datasets")) == []
    services.store.put_bytes("datasets/d/index.csv", b"late")
    later = now() + quiet_time(services.settings) + timedelta(seconds=1)
    with services.sessions() as session:
        assert look_again(session, services.settings) == []  # it may still be written there
        assert taken_ids(session, "d") == {"d"}
        assert len(look_again(session, services.settings, later)) == 1
        assert look_again(session, services.settings, later) == []
        assert taken_ids(session, "d") == {"d"}
    assert run_next(services, "cpu")
    assert list(services.store.list("datasets")) == []
    with services.readers() as session:
        assert taken_ids(session, "d") == set()


def test_the_folder_of_a_dataset_that_is_there_stays(services: Services) -> None:
    make_dataset(services)
    services.store.put_bytes("datasets/d/index.csv", b"mine")
    queue(services, "remove_dataset", None, dataset_id="d", folders=["datasets/d"])
    assert run_next(services, "cpu")
    assert services.store.exists("datasets/d/index.csv")
