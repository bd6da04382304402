"""The Flask app: what it is made of is handed in, so that tests and the server make the same one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, Response
from flask.sessions import NullSession, SessionInterface
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from sqlalchemy import Engine
from werkzeug.routing import Rule

from api.answer import Answer, Problem, as_response
from api.augment.synonym_routes import synonyms
from api.augment.variant_routes import variants
from api.captions.edit_routes import edits
from api.captions.group_commit import GroupCommit, require_way
from api.captions.review_routes import marks
from api.captions.routes import captions
from api.captions.suggestion_routes import suggestions
from api.captions.team_routes import team
from api.captions.word_routes import words
from api.dashboard import BUILT, serve_dashboard
from api.datasets.group_routes import groups
from api.datasets.member_routes import members
from api.datasets.routes import datasets
from api.errors import refuse_invalid, register_errors
from api.images.routes import images
from api.images.selection_routes import selections
from api.images.upload_routes import incoming
from api.jobs.kinds import describe_kinds, params_schemas
from api.jobs.queue_routes import queues
from api.jobs.routes import jobs
from api.json_body import read_json_always
from api.live.presence import Presence
from api.live.siblings import ALONE, PollRelay, Siblings
from api.live.sockets import LIVE, Sockets
from api.live.workers import LiveWorkers
from api.models.routes import models
from api.openapi import complete_operations
from api.ops.audit_routes import audit
from api.ops.health_routes import health, watch_requests
from api.ops.retention_routes import retention
from api.ops.routes import system
from api.ops.worker_routes import worker_routes
from api.people.access import Roles
from api.people.account_routes import account
from api.people.audited import note_acts
from api.people.identity import COOKIE, require_identity, require_rights
from api.people.oidc.oidc_routes import oidc
from api.people.rights import OPEN
from api.people.routes import people
from api.people.second_factor.demand import SecondFactorDemand
from api.people.second_factor.second_factor_routes import second_factor
from api.people.sign_in.sign_in_routes import auth
from api.people.sign_in.sign_ins import SignIns
from api.people.token_cache import TokenCache
from api.protection import protect_answers
from api.search.routes import search
from api.search.worker import searching_places
from api.services import EXTENSION, Services
from api.training.routes import training
from api.training.sweep_routes import sweeps
from api.trash.routes import trash
from api.trusted_proxies import TrustedProxies
from common.db.engine import (
    quick_reader_factory,
    reader_factory,
    row_reader_factory,
    session_factory,
)
from common.messaging.broker import Queue
from common.messaging.events import Events
from common.messaging.replies import Replies
from common.people.second_factors import SecondFactors
from common.settings import Settings
from common.store import ArtifactStore, open_links
from common.version import VERSION

if TYPE_CHECKING:
    from api.people.oidc.provider import Provider

BLUEPRINTS = (
    auth,
    account,
    oidc,
    second_factor,
    people,
    members,
    groups,
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
    worker_routes,
    retention,
    trash,
    audit,
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


class _NoSessions(SessionInterface):
    """Who asks is known by `api.people.identity`; Flask's own signed cookie is not read at each request."""

    def open_session(self, app: Flask, request: Request) -> NullSession:
        """Flask's hook: one that refuses to be written to."""
        return NullSession()


class _Rule(Rule):
    """What makes an address of a rule is compiled when one is first made: for all of them it takes a fifth of a second."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compile_now = super()._compile_builder

        def build(rule: Rule, /, **values: Any) -> tuple[str, str]:
            made: tuple[str, str] = compile_now(append_unknown)(rule, **values)
            return made

        return build


class App(OpenAPI):
    """Views return answers; here they become JSON."""

    session_interface = _NoSessions()
    url_rule_class = _Rule

    def make_response(self, rv: Any) -> Response:
        """As Flask's, for an `Answer` too, alone or with a status."""
        if isinstance(rv, Answer):
            rv = as_response(rv)
        elif isinstance(rv, tuple) and isinstance(rv[0], Answer):
            rv = (as_response(rv[0]), *rv[1:])
        return super().make_response(rv)


def create_app(
    settings: Settings,
    store: ArtifactStore,
    queue: Queue,
    engine: Engine,
    events: Events,
    replies: Replies,
    web_folder: Path = BUILT,
    *,
    siblings: Siblings = ALONE,
    metrics_folder: Path | None = None,
) -> OpenAPI:
    """The whole API with its sockets and the dashboard built in `web_folder`.

    siblings: the API's other processes on this port. metrics_folder: where all of them count.
    """
    sessions, readers = session_factory(engine), quick_reader_factory(engine)
    second_factors = SecondFactors(readers, sessions, settings.secret_key)
    services = Services(
        settings, store, queue, sessions, readers,
        reader_factory(engine), row_reader_factory(engine), events, replies,
        Presence(queue.redis), LiveWorkers(queue.redis),
        SignIns(readers, sessions, queue.redis, settings.api_threads, second_factors),
        GroupCommit(queue, replies, partial(require_way, row_reader_factory(engine), queue)), TokenCache(readers, sessions, events.people),
        Roles(row_reader_factory(engine), events.people), searching_places(settings.api_threads),
        second_factors, SecondFactorDemand(settings, row_reader_factory(engine)),
        _open_provider(settings), open_links(settings.store, settings.store_public_url),
    )  # fmt: skip
    app = App(
        __name__,
        info=Info(title="CLIP Browser", version=VERSION),
        security_schemes=_security_schemes(),
        validation_error_status=400,
        validation_error_model=Problem,
        validation_error_callback=refuse_invalid,
        doc_ui=False,
        static_folder=None,
    )
    app.config.update(SECRET_KEY=settings.secret_key)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions[EXTENSION] = services
    watch_requests(app, services, metrics_folder)
    require_identity(app)
    note_acts(app)
    read_json_always(app)
    register_errors(app)
    serve_dashboard(app, web_folder)
    for blueprint in BLUEPRINTS:
        app.register_api(blueprint)
    app.add_url_rule("/openapi.json", "openapi", lambda: document(app))
    require_rights(app)
    protect_answers(app, services.links.origin if services.links else "")
    Sockets(app, services, siblings)
    app.wsgi_app = TrustedProxies(app.wsgi_app, settings.proxies)  # type: ignore[method-assign]
    if siblings.are_several:
        app.wsgi_app = PollRelay(app.wsgi_app, siblings)  # type: ignore[assignment,method-assign]
    return app


def _open_provider(settings: Settings) -> Provider | None:
    if not settings.oidc_issuer:
        return None
    from api.people.oidc.provider import Provider  # half a second, which most need not spend

    return Provider(settings, places=max(2, settings.api_threads // 16))


def start_live(app: Flask) -> None:
    """Begin to deliver what is told to this process's own connections."""
    app.extensions[LIVE].start()


def document(app: OpenAPI) -> dict[str, object]:
    """The OpenAPI document, with each kind of job and its parameters."""
    spec: dict[str, object] = app.api_doc
    components = spec.setdefault("components", {})
    assert isinstance(components, dict)
    components["schemas"].update(params_schemas())
    complete_operations(spec, {route.split(" ")[1] for route in OPEN})
    spec["x-job-kinds"] = describe_kinds()
    return spec


def _security_schemes() -> dict[str, Any]:
    return {
        "token": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    }
