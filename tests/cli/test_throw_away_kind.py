"""A kind of job is an entry and a body: the API, a worker, the terminal and the document follow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from common.db.engine import open_engine, session_factory
from common.db.tables import Image, now
from common.jobs.kinds import KINDS
from tests.captions import put_caption
from tests.cli.conftest import Call, Service, open_service
from tests.throw_away_kind import KIND


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """In place of the session's: one whose API and worker know the kind."""
    module = "tests.throw_away_kind"
    with open_service(tmp_path, [module, "api"], [module, "worker"]) as made:
        yield made


def add_captions(service: Service, dataset: str, captions: list[str]) -> None:
    with session_factory(open_engine(service.settings.database))() as session:
        for number, caption in enumerate(captions):
            image = Image(
                dataset_id=dataset, sha256=f"{number:064}", ext="png", filename=f"{number}.png",
                width=8, height=8, size_bytes=1, phash="0" * 16, created_at=now(),
            )  # fmt: skip
            session.add(image)
            put_caption(session, image, caption)


def test_an_entry_and_a_body_make_a_kind_of_the_whole_service(
    service: Service, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, KIND.name, KIND)
    headers = {"Authorization": f"Bearer {service.token}"}
    made = httpx.post(
        f"{service.url}/api/v1/datasets", json={"name": "Trees"}, headers=headers, timeout=60
    )
    start = (KIND.name, "--dataset", "Trees", "--follow", "--json")
    refused = call(*start)
    assert refused.code == 1
    assert "no captions yet" in refused.err
    add_captions(service, made.json()["id"], ["a green tree", "three bees, 3 of them"])
    assert call(*start).json["result"] == {"letters": 9}
    done = call(*start, "--letter", "3", "--times", "2").json
    assert done["params"] == {"letter": "3", "times": 2}
    assert (done["queue"], done["state"], done["result"]) == ("cpu", "succeeded", {"letters": 2})
    assert "letter" in call(*start, "--letter", "long").err
    assert '--letter ("e"), --times (1)' in " ".join(call(KIND.name, "--help").out.split())
    again = call("clone", done["id"], "--letter", "b", "--follow", "--json").json
    assert again["params"] == {"letter": "b", "times": 2}
    document = httpx.get(f"{service.url}/openapi.json", timeout=60).json()
    schemas = document["components"]["schemas"]
    assert KIND.name in schemas["NewJob"]["properties"]["kind"]["enum"]
    assert schemas["params_count_letter"]["properties"]["letter"]["default"] == "e"
    assert document["x-job-kinds"][-1]["title"] == "Count a letter"
