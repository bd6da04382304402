"""/healthz, /readyz and /metrics at the root, for whoever watches the service."""

from __future__ import annotations

import time
from pathlib import Path

from flask import Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from api.capability import file_of, make_blueprint
from api.ops.checks import check_parts
from api.ops.schemas import Alive, Health, Readiness
from api.ops.service_state import ServiceState
from api.people.identity import is_asked_by_admin
from api.services import Services, app_services
from common.logs import begin_request, end_request

health = make_blueprint("health", __name__, "ops", prefix="")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
METRICS = "clip_browser_metrics"
REQUEST_HEADER = "X-Request-Id"


@health.get("/healthz", responses={200: Alive})
def healthz() -> Alive:
    """This process lives."""
    return Alive(ok=True)


@health.get("/readyz", responses={200: Readiness, 503: Readiness})
def readyz() -> tuple[Readiness, int]:
    """Database, Redis and store answer; 503 when one does not.

    Administrators read where they are and what is wrong; others, whether they answer.
    """
    services = app_services()
    found = check_parts(services)
    checked = found.database, found.redis, found.store
    ok = all(part.ok for part in checked)
    told = _detailed if found.database.ok and is_asked_by_admin() else _plain
    database, redis, store = map(told, checked)
    return Readiness(ok=ok, database=database, redis=redis, store=store), 200 if ok else 503


def _detailed(part: Health) -> Health:
    return Health(ok=part.ok, detail=part.detail)


def _plain(part: Health) -> Health:
    """Without paths, addresses and versions."""
    return Health(ok=part.ok, detail="answers" if part.ok else "does not answer")


@health.get("/metrics", responses={200: file_of("text/plain")})
def metrics() -> Response:
    """Requests, jobs, queues, workers and how jobs ended, for Prometheus. Needs a token, such as one of scope metrics."""
    return Response(
        generate_latest(_registry()), content_type="text/plain; version=0.0.4; charset=utf-8"
    )


def watch_requests(app: Flask, services: Services, metrics_folder: Path | None = None) -> None:
    """Count and time every request by route, so that /metrics can tell; name it in the log lines.

    metrics_folder: where all the API's processes count, also those that have ended: /metrics tells the sum.
    """
    registry = CollectorRegistry()
    told = CollectorRegistry() if metrics_folder else registry
    labels = ["route", "method"]
    count = Counter(
        "clip_browser_http_requests", "Requests.", [*labels, "status"], registry=registry
    )
    took = Histogram(
        "clip_browser_http_seconds", "Seconds until the answer began.", labels, registry=registry
    )
    if metrics_folder:
        MultiProcessCollector(told, str(metrics_folder))  # type: ignore[no-untyped-call]
    else:
        told.register(services.sign_ins.refused)
    told.register(ServiceState(services))
    app.extensions[METRICS] = told

    @app.before_request
    def _begin() -> None:
        g.began = time.perf_counter()
        g.request_id = begin_request(request.headers.get(REQUEST_HEADER))

    @app.after_request
    def _end(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "other"
        method = request.method if request.method in METHODS else "other"
        count.labels(route, method, response.status_code).inc()
        if "began" in g:
            took.labels(route, method).observe(time.perf_counter() - g.began)
            response.headers[REQUEST_HEADER] = g.request_id
        return response

    @app.teardown_request
    def _forget(_: BaseException | None) -> None:
        end_request()


def _registry() -> CollectorRegistry:
    """The registry of the app that handles this request."""
    found: CollectorRegistry = current_app.extensions[METRICS]
    return found
