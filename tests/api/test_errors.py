"""Every error is JSON with code, message and remedy."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Caller, Service

BAD: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("GET", "/nothing", {}, 404, "not_found"),
    ("POST", "/nothing", {}, 404, "not_found"),
    ("DELETE", "/datasets", {}, 405, "method_not_allowed"),
    ("POST", "/datasets", {"json": {}}, 400, "invalid_input"),
    ("POST", "/datasets", {"json": {"name": ""}}, 400, "invalid_input"),
    ("POST", "/datasets", {"json": {"name": "  "}}, 400, "invalid_input"),
    ("POST", "/datasets", {"json": {"name": "a\nb"}}, 400, "invalid_input"),
    ("POST", "/datasets", {"json": {"name": "a\x00b"}}, 400, "invalid_input"),
    ("POST", "/datasets", {"json": {"name": "\ud800"}}, 400, "invalid_input"),
    ("POST", "/datasets", {"json": {"name": 7}}, 400, "invalid_input"),
    ("POST", "/datasets", {"json": {"name": "x" * 121}}, 400, "invalid_input"),
    ("POST", "/datasets", {"json": {"name": "x", "colour": "red"}}, 400, "invalid_input"),
    ("POST", "/datasets", {"json": ["name"]}, 400, "invalid_input"),
    (
        "POST",
        "/datasets",
        {"data": b"{broken", "content_type": "application/json"},
        400,
        "invalid_input",
    ),
    (
        "POST",
        "/datasets",
        {"data": b"name=x", "content_type": "text/plain"},
        415,
        "unsupported_media_type",
    ),
    ("POST", "/datasets", {"data": b"", "content_type": "application/json"}, 400, "invalid_input"),
    ("GET", "/datasets/none", {}, 404, "not_found"),
    ("GET", "/datasets/a%00b", {}, 400, "invalid_input"),
    ("GET", "/images/0", {}, 400, "invalid_input"),
    ("GET", "/images/99999999999999999999999", {}, 400, "invalid_input"),
    ("GET", "/images/x", {}, 404, "not_found"),
    ("GET", "/jobs/none", {}, 404, "not_found"),
    ("GET", "/jobs?state=sleeping", {}, 400, "invalid_input"),
    ("GET", "/jobs?limit=0", {}, 400, "invalid_input"),
    ("GET", "/jobs?limit=many", {}, 400, "invalid_input"),
    ("GET", "/jobs?color=red", {}, 400, "invalid_input"),
    ("GET", "/jobs/none/log?offset=-1", {}, 404, "not_found"),
    ("POST", "/datasets/none/claim", {}, 404, "not_found"),
    ("PUT", "{image}/caption", {"json": {"text": "x", "client_id": "c"}}, 400, "invalid_input"),
    ("PUT", "{image}/caption", {"json": {"text": "x", "base_revision": 0}}, 400, "invalid_input"),
    ("POST", "/auth/login", {"json": {"username": "x"}}, 400, "invalid_input"),
    ("GET", "/models/none", {}, 404, "not_found"),
]


def test_what_does_not_fit_is_refused_in_one_shape(any_service: Service, call_any: Caller) -> None:
    [image_id] = any_service.add_images(call_any.dataset(), 1)
    for method, path, options, status, code in BAD:
        answer = call_any.raw(method, path.format(image=f"/images/{image_id}"), **options)
        assert answer.status_code == status, (method, path, answer.get_data(as_text=True))
        shape = answer.get_json()
        assert shape["code"] == code, (method, path, shape)
        assert all(shape[field] for field in ("message", "remedy")), (method, path, shape)
        assert set(shape) <= {"code", "message", "remedy", "details"}


def test_a_validation_error_names_the_field_and_the_value(call: Caller) -> None:
    answer = call("GET", "/jobs?limit=5000", 400)
    assert answer["message"] == "limit: Input should be less than or equal to 200, got '5000'"
    assert answer["details"]["fields"][0]["field"] == "limit"


def test_a_fault_of_ours_is_logged_and_tells_nothing(
    service: Service, call: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> str:
        raise RuntimeError("the secret is 42")

    service.app.view_functions["system.get_system"] = broken
    answer = call("GET", "/system", 500)
    assert answer["code"] == "internal"
    assert "42" not in str(answer)
    assert "the secret is 42" in caplog.text


def test_the_openapi_document_describes_every_call(service: Service, call: Caller) -> None:
    spec = call("GET", "/openapi.json")
    described = {(method.upper(), path) for path, item in spec["paths"].items() for method in item}
    assert ("PUT", "/api/v1/images/{image_id}/caption") in described
    assert ("GET", "/api/v1/models/{model_id}/download") in described
    routes = [rule for rule in service.app.url_map.iter_rules() if rule.rule != "/openapi.json"]
    assert len(described) == sum(len((r.methods or set()) - {"HEAD", "OPTIONS"}) for r in routes)
    assert {"params_train", "params_split", "JobOut", "Problem"} <= set(
        spec["components"]["schemas"]
    )


def test_pages_of_the_dashboard_answer_with_its_index(service: Service) -> None:
    client = service.app.test_client()
    for page in ("/", "/d/cats/caption/7", "/signin?token=x"):
        answer = client.get(page)
        assert answer.status_code == 200
        assert b"dashboard" in answer.data
        assert answer.headers["Cache-Control"] == "no-cache"
    asset = client.get("/assets/app-1a2b.js")
    assert "immutable" in asset.headers["Cache-Control"]
    assert client.get("/assets/gone.js").get_json()["code"] == "not_found"
    assert client.get("/api/v1/gone").get_json()["code"] == "not_found"
    assert client.get("/..%2f..%2ftest.db").data.startswith(b"<!doctype")
    assert client.post("/d/cats").status_code == 404


def test_health_says_which_part_is_missing(service: Service) -> None:
    answer = service.app.test_client().get("/readyz")
    assert answer.status_code == 200
    assert {part for part, state in answer.get_json().items() if part != "ok" and state["ok"]} == {
        "database", "redis", "store",
    }  # fmt: skip
