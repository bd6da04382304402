"""What the API says of itself, read where a started one writes it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from common.logs import configure_logging
from common.settings import as_environment, load_settings
from tests.api.conftest import Service, wait_until
from tests.api.serving import ANSWER_S, answers
from tests.kept_logging import kept_logging
from tests.servers import free_port, redis_server

SECRETS = {
    "secret_key": "cookies-are-signed-with-this",
    "admin_password": "word-of-the-first-start",
    "store_url": "s3://clips:word-of-the-store@127.0.0.1:9/clips?secure=0",
}
TYPED = "what-somebody-typed-as-password"
LINE = re.compile(r"\d{4}-\d\d-\d\dT\S+Z (INFO|WARNING|ERROR|CRITICAL) api ([a-z_]+) ")


def test_a_start_a_migration_a_refused_sign_in_and_a_lost_process_leave_a_line_each(
    tmp_path: Path,
) -> None:
    log = tmp_path / "api.log"

    def told(event: str) -> list[str]:
        lines = log.read_text("utf-8").splitlines()
        return [line for line in lines if (found := LINE.match(line)) and found[2] == event]

    with redis_server(tmp_path) as redis, log.open("ab") as handle:
        settings = load_settings(
            data_dir=tmp_path / "data", redis_url=redis.url,
            port=free_port(), api_processes=1, **SECRETS,
        )  # fmt: skip
        api = subprocess.Popen(
            [sys.executable, "-m", "api.serve"],
            env=as_environment(settings), stdout=subprocess.DEVNULL, stderr=handle,
        )  # fmt: skip
        try:
            wait_until(lambda: answers(settings) or api.poll() is not None)
            first, *_ = told("process_started")
            assert f"pid={api.pid}" in first
            assert "store=s3://127.0.0.1:9/clips" in first
            [migrated] = told("database_migrated")
            assert re.search(r"before=nothing after=\d{4}", migrated)

            address = f"{settings.address}/api/v1/auth/login"
            for name in ("anna", "eve\n2026-01-01T00:00:00.000Z INFO api signed_in forged"):
                typed = {"username": name, "password": TYPED}
                asked = {"X-Request-Id": "edge-7"}
                answer = httpx.post(address, json=typed, headers=asked, timeout=ANSWER_S)
                assert answer.status_code in (401, 400)
            refused = told("sign_in_failed")[0]
            assert "name=anna" in refused
            assert "client=127.0.0.1" in refused
            assert "reason=wrong" in refused
            assert "request=edge-7" in refused
            admin = {"username": "admin", "password": SECRETS["admin_password"]}
            assert httpx.post(address, json=admin, timeout=ANSWER_S).status_code == 200
            assert len(told("signed_in")) == 1

            [process] = psutil.Process(api.pid).children()
            process.kill()
            wait_until(lambda: told("process_crashed"))
            wait_until(lambda: answers(settings))
        finally:
            api.terminate()
            api.wait(60)
        assert len(told("process_ended")) == 1
        written = log.read_text("utf-8")
    assert [line for line in written.splitlines() if not LINE.match(line)] == []
    for word in (*SECRETS.values(), "word-of-the-store", TYPED):
        assert word not in written


def test_no_route_says_a_secret_that_it_was_given(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    secret, client = "5ecret-that-nobody-may-read", service.app.test_client()
    body = {
        "username": "anna", "password": secret, "current_password": secret, "new_password": secret,
        "token": secret, "otp": secret, "code": secret, "secret": secret, "name": "anna",
        "url": f"https://anna:{secret}@example.org/?token={secret}",
    }  # fmt: skip
    query = {"token": secret, "code": secret, "state": secret}
    asked = 0
    with kept_logging():
        configure_logging("api", load_settings(log_format="json", log_level="debug"))
        client.set_cookie("clip_browser_session", secret)
        for rule in service.app.url_map.iter_rules():
            path = re.sub(r"<[^>]+>", "x", re.sub(r"<int:[^>]+>", "1", rule.rule))
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                for token in (secret, service.admin_token):
                    headers = {"Authorization": f"Bearer {token}"}
                    json_body = None if method == "GET" else body
                    client.open(
                        path, method=method, headers=headers, query_string=query, json=json_body
                    ).close()
                    asked += 1
        for way, fit in (
            ("login", {"username": "anna", "password": secret}),
            ("login", {"username": "admin", "password": secret, "otp": secret[:10]}),
            ("link", {"token": secret}),
        ):
            refused = client.post(f"/api/v1/auth/{way}", json=fit)
            assert refused.status_code == 401, refused.get_data(as_text=True)
        said = capsys.readouterr().err
    assert asked > 150
    assert said.count('"event": "sign_in_failed"') == 3
    assert secret not in said
    assert service.admin_token not in said
