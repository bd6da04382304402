"""The people of the service: seen by all, changed by administrators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.answer import Problem
from api.capability import make_blueprint
from api.people.audited import note_details
from api.people.identity import token
from api.people.schemas import (
    NewLink,
    NewUser,
    NewUserOut,
    Person,
    PersonChange,
    PersonDetail,
    PersonPath,
    PersonTokenPath,
    UserList,
)
from api.people.tokens import end_tokens, read_sessions, read_tokens
from api.services import app_services
from common.db.tables import User
from common.errors import NotFound
from common.people.accounts import (
    change_role,
    disable,
    enable,
    invite,
    remove,
    rename,
    renew_link,
)
from common.people.credentials import make_sign_in_link
from common.people.former_names import read_former_names

people = make_blueprint("people", __name__, "people")


@people.get("/users", responses={200: UserList})
def list_users() -> UserList:
    """Everybody who can sign in, or could if it were not for being disabled."""
    with app_services().readers() as session:
        found = session.scalars(select(User).where(User.removed_at.is_(None)).order_by(User.name))
        return UserList(items=[Person.of(each) for each in found])


@people.post("/users", responses={201: NewUserOut, 400: Problem, 403: Problem, 409: Problem})
def invite_person(body: NewUser) -> tuple[NewUserOut, int]:
    """Let somebody in (administrators only): the link signs them in once."""
    with app_services().sessions() as session:
        new = invite(session, body.name, body.role)
        link = make_sign_in_link(session, app_services().settings, new)
        note_details(name=new.name, role=new.role)
        return NewUserOut(user=Person.of(new), link=link), 201


@people.get("/users/<int:user_id>", responses={200: PersonDetail, 404: Problem})
def get_person(path: PersonPath) -> PersonDetail:
    """What administrators see of somebody: sessions and tokens, too."""
    with app_services().readers() as session:
        return _detail(session, _find(session, path.user_id))


@people.patch(
    "/users/<int:user_id>",
    responses={200: PersonDetail, 400: Problem, 404: Problem, 409: Problem},
)
def change_person(path: PersonPath, body: PersonChange) -> PersonDetail:
    """Give another name or role; disable, which ends every session and token at once, or enable."""
    with _changing(path.user_id) as (session, person):
        before: dict[str, Any] = {"name": person.name}
        if body.role is not None and body.role != person.role:
            before["role"] = change_role(session, person, body.role)
        if body.disabled is not None:
            before["disabled"] = person.disabled_at is not None
            (disable if body.disabled else enable)(session, person)
        if body.name is not None:
            rename(session, person, body.name)
        note_details(before=before, **body.model_dump(exclude_none=True))
        return _detail(session, person)


@people.delete("/users/<int:user_id>", responses={204: None, 404: Problem, 409: Problem})
def remove_person(path: PersonPath) -> tuple[str, int]:
    """Remove somebody for good. What the person made stays, under a name that nobody else can take."""
    with _changing(path.user_id) as (session, person):
        note_details(name=person.name)
        remove(session, person)
    return "", 204


@people.post("/users/<int:user_id>/link", responses={201: NewLink, 404: Problem, 409: Problem})
def make_link(path: PersonPath) -> tuple[NewLink, int]:
    """A new sign-in link for somebody who has lost theirs, or the password: it lets them set one."""
    with _changing(path.user_id) as (session, person):
        note_details(name=person.name)
        return NewLink(link=renew_link(session, app_services().settings, person)), 201


@people.delete("/users/<int:user_id>/tokens", responses={204: None, 404: Problem})
def end_all_of_person(path: PersonPath) -> tuple[str, int]:
    """End all of somebody's sessions and API tokens."""
    with app_services().readers() as session:
        note_details(name=_find(session, path.user_id).name)
    end_tokens(path.user_id, None)
    return "", 204


@people.delete("/users/<int:user_id>/tokens/<int:token_id>", responses={204: None, 404: Problem})
def end_one_of_person(path: PersonTokenPath) -> tuple[str, int]:
    """End a session or an API token of somebody."""
    with app_services().readers() as session:
        note_details(name=_find(session, path.user_id).name)
    if not end_tokens(path.user_id, None, path.token_id):
        raise NotFound(f"There is no token {path.token_id}.", remedy="Look at the list.")
    return "", 204


@contextmanager
def _changing(user_id: int) -> Iterator[tuple[Session, User]]:
    """A person, to be changed; afterwards all processes know, and what may no longer be heard is not."""
    with app_services().sessions() as session:
        yield session, _find(session, user_id)
    app_services().roles.forget_here()
    app_services().token_cache.forget()


def _find(session: Session, user_id: int) -> User:
    person = session.get(User, user_id)
    if person is None or person.removed_at is not None:
        raise NotFound(f"There is no person {user_id}.", remedy="Look at the list of people.")
    return person


def _detail(session: Session, person: User) -> PersonDetail:
    return PersonDetail(
        user=Person.of(person),
        has_password=person.password_hash is not None,
        former_names=read_former_names(session, person.id),
        sessions=read_sessions(session, person.id, token().id),
        tokens=read_tokens(session, person.id),
    )
