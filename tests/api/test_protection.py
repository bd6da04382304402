"""What an answer lets a browser do with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from api.app import create_app
from common.settings import Settings
from tests.api.conftest import Caller, Service

ROOT = Path(__file__).parents[2]


def directives(policy: str) -> dict[str, str]:
    return {name: rest for name, _, rest in (part.partition(" ") for part in policy.split("; "))}


def test_a_page_runs_and_loads_what_this_service_has_and_nothing_else(service: Service) -> None:
    for path in ("/", "/d/cats/caption/7", "/settings"):
        answer = service.app.test_client().get(path)
        assert answer.mimetype == "text/html"
        policy = directives(answer.headers["Content-Security-Policy"])
        assert policy.pop("img-src") == "'self' blob:"
        assert set(policy.values()) == {"'self'", "'none'"}
        assert (policy["default-src"], policy["frame-ancestors"]) == ("'none'", "'none'")
        assert (policy["script-src"], policy["base-uri"]) == ("'self'", "'none'")


def test_the_page_that_is_served_has_nothing_inline() -> None:
    text = (ROOT / "web" / "index.html").read_text()
    assert re.findall(r"<script(?![^>]*\ssrc=)", text) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=", text) == []


def test_what_people_have_uploaded_is_never_a_page(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    [image] = service.add_images(dataset, 1, captioned=1)
    for path in (
        f"/images/{image}/file", f"/images/{image}/thumb", f"/datasets/{dataset}/files/index.csv",
        f"/datasets/{dataset}/export.zip", f"/images/{image}", "/nowhere",
    ):  # fmt: skip
        headers = service.app.test_client().get(
            f"/api/v1{path}", headers={"Authorization": f"Bearer {call.token}"}
        ).headers  # fmt: skip
        policy = directives(headers["Content-Security-Policy"])
        assert policy == {"default-src": "'none'", "frame-ancestors": "'none'", "sandbox": ""}, path
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "geolocation=()" in headers["Permissions-Policy"]


@pytest.mark.parametrize(
    ("peer", "scheme", "is_secure"),
    [("10.3.0.1", "https", True), ("10.3.0.1", "http", False), ("203.0.113.5", "https", False)],
)
def test_https_is_asked_for_by_those_who_came_by_it(
    settings: Settings, service: Service, peer: str, scheme: str, is_secure: bool
) -> None:
    behind = settings.model_copy(update={"trusted_proxies": "10.3.0.0/16"})
    parts = service.services
    app = create_app(behind, parts.store, parts.queue, service.engine, parts.events, parts.replies)
    headers = {"X-Forwarded-For": "198.51.100.9", "X-Forwarded-Proto": scheme}
    answer = app.test_client().get("/healthz", headers=headers, environ_base={"REMOTE_ADDR": peer})
    found = answer.headers.get("Strict-Transport-Security")
    assert found == ("max-age=31536000" if is_secure else None)


@pytest.mark.parametrize(
    "origin", ["http://[", "http://[::1", "http://a]b", "http://\u2100.example"]
)
def test_an_origin_that_is_no_address_is_a_foreign_one(service: Service, origin: str) -> None:
    given = {"username": "admin", "password": "x"}
    headers = {"Origin": origin.encode().decode("latin-1")}
    answer = service.app.test_client().post("/api/v1/auth/login", json=given, headers=headers)
    assert answer.status_code == 403
