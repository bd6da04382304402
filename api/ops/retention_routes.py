"""What is kept no longer: a list, and its removal now instead of in some hours."""

from __future__ import annotations

from itertools import groupby

from api.answer import Answer, Problem
from api.capability import make_blueprint
from api.jobs.submission import dispatch
from api.services import Services, app_services
from common.db.tables import now
from common.retention import Leftover, count_rows, find_files, plan_removal, trim_rows

retention = make_blueprint("retention", __name__, "ops")
SHOWN = 1000


class LeftoverOut(Answer):
    """What goes. name: a folder or file of the store; "" of rows, which have no size of their own."""

    what: str
    name: str
    count: int
    size_bytes: int


class RetentionOut(Answer):
    """All that goes, the first thousand by name; totals of each `what` have the name ""."""

    items: list[LeftoverOut]
    totals: list[LeftoverOut]


@retention.get("/retention", responses={200: RetentionOut, 403: Problem})
def get_retention() -> RetentionOut:
    """What goes next by the settings CLIP_BROWSER_KEEP_... (administrators only); nothing is removed."""
    return _answer(_found(app_services()))


@retention.post("/retention", responses={202: RetentionOut, 403: Problem})
def apply_retention() -> tuple[RetentionOut, int]:
    """Let it go now (administrators only): rows in the coming minutes, files in jobs that look again."""
    services = app_services()
    found = _found(services)
    with services.sessions() as session:
        jobs = plan_removal(session, found)
        trim_rows(session, services.settings, now())
    for job in jobs:
        dispatch(services, job)
    return _answer(found), 202


def _found(services: Services) -> list[Leftover]:
    moment = now()
    with services.readers() as session:
        rows = count_rows(session, services.settings, moment)
        return [*rows, *find_files(session, services.store, services.settings, moment)]


def _answer(found: list[Leftover]) -> RetentionOut:
    totals = []
    for what, each in groupby(sorted(found, key=lambda one: one.what), key=lambda one: one.what):
        listed = list(each)
        count, size = sum(one.count for one in listed), sum(one.size_bytes for one in listed)
        totals.append(LeftoverOut(what=what, name="", count=count, size_bytes=size))
    items = [LeftoverOut(**vars(one)) for one in found if one.name]
    return RetentionOut(items=items[:SHOWN], totals=totals)
