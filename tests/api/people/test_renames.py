"""Another name: for all that was done under the one before, and for what still comes under it."""

from __future__ import annotations

import threading
from typing import Any

from sqlalchemy import Column, String, insert, select
from sqlalchemy.orm import Session

from common.db.tables import Base, FormerName, Image, User, UtcDateTime, now
from common.people.accounts import MAX_FORMER_NAMES, named_columns, rename
from tests.api.conftest import Caller, Service
from workers.cpu.captions.saving import Save, save_captions

# Columns of this length that name something else than a person who did something.
OTHERS = {
    "audit_events.actor",  # as it was
    "former_names.name",
    "users.name",
    "tokens.name",
    "images.claim_holder",
    "images.tag",
    "suggestions.source",
    "caption_revisions.client_id",
    "models.architecture",
}


def test_every_column_that_names_a_person_is_renamed() -> None:
    """A new one is either found by its name or stands in OTHERS, with what it names."""
    named = {f"{column.table.name}.{column.name}" for column in named_columns()}
    alike = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, String)
        and column.type.length == 80
        and not column.foreign_keys
        and column.name not in ("id", "dataset_id")
    }
    assert alike - OTHERS == named
    assert len(named) >= 14


def test_all_rows_that_name_somebody_name_them_anew_and_no_other(any_service: Service) -> None:
    """In every column there is a row of ada's and one of eve's."""
    service = any_service
    with service.services.sessions() as session:
        ada, eve = (User(name=name, role="member") for name in ("ada", "eve"))
        session.add_all([ada, eve])
        session.flush()
        for number, name in enumerate(("ada", "eve"), start=1):
            fill(session, name, number, ada.id if number == 1 else eve.id)
    with service.services.sessions() as session:
        assert rename(session, session.get_one(User, ada.id), "Ada Lovelace") == "ada"
    with service.services.readers() as session:
        for column in named_columns():
            names = set(session.execute(select(column)).scalars()) - {None}
            assert names == {"Ada Lovelace", "eve"}, column


def fill(session: Session, name: str, number: int, user_id: int) -> None:
    """A row in each table that names people."""
    for table in dict.fromkeys(column.table for column in named_columns()):
        row = {
            column.name: value
            for column in table.columns
            if (value := value_of(column, name, number, user_id)) is not None
        }
        session.execute(insert(table).values(row))


def value_of(column: Column[Any], name: str, number: int, user_id: int) -> Any:
    """Something that fits; None where the database fills it in by itself."""
    if column in named_columns():
        return name
    if column.foreign_keys:
        target = next(iter(column.foreign_keys)).target_fullname
        made = {"datasets.id": f"id {number}", "images.id": number, "users.id": user_id}
        return made.get(target)
    if column.primary_key and isinstance(column.type, String):
        return f"{column.name} {number}"
    if column.primary_key:
        return number
    if column.nullable or column.default is not None:
        return None
    if isinstance(column.type, String):
        return f"{number}"
    return now() if isinstance(column.type, UtcDateTime) else number


def test_the_old_name_stays_reserved_and_leads_back_to_its_owner_only(
    service: Service, call: Caller
) -> None:
    ada, _ = (
        call("POST", "/users", 201, json={"name": name})["user"]["id"] for name in ("ada", "eve")
    )
    assert call("PATCH", f"/users/{ada}", json={"name": "Grace"})["former_names"] == ["ada"]
    for taken in ("ada", "Ada", "grace"):
        call("POST", "/users", 409, json={"name": taken})
    call("PATCH", f"/users/{ada}", 409, json={"name": "Eve"})
    call("PATCH", f"/users/{ada}", 400, json={"name": "everyone"})
    assert call("PATCH", f"/users/{ada}", json={"name": "ada"})["former_names"] == ["Grace"]


def test_nobody_reserves_all_names(service: Service, call: Caller) -> None:
    ada = call("POST", "/users", 201, json={"name": "ada"})["user"]["id"]
    with service.services.sessions() as session:
        for number in range(MAX_FORMER_NAMES):
            session.add(FormerName(name=f"name {number}", user_id=ada))
    call("PATCH", f"/users/{ada}", 409, json={"name": "grace"})


def test_a_session_goes_on_under_the_new_name(service: Service, call: Caller) -> None:
    made = call("POST", "/users", 201, json={"name": "ada"})
    secret = made["link"].partition("token=")[2]
    client = service.app.test_client()
    token = client.post("/api/v1/auth/link", json={"token": secret}).get_json()["token"]
    ada = Caller(service.app.test_client(), token)
    dataset = ada.dataset()
    call("PATCH", f"/users/{made['user']['id']}", json={"name": "Grace"})
    assert ada("GET", "/auth/me")["user"]["name"] == "Grace"
    assert ada("GET", f"/datasets/{dataset}")["created_by"] == "Grace"
    assert ada("GET", f"/datasets/{dataset}")["role"] == "owner"


def test_a_caption_that_comes_late_under_the_old_name_lands_under_the_new_one(
    any_service: Service, call_any: Caller
) -> None:
    service = any_service
    ada = call_any("POST", "/users", 201, json={"name": "ada"})["user"]["id"]
    image = service.add_images(call_any.dataset(), 1)[0]
    with service.services.sessions() as session:
        session.get_one(Image, image).claimed_by = "ada"
    call_any("PATCH", f"/users/{ada}", json={"name": "Grace"})
    with service.services.sessions() as session:
        saved = save_captions(session, [Save(image, "a cat", 0, "late", "ada")])[0]
        assert saved.by == "Grace"  # type: ignore[union-attr]
    assert call_any("GET", f"/images/{image}")["captioned_by"] == "Grace"
    assert call_any("GET", f"/images/{image}")["claimed_by"] is None
    history = call_any("GET", f"/images/{image}/captions")["items"]
    assert [each["author"] for each in history] == ["Grace"]


def test_a_caption_that_is_being_saved_meanwhile_is_renamed_as_well(
    any_service: Service, call_any: Caller
) -> None:
    service = any_service
    ada = call_any("POST", "/users", 201, json={"name": "ada"})["user"]["id"]
    image = service.add_images(call_any.dataset(), 1)[0]
    with service.services.sessions() as session:
        save_captions(session, [Save(image, "a cat", 0, "first", "ada")])
        renaming = threading.Thread(
            target=lambda: call_any("PATCH", f"/users/{ada}", json={"name": "Grace"})
        )
        renaming.start()
        renaming.join(0.5)
        assert renaming.is_alive()  # it waits for who is saving
    renaming.join(60)
    assert call_any("GET", f"/images/{image}")["captioned_by"] == "Grace"
