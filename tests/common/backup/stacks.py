"""Stacks to back up and to restore into: a database and a store of each kind, with something in every table."""

from __future__ import annotations

import hashlib
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, cast, select
from sqlalchemy.types import Text

from common.backup.names import ROOMS
from common.backup.tables import dumped_tables
from common.captions.csv_files import write_rows
from common.datasets.snapshots import FrozenCaption, save_snapshot
from common.db.tables import (
    AuditEvent,
    Dataset,
    FormerName,
    GroupRole,
    Identity,
    Image,
    ImageSource,
    Job,
    JobEnd,
    JobLimit,
    JobLog,
    JobMetric,
    Member,
    Model,
    PausedQueue,
    RecoveryCode,
    Review,
    SearchIndex,
    SecondFactor,
    Suggestion,
    Tally,
    Token,
    User,
    UserGroup,
    Variant,
    now,
)  # fmt: skip
from common.settings import Settings, load_settings
from common.trash.images import trash_images
from common.trash.models import trash_model
from tests.captions import save_one
from workers.cpu.captions.saving import Save
from workers.runtime.services import Services, open_services

COMPOSED = ("index.csv", "train_original.csv", "val.csv")


class Stack:
    """A database and a store, without processes."""

    def __init__(self, data_dir: Path, redis_url: str, database_url: str = "", store_url: str = ""):
        self.settings: Settings = load_settings(
            data_dir=data_dir, redis_url=redis_url, database_url=database_url, store_url=store_url,
            secret_key="a secret of the tests",
        )  # fmt: skip
        self._services: Services | None = None

    @property
    def services(self) -> Services:
        if self._services is None:
            self._services = open_services(self.settings)
        return self._services

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table that is backed up, JSON as its text."""
        with self.services.readers() as session:
            found = {}
            for table in dumped_tables():
                columns = [
                    cast(column, Text) if isinstance(column.type, JSON) else column
                    for column in table.columns
                ]
                wanted = select(*columns).order_by(*table.primary_key.columns)
                found[table.name] = [tuple(row) for row in session.connection().execute(wanted)]
        return found

    def objects(self) -> dict[str, str]:
        """The SHA-256 of every artifact."""
        store = self.services.store
        return {
            item.key: hashlib.sha256(store.get_bytes(item.key)).hexdigest()
            for room in ROOMS
            for item in store.list(room)
        }

    def save(self, image_id: int, text: str, base: int = 0) -> int:
        with self.services.sessions() as session:
            wanted = Save(image_id, text, base, f"saved-{os.urandom(8).hex()}", "ada", 0)
            return save_one(session, wanted).revision

    def add_image(self, dataset_id: str, data: bytes, name: str = "picture.png") -> int:
        sha256 = hashlib.sha256(data).hexdigest()
        with self.services.sessions() as session:
            image = Image(
                dataset_id=dataset_id, sha256=sha256, ext="png", filename=name, width=64, height=48,
                size_bytes=len(data), phash="0" * 16,
            )  # fmt: skip
            session.add(image)
            session.flush()
            self.services.store.put_bytes(image.key, data, "image/png")
            self.services.store.put_bytes(image.thumb_key, b"thumb of " + data, "image/webp")
        return image.id


def fill(stack: Stack, images: int) -> list[int]:
    """A row or more in every table, and every kind of artifact; the ids of the images."""
    with stack.services.sessions() as session:
        session.add(Dataset(id="cats", name="Cats ☃", created_by="ada", defaults={"epochs": 3}))
        session.add(Dataset(id="empty", name="Empty", created_by="ada", defaults={}))
    ids = [
        stack.add_image("cats", f"picture {n}".encode() * 50, f"狗 {n}.png") for n in range(images)
    ]
    for number, image_id in enumerate(ids):
        stack.save(image_id, f"a cat, number {number} \u2028 'quoted' \\ \"twice\"\n")
    put = stack.services.store.put_bytes
    put("datasets/cats/index.csv", b"an index of an earlier moment")
    for name in ("model.safetensors", "training.json"):
        put(f"models_finetuned/20260101-000000_cats/{name}", os.urandom(3000))
        put(f"models_finetuned/20260102-000000_old/{name}", os.urandom(3000))
    put("indexes/cats/ViT-B-32/a/index.faiss", os.urandom(1000))
    put("maps/cats/ViT-B-32.json", b"{}")
    put("runs/job1/events.out.tfevents.1", os.urandom(100))
    put("checkpoints/job2/w/list.json", b"{}")
    put("uploads/token/0/red.png", b"red")
    put("uploads/forgotten/0/red.png", b"nobody reads this")
    put("models_finetuned/nobody/model.safetensors", b"of a model that has no row")
    put("logs/api.log", b"nothing of a backup")
    _add_people(stack)
    _add_work(stack, ids)
    _freeze(stack, ids)
    trash_images(stack.services.sessions, "cats", ids[-2:], "ada")
    with stack.services.sessions() as session:
        trash_model(session, session.get_one(Model, "old"), "ada", 6000)
    return ids[:-2]


def _add_people(stack: Stack) -> None:
    with stack.services.sessions() as session:
        ada = User(name="ada", role="admin", password_hash="hash", name_key="ada")
        session.add_all([ada, User(name="admin", role="admin"), User(name="bob")])
        session.flush()
        session.add_all([
            FormerName(name="ida", user_id=ada.id),
            Token(user_id=ada.id, kind="api", token_hash="0" * 64, expires_at=now() + timedelta(days=3)),
            Member(dataset_id="cats", user_id=ada.id, role="owner", added_by="ada"),
            AuditEvent(actor="ada", act="dataset.create", via="api", details={"n": [1, None, 2.5]}),
            Identity(user_id=ada.id, issuer="https://id.example", subject="1"),
            UserGroup(user_id=ada.id, group_name="team"),
            GroupRole(dataset_id="cats", group_name="team", role="captioner", added_by="ada"),
            SecondFactor(user_id=ada.id, secret="encrypted", last_step=2**40),
            RecoveryCode(user_id=ada.id, code_hash="1" * 64),
            PausedQueue(name="gpu", paused_by="ada", reason="too warm"),
            JobLimit(queue="cpu", kind="map", most=2, set_by="ada"),
            Tally(name="retries_total", count=3),
            JobEnd(kind="train", state="failed", code="x", bound_s=60, count=1, seconds=0.1),
        ])  # fmt: skip


def _add_work(stack: Stack, ids: list[int]) -> None:
    with stack.services.sessions() as session:
        job = {"queue": "gpu", "dataset_id": "cats", "created_by": "ada", "progress": {"done": 1}}
        uploads = {"uploads": [{"key": "uploads/token/0/red.png", "name": "red.png"}]}
        session.add_all([
            Job(id="job1", kind="train", state="succeeded", params={"lr": 1e-5}, result={"a": 0.1}, **job),
            Job(id="job2", kind="train", state="failed", params={}, error={"code": "x"}, **job),
            Job(id="job3", kind="ingest", state="queued", params=uploads, **{**job, "queue": "later"}),
        ])  # fmt: skip
        session.flush()
        session.add_all([
            JobMetric(job_id="job1", name="train/loss", step=1, epoch=0.1, value=1 / 3),
            JobMetric(job_id="job1", name="train/loss", step=2, epoch=0.2, value=1e-300),
            JobLog(job_id="job1", start=0, text="one\ntwo"),
            Model(
                id="m", name="Mine", architecture="ViT-B-32", folder="models_finetuned/20260101-000000_cats",
                dataset_id="cats", job_id="job1", params={}, metrics={"r1": 0.25}, tags=["best"], created_by="ada",
            ),
            Model(
                id="old", name="Old", architecture="ViT-B-32", folder="models_finetuned/20260102-000000_old",
                params={}, metrics={}, created_by="ada",
            ),
            SearchIndex(
                dataset_id="cats", model_id="ViT-B-32", prefix="indexes/cats/ViT-B-32/a", images=3, dim=512
            ),
            Variant(
                dataset_id="cats", job_id="job1", image_id=ids[0], slot=0, source_revision=1, source_text="a",
                proposed="b", text="b", method="synonyms", seed=1, score=0.5, reasons=["short"],
            ),
            Review(image_id=ids[0], reviewer="bob", author="ada"),
            Suggestion(image_id=ids[1], text="a dog", text_sha256="2" * 64, source="blip", score=None),
            ImageSource(sha256="3" * 64, image_id=ids[0]),
        ])  # fmt: skip


def _freeze(stack: Stack, ids: list[int]) -> None:
    rows = [
        FrozenCaption(
            image_id, f"images/{n}.png", 0, 1, f"cat {n}", "val" if n % 5 == 0 else "train"
        )
        for n, image_id in enumerate(ids)
    ]
    snapshot_id, _ = save_snapshot(stack.services.store, "cats", rows)
    with stack.services.sessions() as session:
        session.get_one(Dataset, "cats").snapshot_id = snapshot_id
    # as if a split were writing: the other file is of an earlier one
    train = write_rows((row.path, row.text) for row in rows if row.side == "train")
    stack.services.store.put_bytes("datasets/cats/train_original.csv", train)
    stack.services.store.put_bytes("datasets/cats/val.csv", b"of an earlier split")
