"""What the captions worker is asked for besides saves: how it stands in a message, and the answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from common.captions.claims import (
    Claimed,
    ClaimedRow,
    Claimer,
    GiveBack,
    NextImages,
    Outcome,
    ThisImage,
)
from common.captions.heads import Head
from common.errors import ClipBrowserError, error_from_dict

Ask = NextImages | ThisImage | GiveBack
KINDS: dict[str, type[Ask]] = {"next": NextImages, "this": ThisImage, "back": GiveBack}
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
    fields = {name: entry[name] for name in kind._fields if name in entry}
    if "claimer" in fields:
        fields["claimer"] = Claimer(*fields["claimer"])
    if "until" in fields:
        fields["until"] = datetime.fromisoformat(fields["until"])
    return kind(**fields)


def write_outcome(outcome: Outcome) -> dict[str, Any]:
    """The answer as JSON takes it."""
    if isinstance(outcome, ClipBrowserError):
        return {"error": outcome.to_dict()}
    if isinstance(outcome, list):
        return {"claimed": [_write_claimed(one) for one in outcome]}
    return _write_claimed(outcome)


def read_outcome(answer: dict[str, Any]) -> Outcome:
    """What `write_outcome` wrote."""
    if "error" in answer:
        return error_from_dict(answer["error"])
    if "claimed" in answer:
        return [_read_claimed(one) for one in answer["claimed"]]
    return _read_claimed(answer)


def _write_claimed(claimed: Claimed) -> dict[str, Any]:
    heads = [[_plain(value) for value in head] for head in claimed.heads]
    return {"image": [_plain(value) for value in claimed.image], "heads": heads}


def _read_claimed(answer: dict[str, Any]) -> Claimed:
    image = ClaimedRow(*answer["image"])
    moments: dict[str, Any] = {name: _moment(getattr(image, name)) for name in _MOMENTS}
    for head in answer["heads"]:
        head[_SAVED_AT] = _moment(head[_SAVED_AT])
    return Claimed(image._replace(**moments), [Head(*head) for head in answer["heads"]])


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
