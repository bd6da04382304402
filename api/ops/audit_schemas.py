"""What the audit log is asked for, and what it answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from api.answer import Answer, Moment, Page
from api.request import AskedMoment, Cursor, Key, Limit, Request, Text


class AuditFilter(Request):
    """Which lines. actor: a name. act: such as `dataset.delete`, or what it begins with: `dataset`.

    since, until: moments; without a zone they are in UTC.
    """

    actor: Annotated[Text, Field(max_length=80)] | None = None
    act: Annotated[str, Field(pattern=r"^[a-z]+(\.[a-z]+)?$", max_length=40)] | None = None
    dataset_id: Key | None = None
    since: AskedMoment | None = None
    until: AskedMoment | None = None


class AuditQuery(AuditFilter):
    """A page of the lines that fit."""

    cursor: Cursor | None = None
    limit: Limit = 50


class AuditExportQuery(AuditFilter):
    """All lines that fit, as a table for spreadsheets or as JSON, one line each."""

    format: Literal["csv", "jsonl"] = "csv"


class AuditLine(Answer):
    """Something that somebody did. actor: "" when nobody had signed in. via: session, api (a token) or service.

    target: what it was done to. address: where the request came from.
    """

    id: int
    at: Moment
    actor: str
    act: str
    target: str
    dataset_id: str | None
    via: str
    address: str
    details: dict[str, Any]


class AuditPage(Page):
    """Lines, the newest first. acts: all that the log knows. kept_days: how long lines are kept; 0: for ever."""

    items: list[AuditLine]
    acts: list[str]
    kept_days: int
