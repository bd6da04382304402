"""The Flask app: what it is made of is handed in, so that tests and the server make the same one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Response
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI

from api.answers import ERRORS, Problem
from api.auth import auth
from api.captions import captions
from api.dashboard import BUILT, serve_dashboard
from api.datasets import datasets
from api.edits import edits
from api.errors import refuse_invalid, register_errors
from api.health import health, watch_requests
from api.identity import COOKIE, require_identity
from api.images import images
from api.incoming import incoming
from api.jobs import jobs
from api.known_tokens import KnownTokens
from api.marks import marks
from api.models import models
from api.params import SCHEMAS
from api.parts import EXTENSION, Parts
from api.people import people
from api.queue import queues
from api.saves import CaptionSaves
from api.search import search
from api.selections import selections
from api.sockets import Sockets
from api.suggestions import suggestions
from api.sweeps import sweeps
from api.synonyms import synonyms
from api.system import app_version, system
from api.team import team
from api.training import training
from api.transient import Transient
from api.variants import variants
from api.words import words
from common.db import SessionFactory
from common.events import Events
from common.queue import Queue
from common.replies import Replies
from common.settings import Settings
from common.store import ArtifactStore

BLUEPRINTS = (
    auth,
    people,
    datasets,
    images,
    incoming,
    captions,
    jobs,
    queues,
    sweeps,
    models,
    search,
    training,
    system,
    health,
    edits,
    selections,
    words,
    marks,
    team,
    suggestions,
    synonyms,
    variants,
)


def create_app(
    settings: Settings,
    store: ArtifactStore,
    queue: Queue,
    sessions: SessionFactory,
    readers: SessionFactory,
    events: Events,
    replies: Replies,
    web_folder: Path = BUILT,
) -> OpenAPI:
    """The whole API with its sockets and the dashboard built in `web_folder`."""
    made = Parts(
        settings, store, queue, sessions, readers, events, replies,
        Transient(queue.redis), CaptionSaves(queue, replies), KnownTokens(readers),
    )  # fmt: skip
    app = OpenAPI(
        __name__,
        info=Info(title="CLIP Browser", version=app_version()),
        security_schemes=_security_schemes(),
        responses=dict(ERRORS),
        validation_error_status=400,
        validation_error_model=Problem,
        validation_error_callback=refuse_invalid,
        doc_ui=False,
        static_folder=None,
    )
    app.config.update(SECRET_KEY=settings.secret_key)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions[EXTENSION] = made
    watch_requests(app, made)
    require_identity(app)
    register_errors(app)
    serve_dashboard(app, web_folder)
    for blueprint in BLUEPRINTS:
        app.register_api(blueprint)
    app.add_url_rule("/openapi.json", "openapi", lambda: document(app))
    app.after_request(_protect)
    Sockets(app, made)
    return app


def document(app: OpenAPI) -> dict[str, object]:
    """The OpenAPI document, with the parameters of each kind of job."""
    spec: dict[str, object] = app.api_doc
    components = spec.setdefault("components", {})
    assert isinstance(components, dict)
    for kind, schema in SCHEMAS.items():
        components["schemas"][f"params_{kind}"] = schema.model_json_schema()
    return spec


def _protect(response: Response) -> Response:
    """No guessing of types, no framing, no address of ours in other sites' logs."""
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("X-Frame-Options", "DENY")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    if response.mimetype == "application/json":
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _security_schemes() -> dict[str, Any]:
    return {
        "token": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    }
