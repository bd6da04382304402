"""The real app on real Redis, on SQLite and PostgreSQL, with a local store. No workers unless asked."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cachetools import TTLCache
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from api.services import EXTENSION, Services
from common.datasets.changes import touch_dataset
from common.db.engine import open_engine
from common.db.tables import CaptionRevision, Image, Job, User, now
from common.messaging.broker import Queue
from common.messaging.events import Events
from common.messaging.replies import Replies
from common.people.credentials import ADMIN, issue_token, make_user
from common.settings import Settings, as_environment, load_settings
from common.store import open_store
from tests.api.described import require_described
from tests.captions import put_caption, save_one
from tests.migrated import hash_of, migrate_new
from tests.servers import free_port
from workers.cpu.captions.saving import Save

PASSWORD = "correct horse battery"


class Service:
    """An app with what a test needs to fill its database and to call it."""

    def __init__(self, settings: Settings, web_folder: Path) -> None:
        migrate_new(settings.database)
        self.settings = settings
        self.engine = open_engine(settings.database)
        self.app = create_app(
            settings,
            open_store(settings.store),
            Queue(settings),
            self.engine,
            Events(settings),
            Replies(settings),
            web_folder,
        )
        self.services: Services = self.app.extensions[EXTENSION]
        with self.services.sessions() as session:
            admin = User(name=ADMIN, role="admin", password_hash=hash_of(PASSWORD))
            session.add(admin)
            session.flush()
            self.admin_token = issue_token(session, admin, "api")[1]

    def person(self, name: str) -> Caller:
        """A new member, signed in by a token."""
        with self.services.sessions() as session:
            return Caller(
                self.app.test_client(),
                issue_token(session, make_user(session, name, "member"), "api")[1],
            )

    def remember(self) -> None:
        """Whose tokens are used, and who is what where, stays known for an hour, however slowly a test goes."""
        self.services.token_cache._known = TTLCache(1000, 3600)
        self.services.roles._standings = TTLCache(1000, 3600)

    def add_images(self, dataset_id: str, count: int, captioned: int = 0) -> list[int]:
        """Image rows with small files in the store; the first `captioned` ones with a caption."""
        ids = []
        for number in range(count):
            data = f"{dataset_id} {number}".encode()
            image = Image(
                dataset_id=dataset_id, sha256=hashlib.sha256(data).hexdigest(), ext="png",
                filename=f"picture {number:03}.png", width=64, height=48, size_bytes=len(data),
                phash=f"{number:016x}", created_at=now(),
            )  # fmt: skip
            with self.services.sessions() as session:
                session.add(image)
                session.flush()
                ids.append(image.id)
                if number < captioned:
                    text = f"caption {number}"
                    put_caption(session, image, text)
                    session.add(
                        CaptionRevision(
                            image_id=image.id, revision=1, text=text, author="ada",
                            client_id=f"fixture-{image.id}",
                        )
                    )  # fmt: skip
                touch_dataset(session, dataset_id)
            self.services.store.put_bytes(image.key, data)
            self.services.store.put_bytes(image.thumb_key, b"thumb of " + data)
        return ids

    def work_off(self, queue: str = "cpu") -> None:
        """Run the jobs of a queue that may begin, as a worker does."""
        import workers.cpu.tasks  # noqa: F401  (the bodies of the jobs)
        from workers.runtime.job_runs import run_next
        from workers.runtime.services import open_services

        services = open_services(self.settings)
        while run_next(services, queue):
            pass

    def save(
        self, image_id: int, text: str | None, slot: int = 0, author: str = "ada", base: int = 0
    ) -> int:
        """A caption as the captions worker saves it, over the revision `base`; its revision."""
        save = Save(image_id, text, base, f"saved-{os.urandom(8).hex()}", author, slot)
        with self.services.sessions() as session:
            return save_one(session, save).revision

    def finished(
        self, dataset_id: str, kind: str, result: dict[str, Any], state: str = "succeeded"
    ) -> str:
        """A job that has ended."""
        with self.services.sessions() as session:
            job = Job(
                id=os.urandom(6).hex(), kind=kind, queue="cpu", state=state, dataset_id=dataset_id,
                params={}, result=result, progress={}, created_by="ada", created_at=now(),
                started_at=now(), finished_at=now(), notes=[],
            )  # fmt: skip
            session.add(job)
        return job.id


class Caller:
    """Calls the API as one person."""

    def __init__(self, client: FlaskClient, token: str) -> None:
        self.client, self.token = client, token

    def __call__(self, method: str, path: str, expect: int = 200, **options: Any) -> Any:
        """The JSON (or text) of an answer with the expected status."""
        response = self.raw(method, path, **options)
        assert response.status_code == expect, (
            response.status_code,
            response.get_data(as_text=True),
        )
        return response.get_json() if response.is_json else response.get_data()

    def raw(self, method: str, path: str, **options: Any) -> TestResponse:
        """The whole answer, which is as /openapi.json describes it."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        full = path if path.startswith("/api/") or path in _ROOT else f"/api/v1{path}"
        response = self.client.open(full, method=method, headers=headers, **options)
        require_described(self.client.application, method, full, response)
        return response

    def dataset(self, name: str = "Cats", everyone: str | None = "captioner") -> str:
        """A new dataset's id. everyone: what each member of the service is in it."""
        dataset = str(self("POST", "/datasets", 201, json={"name": name})["id"])
        if everyone != "captioner":
            self("PUT", f"/datasets/{dataset}/everyone", json={"role": everyone})
        return dataset


