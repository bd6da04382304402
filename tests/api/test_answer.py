"""What all answers have in common."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from api.answer import Answer, Moment, Number
from tests.api.conftest import Caller, Service


class Told(Answer):
    text: str
    at: Moment
    score: Number
    more: dict[str, Any] | None = None


@dataclass
class Row:
    text: str
    at: datetime
    secret: str = "42"

    @property
    def score(self) -> int:
        return 3


AT = datetime(2026, 11, 23, 8, tzinfo=UTC)


def test_an_answer_of_a_row_has_its_fields_and_no_others() -> None:
    told = Told.of(Row("a cat", AT), more=None)
    assert json.loads(told.to_json()) == {
        "text": "a cat", "at": "2026-11-23T08:00:00+00:00", "score": 3, "more": None,
    }  # fmt: skip
    assert b'"score":3,' in told.to_json()
    with pytest.raises(ValidationError):
        Told(text="a", at=AT, score=1, secret="42")  # type: ignore[call-arg]


def test_half_of_a_character_is_sent_as_json_can_say_it() -> None:
    told = Told(text="\ud800", at=AT, score=0.5, more={"\udfff": "ä"})
    assert json.loads(told.to_json()) == {
        "text": "\ud800", "at": "2026-11-23T08:00:00+00:00", "score": 0.5, "more": {"\udfff": "ä"},
    }  # fmt: skip


def test_an_answer_that_does_not_fit_is_a_fault_of_ours(service: Service, call: Caller) -> None:
    def broken() -> Told:
        return Told(text=7, at=AT, score=1)  # type: ignore[arg-type]

    service.app.add_url_rule("/api/v1/broken", view_func=broken)
    assert call("GET", "/broken", 500)["code"] == "internal"
