"""The routes of a capability: where they are, under which tag they are described, how they refuse."""

from __future__ import annotations

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from api.answer import Problem

PREFIX = "/api/v1"
FOR_EVER = "private, max-age=31536000, immutable"  # the address holds the content's hash
ERRORS: dict[int | str, type[Problem]] = {400: Problem, 401: Problem, "default": Problem}


def make_blueprint(name: str, module: str, capability: str, prefix: str = PREFIX) -> APIBlueprint:
    """A blueprint whose every route is described with the capability as its tag, and with its errors."""
    return APIBlueprint(
        name,
        module,
        url_prefix=prefix,
        abp_tags=[Tag(name=capability)],
        abp_responses=dict(ERRORS),
        operation_id_callback=lambda *, name, path, method: f"{capability}_{name}",
    )


def file_of(*mimetypes: str) -> dict[str, Any]:
    """The description of an answer that is no JSON."""
    schema = {"type": "string", "format": "binary"}
    return {"content": {mimetype: {"schema": schema} for mimetype in mimetypes}}
