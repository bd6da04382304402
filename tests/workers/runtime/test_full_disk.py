"""A disk that fills up while workers run: they wait, and go on when there is room again."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import redis
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from common.db.tables import Caption, Dataset, Image
from common.messaging.broker import CAPTIONS
from tests.small_disk import mounted
from tests.workers.conftest import Backstage, open_backstage, wait_until
from workers.cpu.captions.messages import commit_and_tell


def fill(disk: Path) -> Path:
    file = disk / "filled"
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as out:
        while out.write(bytes(4096)):
            pass
    return file


def refuses(stage: Backstage) -> bool:
    """Whether Redis says by now that it cannot keep what is written."""
    try:
        stage.services.queue.redis.set("more", "x" * 5000)
    except redis.ResponseError as problem:
        return "MISCONF" in str(problem)
    return False


def test_a_worker_outlives_a_redis_that_cannot_write_and_works_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    with mounted(tmp_path / "disk", "16m") as disk, open_backstage(disk, "") as stage:
        stage.services.queue.redis.config_set("appendonly", "yes")
        stage.folder = tmp_path  # for its log, which is read here
        worker = stage.start_worker("cpu", "-P", "solo")
        filled = fill(disk)
        wait_until(lambda: refuses(stage), what="Redis' refusal")
        log = (stage.folder / "w0.log").read_text
        wait_until(lambda: "MISCONF" in log(), what="the worker's hearing of it")
        assert worker.poll() is None
        filled.unlink()
        wait_until(lambda: not refuses(stage), what="Redis' return")
        job_id = stage.make("practice")
        assert stage.wait_for(job_id, "succeeded", "failed").state == "succeeded"
        assert worker.poll() is None


def test_captions_that_the_databases_disk_does_not_take_are_queued_again(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "4m") as disk, open_backstage(disk, "") as stage:
        with stage.services.sessions() as session:
            session.add(Dataset(id="birds", name="birds", created_by="anna", defaults={}))
            session.flush()
            image = Image(
                dataset_id="birds", sha256="a" * 64, ext="png", filename="a.png", width=1, height=1,
                size_bytes=1, phash="0" * 40,
            )  # fmt: skip
            session.add(image)
            session.flush()
            entry = {
                "image_id": image.id, "text": "a finch", "base_revision": 0, "client_id": "c1",
                "author": "anna", "slot": 0,
            }  # fmt: skip
        filled = fill(disk)
        with pytest.raises(OperationalError, match="full"):
            commit_and_tell(stage.services, [entry], "somebody")
        assert stage.services.queue.depth(CAPTIONS) == 1
        filled.unlink()
        commit_and_tell(stage.services, [entry], "somebody")
        with stage.services.readers() as session:
            assert session.scalars(select(Caption.text)).all() == ["a finch"]
