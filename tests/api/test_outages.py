"""While PostgreSQL, Redis or S3 is away, every request is answered within five seconds, and says which it is."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from common.settings import as_environment, load_settings
from tests.api import serving
from tests.api.conftest import PASSWORD, Caller, Service, wait_until
from tests.servers import free_port
from tests.swallowing import Line

ANSWERED_WITHIN_S = 5.0
PARTS = {"database": "database_unavailable", "redis": "queue_unavailable", "store": "store_unavailable"}  # fmt: skip
pytestmark = pytest.mark.timed


@dataclass
class Stage:
    """A running API and a captions worker, which reach each part over a line of their own."""

    lines: dict[str, Line]
    client: httpx.Client
    token: str
    dataset_id: str
    image_id: int
    saves: int = 0

    def requests(self) -> list[tuple[str, str, dict[str, Any]]]:
        """One of each kind: read, searched, saved, claimed, uploaded, begun, signed in."""
        self.saves += 1
        dataset, image = f"/api/v1/datasets/{self.dataset_id}", f"/api/v1/images/{self.image_id}"
        caption = {"text": f"text {self.saves}", "base_revision": 0}
        picture = {"files": ("a.png", b"no picture", "image/png")}
        return [
            ("GET", "/readyz", {}),
            ("GET", "/healthz", {}),
            ("GET", "/metrics", {}),
            ("GET", "/api/v1/system", {}),
            ("GET", "/api/v1/auth/me", {}),
            ("GET", "/api/v1/jobs", {}),
            ("GET", "/api/v1/models", {}),
            ("GET", f"{dataset}/images", {}),
            ("GET", f"{dataset}/map", {}),
            ("GET", f"{image}/file", {}),
            ("GET", f"{image}/thumb", {}),
            ("POST", f"{dataset}/claim", {}),
            ("PUT", f"{image}/caption", {"json": {**caption, "client_id": f"outage-{self.saves}-a"}, "headers": {"Prefer": "wait=30"}}),
            ("PUT", f"{image}/caption", {"json": {**caption, "client_id": f"outage-{self.saves}-b"}}),
            ("POST", f"{dataset}/images", {"files": picture}),
            ("POST", f"{dataset}/jobs", {"json": {"kind": "split"}}),
            ("POST", "/api/v1/auth/login", {"json": {"username": "admin", "password": PASSWORD}}),
        ]  # fmt: skip

    def ask_all(self) -> dict[str, tuple[float, int, str]]:
        """Each request, all at once: how long it took, its status, and its code if it is an error."""
        wanted = self.requests()
        with ThreadPoolExecutor(len(wanted)) as pool:
            return dict(pool.map(self._ask, wanted))

    def _ask(self, request: tuple[str, str, dict[str, Any]]) -> tuple[str, tuple[float, int, str]]:
        method, path, options = request
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        began = time.monotonic()
        answer = self.client.request(method, path, headers=headers, **options)
        took_s = time.monotonic() - began
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        code = answer.json().get("code", "") if is_json and answer.status_code >= 400 else ""
        name = f"{method} {path}{' and wait' if 'Prefer' in headers else ''}"
        return name, (took_s, answer.status_code, code)


@pytest.fixture(scope="module")
def stage(
    postgres_session: Any, redis_url: str, s3_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    database = _new_database(postgres_session.url)
    urls = {"database": database, "redis": redis_url, "store": s3_url}
    lines = {part: Line(urlsplit(url).port or 0) for part, url in urls.items()}
    through = {
        part: url.replace(f":{urlsplit(url).port}", f":{lines[part].port}")
        for part, url in urls.items()
    }
    folder = tmp_path_factory.mktemp("outages")
    settings = load_settings(
        data_dir=folder, database_url=through["database"], redis_url=through["redis"],
        store_url=through["store"], secret_key="a secret of the tests", device="cpu",
        admin_password=PASSWORD, port=free_port(), api_threads=64, api_processes=1,
    )  # fmt: skip
    service = Service(settings, folder / "none")
    dataset = Caller(service.app.test_client(), service.admin_token).dataset()
    [image_id] = service.add_images(dataset, 1)
    with serving.running(settings), CaptionsWorker(service, folder):
        client = httpx.Client(base_url=settings.address, timeout=60)
        yield Stage(lines, client, service.admin_token, dataset, image_id)
        for line in lines.values():
            line.mend()
    service.engine.dispose()
    for line in lines.values():
        line.cut()


def _new_database(url: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE outages")
    return url.replace("/postgres", "/outages")


class CaptionsWorker:
    """A worker that saves captions, while the block runs."""

    def __init__(self, service: Service, folder: Path) -> None:
        self._service, self._log = service, folder / "worker.log"

    def __enter__(self) -> None:
        command = [sys.executable, "-m", "celery", "-A", "workers.runtime.app", "worker"]
        command += ["-Q", "captions", "-P", "solo", "-n", "outages@here"]
        command += ["--without-gossip", "--without-mingle"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=as_environment(self._service.settings), stdout=log, stderr=log
            )
        live = self._service.services.live_workers
        wait_until(lambda: any(w["name"] == "outages@here" for w in live.read()), 60)

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(20)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("how", ["swallow", "cut"])
def test_while_a_part_is_away_every_request_is_answered_in_time_and_names_it(
    stage: Stage, part: str, how: str
) -> None:
    before = stage.ask_all()
    assert all(status < 500 for _, status, _ in before.values()), before
    getattr(stage.lines[part], how)()
    # with connections that stood, and without
    rounds = [stage.ask_all() for _ in range(2 if how == "swallow" else 1)]
    for answers in rounds:
        late = {name: took for name, took in answers.items() if took[0] > ANSWERED_WITHIN_S}
        assert not late, late
        wrong = {
            name: told
            for name, told in answers.items()
            if told[1] >= 500 and name != "GET /readyz" and told[2] != PARTS[part]
        }
        assert not wrong, wrong
        assert answers["GET /readyz"][1] == 503
        assert answers["GET /healthz"][1] == 200
    _require_that_it_matters(stage, part, rounds[-1])
    stage.lines[part].mend()
    wait_until(lambda: stage.client.get("/readyz").status_code == 200, 30)


def _require_that_it_matters(
    stage: Stage, part: str, answers: dict[str, tuple[float, int, str]]
) -> None:
    """What needs the part is refused, not answered as if all were well."""
    needing = {
        "database": [f"GET /api/v1/datasets/{stage.dataset_id}/images", f"PUT /api/v1/images/{stage.image_id}/caption and wait"],
        "redis": [f"PUT /api/v1/images/{stage.image_id}/caption", f"PUT /api/v1/images/{stage.image_id}/caption and wait"],
        "store": [f"GET /api/v1/images/{stage.image_id}/thumb", f"POST /api/v1/datasets/{stage.dataset_id}/images"],
    }  # fmt: skip
    for name in needing[part]:
        assert answers[name][1:] == (503, PARTS[part]), (name, answers[name])
