"""What a service says about all it holds, over HTTP alone, and what of that has changed.

`read_facts` asks any version of the service; `changes` compares what two of them answered.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import Any

import httpx

Facts = dict[str, Any]
FILES = ("index.csv", "train_original.csv", "val.csv", "train.csv")
ENDED = ("succeeded", "failed", "stopped")
TERMINAL = "the terminal on this machine"  # its token is made anew at each start
NEAR = 5e-3  # what figures of a model may differ by on another processor
VOLATILE = {
    "seq", "queue_position", "eta_s", "log_url", "claimed_by", "claim_until", "may_pause", "workers",
    "estimate", "forecast", "starts_at", "last_at", "took_ms", "progress", "steps",
}  # fmt: skip


def read_facts(http: httpx.Client, queries: dict[str, str]) -> Facts:
    """Everything that must be the same afterwards. queries: for each dataset, what to search for."""
    datasets = list(_all(http, "/datasets"))
    jobs = [job for job in _all(http, "/jobs") if job["state"] in ENDED]
    return {
        "users": list(_all(http, "/users")),
        "tokens": [token for token in _get(http, "/tokens")["items"] if token["name"] != TERMINAL],
        "synonyms": _get(http, "/synonyms")["version"],
        "models": [model for model in _all(http, "/models") if model["kind"] == "finetuned"],
        "jobs": {job["id"]: job for job in jobs},
        "logs": {job["id"]: _text(http, f"/jobs/{job['id']}/log") for job in jobs},
        "metrics": {job["id"]: _get(http, f"/jobs/{job['id']}/metrics") for job in jobs},
        "datasets": {
            each["id"]: read_dataset(http, each["id"], queries.get(each["id"])) for each in datasets
        },
    }


def read_dataset(http: httpx.Client, dataset_id: str, query: str | None) -> Facts:
    """A dataset with its images, their captions and marks, its files, variants, search and map."""
    path = f"/datasets/{dataset_id}"
    images = list(_all(http, f"{path}/images"))
    facts = {
        "dataset": _get(http, path),
        "images": {str(image["id"]): image for image in images},
        "histories": {
            str(image["id"]): _get(http, f"/images/{image['id']}/captions")["items"]
            for image in images
        },
        "originals": {str(image["id"]): _sha256(http, image["url"]) for image in images},
        "suggestions": {
            str(image["id"]): _get(http, f"/images/{image['id']}/suggestions")["items"]
            for image in images[:3]
        },
        "files": {name: _text_or_none(http, f"{path}/files/{name}") for name in FILES},
        "synonyms": _get(http, f"{path}/synonyms"),
        "variants": list(_all(http, f"{path}/variants")),
        "indexes": _get(http, f"{path}/indexes")["items"],
    }
    if query is not None:
        facts["search"] = _get(http, f"{path}/search", q=query, k=50)
        facts["map"] = _get(http, f"{path}/map")
    return facts


def changes(before: Any, after: Any, where: str = "") -> list[str]:
    """Where the answers differ, in words. What is new is none; figures may differ a little."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            change
            for key, value in before.items()
            if key not in VOLATILE
            for change in changes(value, after.get(key, "(missing)"), f"{where}/{key}")
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        if where.endswith("/hits"):
            before, after = (
                sorted(hits, key=lambda hit: hit["image_id"]) for hits in (before, after)
            )
        return [
            change
            for number, pair in enumerate(zip(before, after, strict=True))
            for change in changes(*pair, f"{where}/{number}")
        ]
    return [] if _same(before, after) else [f"{where}: {before!r} was, {after!r} is"]


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, float) and isinstance(after, (int, float)):
        return math.isclose(before, after, rel_tol=NEAR, abs_tol=NEAR)
    return bool(before == after)


def _get(http: httpx.Client, path: str, **query: Any) -> Any:
    answer = http.get(path, params=query)
    assert answer.status_code == 200, f"GET {path}: {answer.status_code} {answer.text[:500]}"
    return answer.json()


def _all(http: httpx.Client, path: str) -> Iterator[Any]:
    cursor: str | None = ""
    while cursor is not None:
        page = _get(http, path, **({"cursor": cursor} if cursor else {}))
        yield from page["items"]
        cursor = page.get("next_cursor")


def _text(http: httpx.Client, path: str) -> str:
    answer = http.get(path)
    assert answer.status_code == 200, f"GET {path}: {answer.status_code} {answer.text[:500]}"
    return answer.text


def _text_or_none(http: httpx.Client, path: str) -> str | None:
    answer = http.get(path)
    return answer.text if answer.status_code == 200 else None


def _sha256(http: httpx.Client, url: str) -> str:
    answer = http.get(httpx.URL(str(http.base_url)).join(url))
    assert answer.status_code == 200, f"GET {url}: {answer.status_code}"
    return hashlib.sha256(answer.content).hexdigest()
