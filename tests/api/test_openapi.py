"""/openapi.json says the truth: real answers of a filled service are held against it.

Every answer that any test of the API gets by `Caller` is held against it as well.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import url_for
from jsonschema import Draft202012Validator
from sqlalchemy import select

from api.answer import Answer
from api.openapi import KnownSchema
from api.request import Request
from common.db.tables import (
    Dataset,
    GroupRole,
    Identity,
    JobMetric,
    Model,
    SearchIndex,
    SecondFactor,
    Suggestion,
    User,
    Variant,
    now,
)
from common.people.credentials import issue_token, make_user
from tests.api.conftest import PASSWORD, Caller, Service
from tests.api.described import PROBLEM
from tests.api.search.test_routes import INDEX, answer_once

CAPABILITIES = {
    "people", "datasets", "images", "captions", "augment", "training", "models", "search", "jobs", "ops", "trash",
}  # fmt: skip
METHODS = ("get", "put", "post", "delete", "patch")
REPORTS = {("/readyz", "503")}  # says what is missing, which is no refusal
TO_A_PROVIDER = re.compile(r"/auth/oidc/")  # leads elsewhere, where one is set
NEEDS_MORE = {"/api/v1/datasets/{dataset_id}/search": "?q=a+cat"}


@pytest.fixture
def spec(call: Caller) -> dict[str, Any]:
    found: dict[str, Any] = call("GET", "/openapi.json")
    return found


def operations(spec: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(address, method, operation)."""
    for address, item in spec["paths"].items():
        yield from ((address, method, item[method]) for method in METHODS if method in item)


def subclasses(kind: type[KnownSchema]) -> Iterator[type[KnownSchema]]:
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def test_every_error_is_described_as_the_one_shape(spec: dict[str, Any]) -> None:
    for address, method, operation in operations(spec):
        errors = {status: answer for status, answer in operation["responses"].items()
                  if status[0] not in "23" and (address, status) not in REPORTS}  # fmt: skip
        assert "default" not in errors, (method, address)
        for status, answer in errors.items():
            assert answer["content"] == {"application/json": {"schema": PROBLEM}}, (address, status)
    problem = spec["components"]["schemas"]["Problem"]
    assert set(problem["properties"]) == {"code", "message", "remedy", "details", "current"}
    assert problem["required"] == ["code", "message", "remedy"]


def test_every_call_says_what_it_answers(spec: dict[str, Any]) -> None:
    for address, method, operation in operations(spec):
        good = [status for status in operation["responses"] if status[0] in "23"]
        assert good, (method, address)


def test_every_call_says_who_may_make_it_and_how_it_refuses(
    service: Service, spec: dict[str, Any]
) -> None:
    stranger, names = service.app.test_client(), {"name": "cpu", "image_id": "1"}
    for address, method, operation in operations(spec):
        answers, body = operation["responses"], operation.get("requestBody", {}).get("content", {})
        is_open = operation["security"] == []
        path = re.sub(r"{(\w+)}", lambda found: names.get(found[1], "1"), address)
        asked = stranger.open(path, method=method.upper()).status_code
        assert (asked != 401) == is_open, (method, address, asked)
        assert is_open or operation["security"] == [{"token": []}, {"session": []}]
        needed = {"503"} - ({"503"} if address == "/healthz" else set())
        needed |= set() if is_open else {"401", "403"}
        needed |= {"400"} if operation.get("parameters") or body or method != "get" else set()
        needed |= {"413"} if method != "get" else set()
        needed |= {"415"} if body else set()
        needed |= {"404"} if "{" in address else set()
        assert needed <= set(answers), (method, address, needed - set(answers))
    assert {address for address, _, each in operations(spec) if each["security"] == []} == {
        "/healthz", "/readyz", "/api/v1/auth/login", "/api/v1/auth/link", "/api/v1/auth/ways",
        "/api/v1/auth/oidc/start", "/api/v1/auth/oidc/callback", "/api/v1/auth/oidc/sign-out",
    }  # fmt: skip


