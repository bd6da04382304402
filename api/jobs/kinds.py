"""The kinds of jobs in /openapi.json: for scripts, and for the dashboard, which is built from it."""

from __future__ import annotations

from typing import Any

from common.jobs.kinds import KINDS, JobKind

_REFERENCES = "#/components/schemas/{model}"


def params_schemas() -> dict[str, Any]:
    """`params_<kind>` for each kind, and what those refer to, as components of the document."""
    schemas: dict[str, Any] = {}
    for kind in KINDS.values():
        schema = kind.params_model().model_json_schema(ref_template=_REFERENCES)
        schemas.update(schema.pop("$defs", {}))
        schemas[f"params_{kind.name}"] = schema
    return schemas


def describe_kinds() -> list[dict[str, Any]]:
    """Each kind in one word or two; `about` is empty where no request may name it."""
    return [_described(kind) for kind in KINDS.values()]


def _described(kind: JobKind) -> dict[str, Any]:
    return {
        "name": kind.name,
        "title": kind.title,
        "about": kind.about,
        "queues": list(kind.queues),
        "step": kind.step,
        "resumable": kind.resumable,
        "undoable": bool(kind.undo),
        "writes_captions": kind.writes_captions,
        "params": f"params_{kind.name}",
    }
