"""The routes of a capability: where they are, under which tag they are described, how they refuse."""

from __future__ import annotations

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

PREFIX = "/api/v1"
FOR_EVER = "private, max-age=31536000, immutable"  # the address holds the content's hash


def make_blueprint(name: str, module: str, capability: str, prefix: str = PREFIX) -> APIBlueprint:
    """A blueprint whose every route is described with the capability as its tag.

    Errors that follow from what a route is need no word there: see `api/openapi.py`.
    """
    return APIBlueprint(
        name,
        module,
        url_prefix=prefix,
        abp_tags=[Tag(name=capability)],
        operation_id_callback=lambda *, name, path, method: f"{capability}_{name}",
    )


def file_of(*mimetypes: str) -> dict[str, Any]:
    """The description of an answer that is no JSON."""
    schema = {"type": "string", "format": "binary"}
    return {"content": {mimetype: {"schema": schema} for mimetype in mimetypes}}