def test_every_good_answer_has_its_schema(spec: dict[str, Any]) -> None:
    for address, method, operation in operations(spec):
        for status, answer in operation["responses"].items():
            if status[0] == "2":
                has_body = bool(answer.get("content"))
                assert has_body == (status != "204"), (method, address, status)
            for kind, shown in answer.get("content", {}).items():
                assert shown["schema"], (method, address, status, kind)


def test_calls_are_grouped_by_capability_and_each_has_its_own_name(spec: dict[str, Any]) -> None:
    names = []
    for address, _method, operation in operations(spec):
        [capability] = operation["tags"]
        assert capability in CAPABILITIES, address
        assert operation["operationId"].startswith(f"{capability}_")
        names.append(operation["operationId"])
    assert len(names) == len(set(names))


def test_each_schema_is_one_and_names_no_other_than_those_there(spec: dict[str, Any]) -> None:
    schemas = spec["components"]["schemas"]
    for name, schema in schemas.items():
        Draft202012Validator.check_schema(schema)
        for part in json.dumps(schema).split('"#/components/schemas/')[1:]:
            assert part.split('"')[0] in schemas, name
    for base in (Answer, Request):
        found = [kind.__name__ for kind in subclasses(base) if kind.__module__.startswith("api.")]
        assert len(found) == len(set(found)), "two schemas of one name hide one another"


def test_an_answer_has_no_field_that_is_not_described_and_lacks_none(spec: dict[str, Any]) -> None:
    schemas = spec["components"]["schemas"]
    described = [kind for kind in subclasses(Answer) if kind.__name__ in schemas]
    assert len(described) > 60
    for kind in described:
        schema = schemas[kind.__name__]
        assert schema["additionalProperties"] is False, kind
        if kind.__name__ != "Problem":
            assert set(schema.get("required", [])) == set(schema["properties"]), kind


@pytest.fixture
def filled(service: Service, call: Caller) -> dict[str, str]:
    """A service with something of everything; what addresses name."""
    dataset = call.dataset()
    ids = service.add_images(dataset, 4, captioned=3)
    service.save(ids[0], "another caption", slot=1)
    call("PUT", f"/images/{ids[1]}/flag", json={"flagged": True, "note": "blurred"})
    call("PUT", f"/images/{ids[0]}/review", json={"reviewed": True, "revision": 1})
    call("POST", f"/images/{ids[2]}/claim")
    upload = call("POST", "/uploads", 201, json={"name": "big.zip", "size_bytes": 10})["id"]
    result = {
        "train_images": 3, "val_images": 1, "train_rows": 3, "caption_seq": 1, "rows": 5,
        "snapshot_id": "s", "captions": 3,
    }  # fmt: skip
    for kind in ("split", "augment"):
        service.finished(dataset, kind, result)
    failed = service.finished(dataset, "map", {}, state="failed")
    job = service.finished(dataset, "train", {"model_id": "20261123-080000_cats"})
    waits = call("POST", f"/datasets/{dataset}/jobs", 202, json={"kind": "split"})["id"]
    with service.services.sessions() as session:
        session.add(_model(dataset, job))
        session.add(JobMetric(job_id=job, name="loss", step=1, epoch=0.5, value=2.0, time=now()))
        admin = session.scalars(select(User)).one()
        issue_token(session, admin, "session")
        session.add(SearchIndex(dataset_id=dataset, model_id="ViT-B-32/openai", prefix="i/x", images=4, dim=512))  # fmt: skip
        session.get_one(Dataset, dataset).variants_job_id = "augmented"
        session.add(_variant(dataset, ids[0]))
        session.add(
            Suggestion(image_id=ids[0], text="a cat", text_sha256="0" * 64, source="blip", score=0.5, created_at=now())
        )  # fmt: skip
        session.add(
            GroupRole(dataset_id=dataset, group_name="staff", role="viewer", added_by="admin")
        )
        session.add(
            Identity(user_id=admin.id, issuer="https://id.example", subject="7", shown="ada")
        )
        careful = make_user(session, "careful", "member")
        session.add(
            SecondFactor(user_id=careful.id, secret="none", confirmed_at=now(), created_at=now())
        )
    drawn = {
        "points": [[0.5, -1, 0, ids[0]]], "clusters": [{"id": 0, "label": "cats", "size": 1}],
        "model": "ViT-B-32/openai", "index_job_id": None, "created_at": now().isoformat(),
    }  # fmt: skip
    service.services.store.put_bytes(
        f"maps/{dataset}/ViT-B-32_openai.json", json.dumps(drawn).encode()
    )
    service.services.store.put_bytes("models_finetuned/20261123-080000_cats/README.md", b"# cats")
    call("DELETE", f"/datasets/{call.dataset('Deleted')}", 204)
    service.services.store.put_bytes("uploads/forgotten/a.png", b"half a picture")
    os.utime(service.settings.data_dir / "uploads/forgotten/a.png", (0, 0))
    return {
        "dataset_id": dataset, "image_id": str(ids[0]), "job_id": job, "upload_id": upload,
        "user_id": str(admin.id), "model_id": "20261123-080000_cats", "waits": waits, "failed": failed, "free": str(ids[3]),
    }  # fmt: skip


