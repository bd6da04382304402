"""What the captions worker is asked for besides saves: how it stands in a message, and the answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from common.captions.claims import (
    Claimed,
    ClaimedRow,
    Claimer,
    GiveBack,
    NextImage,
    Outcome,
    ThisImage,
)
from common.captions.heads import Head
from common.errors import ClipBrowserError, error_from_dict

Ask = NextImage | ThisImage | GiveBack
KINDS: dict[str, type[Ask]] = {"next": NextImage, "this": ThisImage, "back": GiveBack}
_NAMES = {kind: name for name, kind in KINDS.items()}
_MOMENTS = ("created_at", "flagged_at", "reviewed_at", "claim_until")
_SAVED_AT = Head._fields.index("saved_at")


def write_ask(ask: Ask) -> dict[str, Any]:
    """An entry of a message; a save is one without `ask`."""
    fields = {name: _plain(value) for name, value in ask._asdict().items()}
    return {"ask": _NAMES[type(ask)], **fields}


def read_ask(entry: dict[str, Any]) -> Ask:
    """What `write_ask` wrote; other fields of the entry are passed over."""
    kind = KINDS[entry["ask"]]
    fields = {name: entry[name] for name in kind._fields}
    if "claimer" in fields:
        fields["claimer"] = Claimer(*fields["claimer"])
    if "until" in fields:
        fields["until"] = datetime.fromisoformat(fields["until"])
    return kind(**fields)


def write_outcome(outcome: Outcome) -> dict[str, Any]:
    """The answer as JSON takes it."""
    if isinstance(outcome, ClipBrowserError):
        return {"error": outcome.to_dict()}
    if outcome is None:
        return {}
    heads = [[_plain(value) for value in head] for head in outcome.heads]
    return {"image": [_plain(value) for value in outcome.image], "heads": heads}


def read_outcome(answer: dict[str, Any]) -> Outcome:
    """What `write_outcome` wrote."""
    if "error" in answer:
        return error_from_dict(answer["error"])
    if not answer:
        return None
    image = ClaimedRow(*answer["image"])
    moments: dict[str, Any] = {name: _moment(getattr(image, name)) for name in _MOMENTS}
    for head in answer["heads"]:
        head[_SAVED_AT] = _moment(head[_SAVED_AT])
    return Claimed(image._replace(**moments), [Head(*head) for head in answer["heads"]])


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
