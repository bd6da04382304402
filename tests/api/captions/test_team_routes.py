"""Progress of the dataset, and who did what on which day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from api.response_cache import ResponseCache
from common.db.tables import CaptionRevision, Review, now
from tests.api.conftest import Caller, Service


def team(service: Service, call: Caller, dataset: str, days: int = 14) -> Any:
    object.__setattr__(service.services, "response_cache", ResponseCache())
    return call("GET", f"/datasets/{dataset}/team?days={days}")


def test_an_empty_dataset_has_nobody(any_service: Service, call_any: Caller) -> None:
    counts = {"images": 0, "captioned": 0, "reviewed": 0, "flagged": 0, "captions": 0}
    found = team(any_service, call_any, call_any.dataset())
    assert found == {"counts": counts, "people": [], "days": []}


def test_captions_and_reviews_are_counted_for_each_person(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 4)
    any_service.save(ids[0], "a cat", author="ada")
    any_service.save(ids[0], "a red cat", author="ada", base=1)  # the same caption: counts once
    any_service.save(ids[0], "a second one", slot=1, author="ada")
    any_service.save(ids[1], "a dog", author="eve")
    any_service.save(ids[2], "a mistake", author="eve")
    any_service.save(ids[2], None, author="ada", base=1)
    body = {"reviewed": True, "revision": 2}
    call_any("PUT", f"/images/{ids[0]}/review", json=body)
    call_any("PUT", f"/images/{ids[0]}/review", json=body | {"reviewed": False})
    call_any("PUT", f"/images/{ids[0]}/review", json=body)
    call_any("PUT", f"/images/{ids[3]}/flag", json={"flagged": True})
    any_service.save(any_service.add_images(call_any.dataset("Dogs"), 1)[0], "elsewhere")
    found = team(any_service, call_any, dataset)
    assert found["counts"] == {
        "images": 4, "captioned": 2, "reviewed": 1, "flagged": 1, "captions": 3,
    }  # fmt: skip
    numbers = [
        (who["name"], who["captions"], who["reviews"], who["today_captions"], who["today_reviews"])
        for who in found["people"]
    ]
    assert numbers == [("ada", 2, 0, 2, 0), ("eve", 2, 0, 2, 0), ("admin", 0, 1, 0, 1)]
    today = datetime.now(UTC).date().isoformat()
    assert found["days"] == [
        {"day": today, "name": "ada", "captions": 2, "reviews": 0},
        {"day": today, "name": "admin", "captions": 0, "reviews": 1},
        {"day": today, "name": "eve", "captions": 2, "reviews": 0},
    ]


def test_days_are_those_of_utc_and_end_where_asked(any_service: Service, call_any: Caller) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 3, captioned=3)
    today = now().replace(hour=0, minute=0, second=0, microsecond=0)
    moments = [today, today - timedelta(microseconds=1), today - timedelta(days=2)]
    with any_service.services.sessions() as session:
        for image_id, moment in zip(ids, moments, strict=True):
            session.execute(
                update(CaptionRevision)
                .where(CaptionRevision.image_id == image_id)
                .values(created_at=moment)
            )
        session.add(Review(image_id=ids[0], reviewer="eve", author="ada", created_at=moments[1]))
    found = team(any_service, call_any, dataset, days=2)
    yesterday = (today - timedelta(days=1)).date().isoformat()
    assert [
        (day["day"], day["name"], day["captions"], day["reviews"]) for day in found["days"]
    ] == [
        (yesterday, "ada", 1, 0),
        (yesterday, "eve", 0, 1),
        (today.date().isoformat(), "ada", 1, 0),
    ]
    ada = found["people"][0]
    assert (ada["captions"], ada["today_captions"], ada["last_at"]) == (3, 1, today.isoformat())
    assert len(team(any_service, call_any, dataset, days=3)["days"]) == 4


@pytest.mark.parametrize("days", ["0", "367", "x", "-1", "1.5", ""])
def test_days_out_of_range_are_refused(call: Caller, days: str) -> None:
    bad = call("GET", f"/datasets/{call.dataset()}/team?days={days}", 400)
    assert bad["code"] == "invalid_input"


def test_no_dataset_has_no_team(call: Caller) -> None:
    assert call("GET", "/datasets/nobody/team", 404)["code"] == "not_found"