def _model(dataset: str, job: str) -> Model:
    model_id = "20261123-080000_cats"
    return Model(
        id=model_id, name="cats", architecture="ViT-B-32", pretrained="openai", dataset_id=dataset,
        folder=f"models_finetuned/{model_id}", job_id=job, created_by="ada", tags=["best"],
        metrics={"recall_after": {"t2i_r1": 0.5}}, params={"epochs": 3}, lineage={"dataset": dataset},
    )  # fmt: skip


def _variant(dataset: str, image_id: int) -> Variant:
    return Variant(
        dataset_id=dataset, image_id=image_id, job_id="augmented", slot=0, source_revision=1,
        source_text="caption 0", proposed="heading 0", text="heading 0", method="synonyms", seed=0,
        score=0.5, reasons=["odd"], is_doubted=True, state="proposed",
    )  # fmt: skip


def test_what_can_be_read_is_as_described(
    service: Service, call: Caller, spec: dict[str, Any], filled: dict[str, str]
) -> None:
    answer_once(service, {"hits": [{"image_id": int(filled["image_id"]), "score": 0.9}],
                          "model": "ViT-B-32/openai", "index": INDEX, "took_ms": 1})  # fmt: skip
    empty = []
    for address, method, _operation in operations(spec):
        if method == "get" and not TO_A_PROVIDER.search(address):
            name = "cpu" if "/queues/" in address else "index.csv"
            path = address.format(**filled, name=name) + NEEDS_MORE.get(address, "")
            answer = call("GET", path)  # Caller holds it against the document
            empty += [address] if isinstance(answer, dict) and answer.get("items") == [] else []
    assert not empty, "lists that had nothing to hold against the document"


