"""Holds answers of the service against what its own /openapi.json says of them."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from flask import Flask
from jsonschema import Draft202012Validator
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

PROBLEM = {"$ref": "#/components/schemas/Problem"}
_documents: list[dict[str, Any]] = []


def document_of(app: Flask) -> dict[str, Any]:
    """/openapi.json; made once, as all apps of a test run have the same."""
    if not _documents:
        _documents.append(app.test_client().get("/openapi.json").get_json())
    return _documents[0]


def require_described(app: Flask, method: str, path: str, response: TestResponse) -> None:
    """Raises AssertionError unless an answer is one of those described for its address."""
    document_of(app)
    described = _answer_of(app, method, path, response.status_code)
    content = described.get("content")
    if content is None:
        assert not response.data, f"{method} {path}: an answer where none is described"
    elif response.status_code != 304 and method != "HEAD":
        found = [kind for kind in content if _fits(kind, response.mimetype or "")]
        assert found, f"{method} {path}: {response.mimetype} is not among {list(content)}"
        if response.is_json:
            _require_valid(content[found[0]]["schema"], response.get_json(), f"{method} {path}")


def _answer_of(app: Flask, method: str, path: str, status: int) -> dict[str, Any]:
    """What is described for a status; every error of an unknown address is a Problem."""
    refusal: dict[str, Any] = {"content": {"application/json": {"schema": PROBLEM}}}
    try:
        rule, _ = app.url_map.bind("").match(
            path.split("?")[0], "GET" if method == "HEAD" else method, return_rule=True
        )
    except HTTPException:
        return refusal
    address = re.sub(r"<([^<:]+:)?", "{", str(rule.rule)).replace(">", "}")
    operation = document_of(app)["paths"].get(address, {}).get(method.lower())
    if operation is None:
        return refusal if status >= 400 else {"content": {"*/*": {"schema": {}}}}
    answers: dict[str, dict[str, Any]] = operation["responses"]
    if str(status) in answers:
        return answers[str(status)]
    assert status in (304, 500), f"{method} {address}: {status} is not described"
    return refusal if status == 500 else {"content": {}}


def _fits(kind: str, mimetype: str) -> bool:
    return kind in (mimetype, "*/*") or kind == f"{mimetype.split('/')[0]}/*"


def _require_valid(schema: dict[str, Any], value: Any, where: str) -> None:
    if schema:
        faults = [
            f"{'.'.join(map(str, fault.absolute_path))}: {fault.message}"
            for fault in _validator(schema["$ref"]).iter_errors(value)
        ]
        assert not faults, f"{where} is not as {schema['$ref']} says: {faults[:5]}"


@cache
def _validator(reference: str) -> Draft202012Validator:
    schema = {"$ref": reference, "components": _documents[0]["components"]}
    return Draft202012Validator(schema)
