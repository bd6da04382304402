"""schemathesis over the service's own document, as somebody with a role.

It makes up requests that fit the document and ones that do not, follows what answers name (a dataset
that was made, a job that was started), and holds each answer against what the document says of it: no
5xx, no status, type or shape that is not described, nothing served without a sign-in that needs one.

    python -m tests.api.fuzzing [--cases 10000] [--role admin] [--seed 7]      # `make fuzz`
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from werkzeug.serving import WSGIRequestHandler, make_server

from common.db.tables import Token, User
from common.people.credentials import issue_token, make_user
from common.settings import load_settings
from tests.api.conftest import PASSWORD, Service
from tests.servers import redis_server

STRANGER = "stranger"
VIEWER = "viewer"  # a member with a token that may do no more, wherever it is
ROLES = ("admin", "member", VIEWER, STRANGER)
CASES = 10_000
# What fits the document may still be refused: by the state that things are in, by what a role may do.
NOT_ASKED = ("positive_data_acceptance",)
SEED = 12
# An address that is another's as well, with other methods: a dataset may be called "sample", and a model's
# id has slashes, so "0/blend" is one, and so is "0/restore".
SHARED = (
    "/api/v1/datasets/sample",
    "/api/v1/models/{model_id}/blend",
    "/api/v1/models/{model_id}/download",
    "/api/v1/trash/models/{trashed_model_id}/restore",
)
ABOUT_METHODS = ("unsupported_method", "allow_header_conformance")


@dataclass
class Fuzzed:
    """What came of it. failures: each once, with the request that shows it."""

    role: str
    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    operations: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        shown = ", ".join(f"{status}: {count:,}" for status, count in sorted(self.statuses.items()))
        lines = [f"{self.role}: {self.cases:,} cases of {len(self.operations)} calls ({shown})"]
        return "\n".join(
            [*lines, *self.errors, *(f"- {w}\n  {how}" for w, how in self.failures.items())]
        )


def fuzz(
    service: Service, role: str, *, seed: int = SEED, max_time_s: float | None = None,
    examples: int = 100, phases: tuple[str, ...] = ("coverage", "fuzzing", "stateful"),
) -> Fuzzed:  # fmt: skip
    """Make up requests as somebody with this role. examples: for each call, in each phase."""
    app, headers = _signed_in(service, role)
    every = ("examples", "coverage", "fuzzing", "stateful")
    settings: dict[str, Any] = {
        "seed": seed,
        "headers": headers,
        "continue-on-failure": True,
        "checks": {name: {"enabled": False} for name in NOT_ASKED},
        "generation": {
            "mode": "all", "max-examples": examples, "database": "none", "no-shrink": True,
            "with-security-parameters": False,  # or it signs in by what it has made up
        },
        "phases": {name: {"enabled": name in phases} for name in every},
        **({"max-time": max_time_s} if max_time_s else {}),
    }  # fmt: skip
    found = Fuzzed(role)
    with _listening(app) as address:  # its own client for WSGI lacks what some checks need
        schema = schemathesis.openapi.from_url(
            f"{address}/openapi.json", config=SchemathesisConfig.from_dict(settings)
        )
        for event in from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                _count(found, event)
            elif isinstance(event, events.NonFatalError):
                found.errors.append(f"{event.label}: {event.info.title}: {event.value}")
            elif isinstance(event, events.FatalError):
                raise event.exception
    return found


@contextmanager
def _listening(app: Any) -> Iterator[str]:
    """The app on a port of this process."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Silent(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: object) -> None:
        """Thousands of lines would say nothing."""


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """schemathesis 4.32 checks answers by draft 2020-12, and rewrites prefixItems as older drafts had it."""
    for each in _objects(raw_schema):
        if "prefixItems" in each:
            each["items"] = {"anyOf": each.pop("prefixItems")}


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _objects(each)


def _signed_in(service: Service, role: str) -> tuple[Any, dict[str, str]]:
    """The app, and the headers of somebody new with this role, who never loses it.

    Among what is made up are requests that end this very token, after which all would be a 401.
    """
    if role == STRANGER:
        return service.app, {}
    sessions = service.services.sessions
    with sessions() as session:
        of_service = "member" if role == VIEWER else role
        person = make_user(session, f"fuzzing {role} {os.urandom(4).hex()}", of_service)
        token, secret = issue_token(session, person, "api")
        token.scope = "read" if role == VIEWER else "admin"
        session.flush()
    header = f"Bearer {secret}"
    rows = [
        {name: getattr(row, name) for name in type(row).__table__.columns.keys()}  # noqa: SIM118 - columns
        for row in (person, token)
    ]

    def lasting(environ: dict[str, Any], start_response: Any) -> Any:
        if environ.get("HTTP_AUTHORIZATION") == header:
            with sessions() as session:
                session.merge(User(**rows[0]))
                session.flush()
                session.merge(Token(**rows[1]))
        return service.app(environ, start_response)

    return lasting, {"Authorization": header}


def _count(found: Fuzzed, event: events.ScenarioFinished) -> None:
    recorder = event.recorder
    found.cases += len(recorder.interactions)
    for case_id, interaction in recorder.interactions.items():
        if interaction.response is not None:
            found.statuses[interaction.response.status_code] += 1
        found.operations.add(recorder.cases[case_id].value.operation.label)
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None and not (
                check.name in ABOUT_METHODS and recorder.cases[case_id].value.path in SHARED
            ):
                what = f"{recorder.cases[case_id].value.operation.label}: {check.name}: {check.failure_info.failure}"
                found.failures.setdefault(what[:600], check.failure_info.code_sample[:600])


def main() -> int:
    """See the module: each role as often, with another seed each time, until there were enough cases."""
    given = argparse.ArgumentParser()
    given.add_argument("--role", choices=ROLES, action="append", help="all of them if left out")
    given.add_argument("--cases", type=int, default=CASES, help=f"in all, at least ({CASES:,})")
    given.add_argument("--seed", type=int, default=SEED)
    given.add_argument("--examples", type=int, default=5, help="of each call, in a round")
    arguments = given.parse_args()
    cases, is_well, roles = 0, True, arguments.role or ROLES
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        redis = stack.enter_context(redis_server(folder))
        settings = load_settings(
            data_dir=folder / "data", redis_url=redis.url, secret_key="a secret of the tests",
            device="cpu", admin_password=PASSWORD,
        )  # fmt: skip
        service = Service(settings, folder / "none")
        for number in count():
            if cases >= arguments.cases and number % len(roles) == 0:
                break
            seed = arguments.seed + number // len(roles)
            found = fuzz(
                service, roles[number % len(roles)], seed=seed, examples=arguments.examples
            )
            cases += found.cases
            is_well &= not found.failures and not found.errors
            print(f"seed {seed}, {found}", flush=True)
    print(f"{cases:,} cases in all")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
