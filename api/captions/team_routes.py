"""How far a dataset is, and who did what on which day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, distinct, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from api.answer import Problem
from api.capability import make_blueprint
from api.captions.review_schemas import Day, Member, Team, TeamCounts, TeamQuery
from api.datasets.facts import find_dataset
from api.datasets.schemas import DatasetPath
from api.services import Services, app_services
from common.captions.text import MAX_CAPTIONS
from common.db.tables import Caption, CaptionRevision, Image, Review, now

team = make_blueprint("team", __name__, "captions")
BULK = ("edit", "undo")  # how the client ids of these jobs begin
PerDay = dict[tuple[str, str], int]  # {(day, name): number}


@dataclass(frozen=True)
class Work:
    """A kind of work: who did it, on which image, what counts once, and when."""

    who: InstrumentedAttribute[str]
    image_id: InstrumentedAttribute[int]
    once: ColumnElement[int]
    at: InstrumentedAttribute[datetime]
    is_done: ColumnElement[bool]


CAPTIONS = Work(
    CaptionRevision.author,
    CaptionRevision.image_id,
    CaptionRevision.image_id * MAX_CAPTIONS + CaptionRevision.slot,  # the number of a slot
    CaptionRevision.created_at,
    and_(  # what a bulk edit or its undo wrote is nobody's captioning
        CaptionRevision.text.is_not(None),
        *(CaptionRevision.client_id.not_like(f"{verb}:%") for verb in BULK),
    ),
)
REVIEWS = Work(
    Review.reviewer,
    Review.image_id,
    Review.image_id.expression,
    Review.created_at,
    Review.id.is_not(None),
)


@team.get("/datasets/<dataset_id>/team", responses={200: Team, 400: Problem, 404: Problem})
def get_team(path: DatasetPath, query: TeamQuery) -> Team:
    """The dataset's progress, and what each person did on each day. May lag a little behind."""
    with app_services().readers() as session:
        find_dataset(session, path.dataset_id)
    services, key = app_services(), f"team:{path.dataset_id}:{query.days}"
    always_changing = object()
    return services.response_cache.get(
        key, always_changing, lambda: read_team(services, path.dataset_id, query.days)
    )


def read_team(services: Services, dataset_id: str, days: int) -> Team:
    """Counts, people and the last `days` days (UTC), as they stand now."""
    today = now().replace(hour=0, minute=0, second=0, microsecond=0)
    since = today - timedelta(days=days - 1)
    with services.readers() as session:
        counts = _counts(session, dataset_id)
        people = [_by_person(session, dataset_id, work) for work in (CAPTIONS, REVIEWS)]
        on_days = [_by_day(session, dataset_id, work, since) for work in (CAPTIONS, REVIEWS)]
    return Team(
        counts=counts,
        people=_people(people[0], people[1], on_days, today.date().isoformat()),
        days=[
            Day(day=day, name=name, **_numbers(on_days, (day, name)))
            for day, name in sorted({*on_days[0], *on_days[1]})
        ],
    )


def _counts(session: Session, dataset_id: str) -> TeamCounts:
    noted = (Image.is_captioned, Image.reviewed_by.is_not(None), Image.flagged_by.is_not(None))
    numbers = [func.coalesce(func.sum(case((fact, 1), else_=0)), 0) for fact in noted]
    images, captioned, reviewed, flagged = session.execute(
        select(func.count(), *numbers).where(Image.dataset_id == dataset_id)
    ).one()
    captions = session.execute(
        select(func.count())
        .select_from(Caption)
        .join(Image, Image.id == Caption.image_id)
        .where(Image.dataset_id == dataset_id, Caption.text.is_not(None))
    ).scalar_one()
    return TeamCounts(
        images=images,
        captioned=captioned,
        reviewed=reviewed,
        flagged=flagged,
        captions=captions,
    )


def _by_person(session: Session, dataset_id: str, work: Work) -> dict[str, tuple[int, datetime]]:
    """How much each person ever did, and when they did the last of it."""
    rows = session.execute(
        select(work.who, func.count(distinct(work.once)), func.max(work.at))
        .join(Image, Image.id == work.image_id)
        .where(Image.dataset_id == dataset_id, work.is_done)
        .group_by(work.who)
    )
    return {name: (number, last) for name, number, last in rows}


def _by_day(session: Session, dataset_id: str, work: Work, since: datetime) -> PerDay:
    day = _day(session, work.at)
    rows = session.execute(
        select(day, work.who, func.count(distinct(work.once)))
        .join(Image, Image.id == work.image_id)
        .where(Image.dataset_id == dataset_id, work.is_done, work.at >= since)
        .group_by(day, work.who)
    )
    return {(on, name): number for on, name, number in rows}


def _day(session: Session, at: InstrumentedAttribute[datetime]) -> ColumnElement[str]:
    """The day in UTC, such as 2026-11-23."""
    if session.get_bind().dialect.name == "sqlite":
        return func.date(at)  # stored in UTC
    return func.to_char(func.timezone("UTC", at), "YYYY-MM-DD")


def _people(
    written: dict[str, tuple[int, datetime]],
    reviewed: dict[str, tuple[int, datetime]],
    on_days: list[PerDay],
    today: str,
) -> list[Member]:
    found = []
    for name in {*written, *reviewed}:
        lasts = [done[name][1] for done in (written, reviewed) if name in done]
        numbers = _numbers(on_days, (today, name))
        member = Member(
            name=name,
            captions=written[name][0] if name in written else 0,
            reviews=reviewed[name][0] if name in reviewed else 0,
            today_captions=numbers["captions"],
            today_reviews=numbers["reviews"],
            last_at=max(lasts),
        )
        found.append(member)
    return sorted(found, key=lambda one: (-one.captions - one.reviews, one.name))


def _numbers(on_days: list[PerDay], place: tuple[str, str]) -> dict[str, int]:
    return {"captions": on_days[0].get(place, 0), "reviews": on_days[1].get(place, 0)}
