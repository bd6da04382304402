"""A running service for the terminal: real Redis, API process and one worker for every queue but gpu."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from cli.main import main
from common.db.engine import migrate, open_engine, session_factory
from common.people.credentials import ensure_admin, issue_token
from common.settings import Settings, as_environment, load_settings
from tests.servers import free_port, redis_server

PASSWORD = "a long password of a test"


@dataclass(frozen=True)
class Service:
    """Where it listens, as whom to come, and what it runs with."""

    url: str
    token: str
    settings: Settings


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with an empty database, shared by the session's tests."""
    parts = (["api.serve"], ["workers.runtime.start", "worker", "cpu,captions,search"])
    with open_service(tmp_path_factory.mktemp("service"), *parts) as made:
        yield made


@contextmanager
def open_service(folder: Path, *parts: list[str]) -> Iterator[Service]:
    """A service with an empty database. parts: what follows `python -m`, the API and a worker."""
    with redis_server(folder) as redis:
        settings = load_settings(
            data_dir=folder / "data", redis_url=redis.url, port=free_port(),
            secret_key="k" * 32, admin_password=PASSWORD,
        )  # fmt: skip
        migrate(settings.database)
        with session_factory(open_engine(settings.database))() as session:
            token = issue_token(session, ensure_admin(session, settings), "api", name="tests")[1]
        log = (folder / "log").open("ab")
        started = [
            subprocess.Popen(
                [sys.executable, "-m", *words], env=as_environment(settings), stdout=log, stderr=log
            )
            for words in parts
        ]
        try:
            made = Service(settings.address, token, settings)
            _wait_until_ready(made, folder / "log")
            yield made
        finally:
            for process in started:
                _end(process)


def _wait_until_ready(service: Service, log: Path) -> None:
    headers = {"Authorization": f"Bearer {service.token}"}
    for _ in range(600):
        try:
            answer = httpx.get(f"{service.url}/api/v1/system", headers=headers)
            if answer.status_code == 200 and answer.json()["workers"]:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text()[-3000:])


def _end(process: subprocess.Popen[bytes]) -> None:
    family = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
    for child in family:
        if child.is_running():
            child.kill()


@dataclass(frozen=True)
class Answer:
    """What one call of the program gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout as JSON."""
        return json.loads(self.out)


Call = Callable[..., Answer]


@pytest.fixture
def call(
    service: Service,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Call:
    """`call("jobs", "--json")`: the program's main function, signed in to the service."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("CLIP_BROWSER_URL", service.url)
    monkeypatch.setenv("CLIP_BROWSER_TOKEN", service.token)

    def run(*words: str) -> Answer:
        capsys.readouterr()
        try:
            code = main(words)
        except SystemExit as ended:  # argparse
            code = int(str(ended.code))
        caught = capsys.readouterr()
        return Answer(code, caught.out, caught.err)

    return run
