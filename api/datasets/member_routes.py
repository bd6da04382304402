"""The people of a dataset: who is what in it."""

from __future__ import annotations

from typing import cast

from sqlalchemy.orm import Session

from api.answer import Problem
from api.capability import PREFIX, make_blueprint
from api.datasets.facts import find_dataset
from api.datasets.member_schemas import Everyone, MemberList, MemberOut, MemberPath, MemberRole
from api.datasets.schemas import DatasetPath
from api.people.audited import note_details
from api.people.identity import user
from api.services import app_services
from common.people.rights import Role
from common.people.roles import read_members, set_role, take_role

members = make_blueprint("members", __name__, "people", f"{PREFIX}/datasets/<dataset_id>")


@members.get("/members", responses={200: MemberList, 404: Problem})
def list_members(path: DatasetPath) -> MemberList:
    """Who was added to a dataset, by name, and what everybody else is in it."""
    with app_services().readers() as session:
        return _answer(session, path.dataset_id)


@members.put("/members/<path:name>", responses={200: MemberList, 404: Problem, 409: Problem})
def put_member(path: MemberPath, body: MemberRole) -> MemberList:
    """Add somebody, or give another role. A dataset keeps an owner."""
    with app_services().sessions() as session:
        before = set_role(session, path.dataset_id, path.name, body.role, user().name)
        session.flush()
        answer = _answer(session, path.dataset_id)
    note_details(name=path.name, role=body.role, before=before)
    app_services().roles.forget()
    return answer


@members.delete("/members/<path:name>", responses={200: MemberList, 404: Problem, 409: Problem})
def delete_member(path: MemberPath) -> MemberList:
    """Take somebody out: what remains is what everybody is. Captions and jobs stay."""
    with app_services().sessions() as session:
        before = take_role(session, path.dataset_id, path.name)
        answer = _answer(session, path.dataset_id)
    note_details(name=path.name, role=None, before=before)
    app_services().roles.forget()
    return answer


@members.post("/leave", responses={204: None, 404: Problem, 409: Problem})
def leave(path: DatasetPath) -> tuple[str, int]:
    """Take oneself out of a dataset that one was added to."""
    with app_services().sessions() as session:
        before = take_role(session, path.dataset_id, user().name)
    note_details(before=before)
    app_services().roles.forget()
    return "", 204


@members.put("/everyone", responses={200: MemberList, 404: Problem})
def put_everyone(path: DatasetPath, body: Everyone) -> MemberList:
    """What every member of the service is in the dataset; null: only who was added sees it."""
    with app_services().sessions() as session:
        dataset = find_dataset(session, path.dataset_id)
        before, dataset.everyone_role = dataset.everyone_role, body.role
        session.flush()
        answer = _answer(session, path.dataset_id)
    note_details(role=body.role, before=before)
    app_services().roles.forget()
    return answer


def _answer(session: Session, dataset_id: str) -> MemberList:
    return MemberList(
        everyone=cast(Role | None, find_dataset(session, dataset_id).everyone_role),
        items=[
            MemberOut.of(member, name=person.name)
            for member, person in read_members(session, dataset_id)
        ],
    )