CHANGES: list[tuple[str, str, int, Any]] = [
    ("POST", "/datasets", 201, {"name": "Dogs"}),
    ("POST", "/datasets/sample", 202, {}),
    ("PATCH", "/datasets/{dataset_id}", 200, {"name": "Big cats"}),
    ("PUT", "/datasets/{dataset_id}/model", 200, {"model_id": "ViT-B-32/openai"}),
    ("POST", "/datasets/{dataset_id}/claim", 200, None),
    ("POST", "/datasets/{dataset_id}/claims", 200, None),
    ("POST", "/images/{image_id}/claim", 200, None),
    ("POST", "/images/{image_id}/release", 204, None),
    ("PUT", "/images/{image_id}/caption", 202, {"text": "x", "base_revision": 1, "client_id": "c"}),
    ("PUT", "/images/{image_id}/flag", 200, {"flagged": True}),
    ("PUT", "/images/{image_id}/review", 200, {"reviewed": True, "revision": 1, "extras": [[1, 1]]}),
    ("PUT", "/images/{image_id}/review", 409, {"reviewed": True, "revision": 7}),
    ("POST", "/datasets/{dataset_id}/marks", 200, {"image_ids": [1, 99], "flagged": True}),
    ("POST", "/datasets/{dataset_id}/suggestions", 201, {"items": [{"image_id": 99, "text": "a", "source": "b"}]}),
    ("POST", "/images/{image_id}/suggestions/dismiss", 204, {"text": "a cat"}),
    ("POST", "/datasets/{dataset_id}/edits/preview", 200, {"mode": "append", "text": "!"}),
    ("POST", "/datasets/{dataset_id}/edits", 202, {"mode": "append", "text": "!"}),
    ("POST", "/datasets/{dataset_id}/images/known", 200, {"sha256": ["0" * 64]}),
    ("POST", "/datasets/{dataset_id}/images/delete", 200, {"image_ids": [99]}),
    ("POST", "/uploads", 201, {"name": "a.zip", "size_bytes": 3}),
    ("POST", "/datasets/{dataset_id}/jobs", 202, {"kind": "split"}),
    ("PATCH", "/jobs/{waits}", 202, {"priority": 7}),
    ("POST", "/jobs/{waits}/stop", 202, {}),
    ("POST", "/jobs/{waits}/retry", 202, None),
    ("POST", "/jobs/{failed}/resume", 409, None),
    ("POST", "/jobs/{job_id}/clone", 202, {"params": {"epochs": 2}}),
    ("POST", "/queues/cpu/pause", 200, {"reason": "a test"}),
    ("POST", "/queues/cpu/resume", 200, None),
    ("POST", "/datasets/{dataset_id}/sweep", 202, {"lr": [1e-5, 1e-4]}),
    ("POST", "/datasets/{dataset_id}/train-probe", 202, {}),
    ("PATCH", "/models/{model_id}", 200, {"note": "good"}),
    ("POST", "/models/{model_id}/blend", 202, {"alpha": 0.5}),
    ("DELETE", "/models/{model_id}", 409, None),
    ("PATCH", "/variants/1", 200, {"state": "accepted"}),
    ("POST", "/datasets/{dataset_id}/variants/decide", 200, {"state": "rejected", "ids": [1]}),
    ("POST", "/synonyms/check", 200, {"map": {"cat": ["cat", 7]}, "captions": ["a cat"]}),
    ("PUT", "/synonyms", 409, {"map": {}, "base": "none"}),
    ("POST", "/tokens", 201, {"name": "script"}),
    ("POST", "/users", 201, {"name": "bob"}),
    ("PATCH", "/users/{user_id}", 200, {"name": "Grace"}),
    ("PATCH", "/users/{user_id}", 409, {"disabled": True}),
    ("POST", "/users/{user_id}/link", 201, None),
    ("DELETE", "/users/{user_id}", 409, None),
    ("DELETE", "/users/{user_id}/tokens/99", 404, None),
    ("PUT", "/auth/password", 403, {"password": "a long password"}),
    ("DELETE", "/sessions", 204, None),
    ("DELETE", "/sessions/99", 404, None),
    ("POST", "/auth/login", 200, {"username": "Grace", "password": PASSWORD}),
]  # fmt: skip


def test_what_can_be_changed_answers_as_described(call: Caller, filled: dict[str, str]) -> None:
    for method, path, status, body in CHANGES:
        sent = {} if body is None else {"json": body}
        call(method, path.format(**filled), status, **sent)  # held against the document


def test_addresses_are_made_of_every_route(service: Service) -> None:
    rules = list(service.app.url_map.iter_rules())
    assert len(rules) > 100
    with service.app.test_request_context():
        for rule in rules:
            values = dict.fromkeys(rule.arguments, 7)
            made = url_for(rule.endpoint, **values, more="a b")  # type: ignore[arg-type]
            assert made == re.sub(r"<[^>]+>", "7", rule.rule) + "?more=a+b"