_ROOT = ("/healthz", "/readyz", "/metrics", "/openapi.json")


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def settings(tmp_path: Path, redis_url: str) -> Settings:
    """Settings on SQLite."""
    return load_settings(
        data_dir=tmp_path / "data",
        database_url=f"sqlite:///{tmp_path / 'test.db'}",
        redis_url=redis_url,
        secret_key="a secret of the tests",
        admin_password=PASSWORD,
        device="cpu",
    )


@pytest.fixture
def service(settings: Settings, tmp_path: Path) -> Iterator[Service]:
    """The app on SQLite."""
    yield from _service(settings, tmp_path)


@pytest.fixture
def any_service(settings: Settings, database_url: str, tmp_path: Path) -> Iterator[Service]:
    """The app, once on SQLite and once on PostgreSQL."""
    yield from _service(settings.model_copy(update={"database_url": database_url}), tmp_path)


def _service(settings: Settings, folder: Path) -> Iterator[Service]:
    web = folder / "dist"
    (web / "assets").mkdir(parents=True)
    (web / "index.html").write_text("<!doctype html><title>dashboard</title>")
    (web / "assets" / "app-1a2b.js").write_text("export {}")
    made = Service(settings, web)
    made.services.queue.redis.flushdb()
    yield made
    made.engine.dispose()


@pytest.fixture
def call(service: Service) -> Caller:
    """The administrator, on SQLite."""
    return Caller(service.app.test_client(), service.admin_token)


@pytest.fixture
def call_any(any_service: Service) -> Caller:
    """The administrator, on each database."""
    return Caller(any_service.app.test_client(), any_service.admin_token)


@pytest.fixture(scope="session")
def served(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running server of two processes, the same for most tests of it."""
    from tests.api import serving  # which needs what stands here

    folder = tmp_path_factory.mktemp("served")
    settings = load_settings(
        data_dir=folder, redis_url=redis_url, secret_key="a secret of the tests", device="cpu",
        admin_password=PASSWORD, port=free_port(), api_threads=32, api_processes=2,
    )  # fmt: skip
    service = Service(settings, folder / "none")
    with serving.running(settings):
        yield service
    service.engine.dispose()


@pytest.fixture
def browse(served: Service) -> Iterator[Callable[..., Any]]:
    """Opens tabs, and closes them at the end."""
    from tests.api import serving

    opened: list[Any] = []

    def connect(token: str) -> Any:
        opened.append(serving.Browser(served.settings.address, token))
        return opened[-1]

    yield connect
    for browser in opened:
        browser.client.disconnect()


@pytest.fixture
def start_worker(service: Service) -> Iterator[Callable[[str], None]]:
    """Starts a real worker process for some queues and waits until it takes messages."""
    started: list[subprocess.Popen[bytes]] = []

    def start(queues: str) -> None:
        name = f"api-test-{len(started)}@here"
        command = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "workers.runtime.app",
            "worker",
            "-Q",
            queues,
        ]
        command += ["-P", "threads", "-c", "2", "-n", name, "--without-gossip", "--without-mingle"]
        started.append(
            subprocess.Popen(
                command, env=as_environment(service.settings), stderr=subprocess.DEVNULL
            )
        )
        wait_until(lambda: any(w["name"] == name for w in service.services.live_workers.read()))

    yield start
    for worker in started:
        worker.terminate()
        worker.wait(60)


def wait_until(true: Callable[[], Any], timeout_s: float = 60.0) -> Any:
    """The first true value of `true()`. timeout_s: no bound of what is tested; processes may stand still for seconds."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        value = true()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {timeout_s} s")
