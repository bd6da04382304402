"""Every route, with every role, credential and origin: who gets in, who is told no, and who sees nothing."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask import Response

from api.app import create_app
from api.people.identity import require_rights
from api.people.rights import OPEN, RIGHTS, Right
from api.request import MAX_ID
from common.db import tables
from common.db.tables import Dataset, Job, Member, Model, User, Variant, now
from common.people.credentials import issue_token
from common.people.rights import ROLES, SCOPES
from tests.api.conftest import Caller, Service

DOCS = Path(__file__).parents[3] / "docs/roles.md"
REACHED = 299  # of a request that its view would have got
HOST = "http://localhost"
ORIGINS = {None: True, HOST: True, "https://evil.example": False, "null": False}


class Person(NamedTuple):
    """What somebody is: in the dataset, and of the service."""

    user: User
    role: str | None
    is_admin: bool = False


class Things(NamedTuple):
    """One of each kind that a path can name, all of a dataset that is not for everybody."""

    dataset_id: str
    image_id: int
    job_id: str
    model_id: str
    variant_id: int
    trashed_dataset_id: str
    batch_id: str
    trashed_model_id: str


def path_of(rule: str, things: Things) -> str:
    """The address of a route for these things."""

    def named(found: re.Match[str]) -> str:
        kind, _, name = found[1].rpartition(":")
        return str(getattr(things, name, 1 if kind == "int" else "x"))

    return re.sub(r"<([^>]+)>", named, rule)


@pytest.fixture
def things(any_service: Service, call_any: Caller) -> Things:
    return make_things(any_service, call_any)


def make_things(service: Service, call: Caller) -> Things:
    dataset = call.dataset("Secret finds", everyone=None)
    [image_id] = service.add_images(dataset, 1, captioned=1)
    job_id = service.finished(dataset, "train", {})
    with service.services.sessions() as session:
        session.add(
            Model(
                id="secret-model", name="secret-model", architecture="ViT-B-32", folder="secret",
                dataset_id=dataset, created_by="ada", created_at=now(),
            )
        )  # fmt: skip
        variant = Variant(
            dataset_id=dataset, job_id=job_id, image_id=image_id, slot=0, source_revision=1,
            source_text="a secret", proposed="a Secret variant", text="a secret variant",
            method="synonyms", seed=0, state="proposed", reasons=[], is_doubted=False,
        )  # fmt: skip
        session.add(variant)
        session.add_all(_deleted(dataset))
        session.flush()
        trashed = ("gone-dataset", "gone-batch", "gone-model")
        return Things(dataset, image_id, job_id, "secret-model", variant.id, *trashed)


def _deleted(dataset: str) -> list[tables.Base]:
    """The same in the trash; the dataset there is another one."""
    by = {"deleted_by": "Secret person", "deleted_at": now()}
    return [
        Dataset(
            id="gone-dataset", name="Secret and gone", created_by="ada", everyone_role=None, **by
        ),
        tables.TrashedImage(
            image_id=MAX_ID, dataset_id=dataset, batch="gone-batch", sha256="0" * 64, ext="png",
            filename="Secret.png", size_bytes=1, rows={}, **by,
        ),
        tables.TrashedModel(
            id="gone-model", name="Secret model", folder="gone", dataset_id=dataset, size_bytes=1,
            created_by="ada", rows={}, **by,
        ),
    ]  # fmt: skip


def make_people(service: Service, call: Caller, things: Things) -> list[Person]:
    """An administrator, one of each role, and a stranger."""
    found = [Person(_user(service, "admin"), None, is_admin=True)]
    for role in (*ROLES, None):
        name = role or "stranger"
        service.person(name)
        if role is not None:
            path = f"/datasets/{things.dataset_id}/members/{name}"
            call("PUT", path, json={"role": role})
            _add_member(service, things.trashed_dataset_id, name, role)
        found.append(Person(_user(service, name), role))
    return found


def _add_member(service: Service, dataset_id: str, name: str, role: str) -> None:
    user_id = _user(service, name).id
    with service.services.sessions() as session:
        session.add(Member(dataset_id=dataset_id, user_id=user_id, role=role, added_by="ada"))


def _user(service: Service, name: str) -> User:
    from common.people.roles import find_user

    with service.services.readers() as session:
        return find_user(session, name)


def expected(right: Right, person: Person, scope: str) -> int:
    """By the words of the table alone: REACHED, 403, or 404 for what somebody does not see."""
    if scope == "metrics":
        return REACHED if right.routes == ("GET /metrics",) else 403
    if right.role is not None and person.role is None and not person.is_admin:
        return 404
    if right.admin and not person.is_admin:
        return 403
    rank = 3 if person.is_admin else -1 if person.role is None else ROLES.index(person.role)  # type: ignore[arg-type]
    needed = ROLES.index(right.role) if right.role else SCOPES.index(right.scope) - 1
    if SCOPES.index(scope) - 1 < needed:  # type: ignore[arg-type]
        return 403
    if right.role is not None and rank < needed:
        return 403
    return REACHED


def test_every_route_lets_in_whom_the_table_says_and_nobody_else(
    service: Service, call: Caller
) -> None:
    """Route x role x credential x origin; the views themselves are not reached."""
    things = make_things(service, call)
    people = make_people(service, call, things)
    app, secrets = service.app, {}
    with service.services.sessions() as session:
        for person in people:
            for scope in SCOPES:
                row, secrets[person.user.name, scope] = issue_token(session, person.user, "api")
                row.scope = scope
            secrets[person.user.name, "cookie"] = issue_token(session, person.user, "session")[1]
    app.before_request_funcs[None].append(lambda: Response(status=REACHED))
    seen: Counter[int] = Counter()
    for right in RIGHTS:
        for route in right.routes:
            method, rule = route.split(" ", 1)
            path = path_of(rule, things)
            assert app.test_client().open(path, method=method).status_code == 401, route
            for person in people:
                for scope in SCOPES:
                    headers = {"Authorization": f"Bearer {secrets[person.user.name, scope]}"}
                    got = app.test_client().open(path, method=method, headers=headers).status_code
                    assert got == expected(right, person, scope), (route, person, scope)
                    seen[got] += 1
                for origin, is_ours in ORIGINS.items():
                    got = _by_cookie(app, method, path, secrets[person.user.name, "cookie"], origin)
                    wanted = expected(right, person, "admin")
                    if not is_ours and method != "GET":
                        wanted = 403
                    assert got == wanted, (route, person, origin)
                    seen[got] += 1
    assert min(seen[REACHED], seen[403], seen[404]) > 400, seen


def _by_cookie(app: Any, method: str, path: str, secret: str, origin: str | None) -> int:
    from api.people.identity import COOKIE, _signer

    client = app.test_client()
    settings = app.extensions["clip_browser"].settings
    client.set_cookie(COOKIE, _signer(settings).sign(secret).decode())
    headers = {"Origin": origin} if origin else {}
    return int(client.open(path, method=method, headers=headers, base_url=HOST).status_code)


def test_what_a_stranger_asks_for_names_nothing_of_a_dataset_that_is_not_for_everybody(
    any_service: Service, call_any: Caller, things: Things
) -> None:
    call_any("PUT", f"/datasets/{things.dataset_id}", 405)
    stranger, looked_at = any_service.person("stranger"), 0
    for right in RIGHTS:
        for route in right.routes:
            method, rule = route.split(" ", 1)
            if method != "GET" or right.admin or rule == "/metrics":
                continue
            answer = stranger.raw("GET", path_of(rule, things))
            asked = path_of(rule, things)
            told = answer.get_data(as_text=True).replace(asked, "").replace("stranger", "")
            for secret in ("Secret", things.job_id):
                if secret not in asked:
                    assert secret not in told, (route, told[:500])
            looked_at += 1
    assert looked_at > 30
    assert call_any("GET", "/datasets")["items"][0]["name"] == "Secret finds"


def test_an_error_says_the_same_of_what_is_hidden_and_of_what_is_not_there(
    any_service: Service, things: Things
) -> None:
    stranger = any_service.person("stranger")
    nothing = Things(
        "no-dataset", 987654, "0" * 12, "no-model", 987654, "no-gone", "no-batch", "no-lost"
    )
    for right in RIGHTS:
        for route in right.routes:
            method, rule = route.split(" ", 1)
            if right.role is None:
                continue
            hidden = stranger.raw(method, path_of(rule, things))
            absent = stranger.raw(method, path_of(rule, nothing))
            said = [hidden.get_json(), absent.get_json()]
            for answer, of in zip(said, (things, nothing), strict=True):
                for value in sorted(map(str, of), key=len, reverse=True):
                    answer["message"] = answer["message"].replace(value, "IT")
            if "<path:model_id>" in rule and absent.status_code == 400:
                continue  # a body was asked for first: of the catalogue's models nothing is hidden
            assert hidden.status_code == absent.status_code == 404, route
            assert said[0] == said[1], route


def test_who_made_a_job_may_stop_it_without_being_a_manager(
    any_service: Service, call_any: Caller, things: Things
) -> None:
    ada = any_service.person("ada")
    path = f"/jobs/{things.job_id}/stop"
    ada("POST", path, 404)
    call_any("PUT", f"/datasets/{things.dataset_id}/members/ada", json={"role": "viewer"})
    ada("POST", path, 409)  # it has ended: it was let through
    ada("POST", f"/jobs/{things.job_id}/retry", 403)


def test_what_belongs_to_no_dataset_is_its_makers_and_models_brought_in_are_for_all_to_see(
    any_service: Service, call_any: Caller
) -> None:
    ada, eve = any_service.person("ada"), any_service.person("eve")
    with any_service.services.sessions() as session:
        session.add(
            Job(id="import", kind="import_model", queue="cpu", state="failed", created_by="ada")
        )
        for source in ("imported", "trained"):
            session.add(
                Model(
                    id=source, name=source, architecture="ViT-B-32", folder=source, source=source,
                    created_by="ada",
                )
            )  # fmt: skip
    assert [ada("GET", "/jobs/import")["id"], call_any("GET", "/jobs/import")["id"]] == [
        "import"
    ] * 2
    eve("GET", "/jobs/import", 404)
    assert eve("GET", "/jobs")["items"] == []
    own = [m["id"] for m in eve("GET", "/models")["items"] if m["kind"] == "finetuned"]
    assert own == ["imported"]
    eve("GET", "/models/trained", 404)
    eve("PATCH", "/models/imported", 403, json={"note": "mine"})
    ada("PATCH", "/models/imported", json={"note": "mine"})
    dataset = ada.dataset()
    any_service.add_images(dataset, 3, captioned=3)
    eve_dataset = eve.dataset("Other")
    any_service.add_images(eve_dataset, 3, captioned=3)
    body = {"kind": "index", "params": {"model": "trained"}}
    ada("POST", f"/datasets/{dataset}/jobs", 202, json=body)
    refused = eve("POST", f"/datasets/{eve_dataset}/jobs", 400, json=body)
    assert "no model 'trained'" in refused["message"]
    assert "trained" not in refused["remedy"].replace("untrained", "")


def test_a_role_that_is_given_or_taken_counts_at_once(
    any_service: Service, call_any: Caller, things: Things
) -> None:
    eve, path = any_service.person("eve"), f"/datasets/{things.dataset_id}"
    eve("GET", path, 404)
    members = call_any("PUT", f"{path}/members/eve", json={"role": "manager"})
    assert [(each["name"], each["role"]) for each in members["items"]] == [
        ("admin", "owner"),
        ("eve", "manager"),
    ]
    assert eve("GET", path)["role"] == "manager"
    eve("PUT", f"{path}/members/eve", 403, json={"role": "owner"})
    call_any("PUT", f"{path}/members/eve", json={"role": "viewer"})
    assert (eve("GET", path)["role"], eve("GET", path)["everyone_role"]) == ("viewer", None)
    call_any("PUT", f"{path}/everyone", json={"role": "manager"})
    assert eve("GET", path)["role"] == "manager"
    call_any("PUT", f"{path}/everyone", json={"role": None})
    eve("POST", f"{path}/leave", 204)
    eve("GET", path, 404)
    assert eve("GET", "/datasets")["items"] == []


def test_a_dataset_keeps_an_owner(any_service: Service, call_any: Caller) -> None:
    ada = any_service.person("ada")
    dataset = ada.dataset()
    path = f"/datasets/{dataset}"
    assert ada("GET", path)["role"] == "owner"
    for refused in (
        ada("POST", f"{path}/leave", 409),
        ada("DELETE", f"{path}/members/ada", 409),
        call_any("PUT", f"{path}/members/ada", 409, json={"role": "viewer"}),
    ):
        assert "last one" in refused["message"]
    ada("PUT", f"{path}/members/nobody", 404, json={"role": "owner"})
    any_service.person("eve")
    ada("PUT", f"{path}/members/eve", json={"role": "owner"})
    ada("POST", f"{path}/leave", 204)
    assert ada("GET", path)["role"] == "captioner"


def test_a_new_dataset_is_for_whom_the_setting_says(service: Service, call: Caller) -> None:
    assert call("GET", f"/datasets/{call.dataset()}")["everyone_role"] == "captioner"
    settings = service.settings.model_copy(update={"everyone_role": ""})
    services = service.services
    app = create_app(
        settings, services.store, services.queue, service.engine, services.events, services.replies
    )
    alone = Caller(app.test_client(), service.admin_token)
    assert alone("GET", f"/datasets/{alone.dataset('Mine')}")["everyone_role"] is None


def test_a_route_that_stands_in_no_line_of_the_table_does_not_start(service: Service) -> None:
    service.app.add_url_rule("/api/v1/forgotten", view_func=lambda: "")
    with pytest.raises(LookupError, match="forgotten"):
        require_rights(service.app)


def test_the_document_has_the_table_as_it_is() -> None:
    said = DOCS.read_text("utf-8")
    for part in table().split("\n\n"):
        assert part in said, f"docs/roles.md should have:\n\n{part}"


def table() -> str:
    """The rights as docs/roles.md shows them."""
    lines = ["| may | viewer | captioner | manager | owner |", "| --- | --- | --- | --- | --- |"]
    for right in RIGHTS:
        if right.role is not None:
            marks = [
                "yes" if ROLES.index(role) >= ROLES.index(right.role) else "" for role in ROLES
            ]
            lines.append(f"| {right.does} | {' | '.join(marks)} |")
    lines += ["", "| may | everybody | administrator | scope of a token |"]
    lines += ["| --- | --- | --- | --- |"]
    for right in RIGHTS:
        if right.role is None:
            everybody = "" if right.admin else "yes"
            lines.append(f"| {right.does} | {everybody} | yes | {right.scope} |")
    return "\n".join(lines)


def test_every_open_route_is_one_that_needs_to_be() -> None:
    assert OPEN == {
        "GET /healthz",
        "GET /readyz",
        "GET /openapi.json",
        "POST /api/v1/auth/login",
        "POST /api/v1/auth/link",
        "GET /api/v1/auth/ways",
        "GET /api/v1/auth/oidc/start",
        "GET /api/v1/auth/oidc/callback",
        "GET /api/v1/auth/oidc/sign-out",
    }
