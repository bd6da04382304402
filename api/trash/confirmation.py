"""Large deletions ask people for a name. Scripts are not asked: what they delete lies in the trash as well."""

from __future__ import annotations

from flask import g

from common.errors import InvalidInput

MANY_IMAGES = 100  # deleted at once without a name


def require_confirmed(name: str, given: str | None, what: str) -> None:
    """Raises InvalidInput when somebody gave another name, or none in a browser.

    what: is deleted, as the beginning of a sentence: "Deleting the dataset 'Birds'".
    """
    if given == name or (given is None and not g.by_cookie):
        return
    told = "asks for its name" if given is None else f"asks for its name, and '{given[:80]}' is not"
    raise InvalidInput(
        f"{what} {told}.",
        remedy=f"Send confirm={name!r} with it, once somebody has typed that.",
        details={"fields": [{"field": "confirm", "reason": "differs", "value": given}]},
    )
