"""Finding what a person names."""

from __future__ import annotations

from typing import Any

from cli.client import Client
from common.errors import Conflict, NotFound

MAX_NAMES = 10


def find_dataset(client: Client, name: str) -> dict[str, Any]:
    """The dataset with this id or name. Raises NotFound, or Conflict when several have the name."""
    known = list(client.items("/datasets"))
    by_id = [dataset for dataset in known if dataset["id"] == name]
    if by_id:
        return by_id[0]
    named = [dataset for dataset in known if dataset["name"] == name]
    if len(named) > 1:
        ids = ", ".join(dataset["id"] for dataset in named)
        raise Conflict(f"{len(named)} datasets are called '{name}'.", remedy=f"Use an id: {ids}.")
    if not named:
        ids = ", ".join(dataset["id"] for dataset in known[:MAX_NAMES])
        raise NotFound(
            f"There is no dataset '{name}'.",
            remedy=f"There are: {ids}."
            if ids
            else "Import images first: clip-browser import --help",
        )
    return named[0]
