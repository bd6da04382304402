"""The groups of a dataset: what those whom a provider names in them are in it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from api.answer import Problem
from api.capability import PREFIX, make_blueprint
from api.datasets.group_schemas import GroupList, GroupOut, GroupPath, NewGroupRole
from api.datasets.schemas import DatasetPath
from api.people.audited import note_details
from api.people.identity import user
from api.services import app_services
from common.people.group_roles import (
    count_people,
    read_groups,
    set_group_role,
    take_group_role,
)

groups = make_blueprint("groups", __name__, "people", f"{PREFIX}/datasets/<dataset_id>")


@groups.get("/groups", responses={200: GroupList, 404: Problem})
def list_groups(path: DatasetPath) -> GroupList:
    """The groups that have a role in a dataset, by name."""
    with app_services().readers() as session:
        return _answer(session, path.dataset_id)


@groups.put("/groups/<path:name>", responses={200: GroupList, 404: Problem})
def put_group(path: GroupPath, body: NewGroupRole) -> GroupList:
    """Give a group a role, or another one: at once to all who were in it when they signed in last."""
    with app_services().sessions() as session:
        before = set_group_role(session, path.dataset_id, path.name, body.role, user().name)
        session.flush()
        answer = _answer(session, path.dataset_id)
    note_details(group=path.name, role=body.role, before=before)
    app_services().roles.forget()
    return answer


@groups.delete("/groups/<path:name>", responses={200: GroupList, 404: Problem})
def delete_group(path: GroupPath) -> GroupList:
    """Take a group's role away: what remains is what each was made, and what everybody is."""
    with app_services().sessions() as session:
        before = take_group_role(session, path.dataset_id, path.name)
        session.flush()
        answer = _answer(session, path.dataset_id)
    note_details(group=path.name, role=None, before=before)
    app_services().roles.forget()
    return answer


def _answer(session: Session, dataset_id: str) -> GroupList:
    counted = count_people(session, dataset_id)
    return GroupList(
        items=[
            GroupOut.of(each, name=each.group_name, people=counted.get(each.group_name, 0))
            for each in read_groups(session, dataset_id)
        ]
    )
